//! What the client sent.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// A longer request head ends its connection.
const MAX_HEAD: usize = 1 << 20;

/// One request, as it came. It has no body: Mode is only asked with GET here.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The request target: path and query, not decoded.
    pub target: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The number of the connection that the request came on; the server's first is 0.
    pub connection: usize,
}

impl Request {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The target up to its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first query parameter of this name, not decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn parse(head: &[u8], connection: usize) -> Option<Request> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            connection,
        })
    }
}

/// The next request head, and how many of its bytes are still unread in the socket: one at least, so that
/// [`Reply::reset`](crate::Reply::reset) can leave them there.
pub(crate) fn peek_head(mut stream: &TcpStream) -> io::Result<(Vec<u8>, usize)> {
    let mut head = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let peeked = stream.peek(&mut buffer)?;
        if peeked == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let read = head.len();
        head.extend_from_slice(&buffer[..peeked]);
        let searched = read.saturating_sub(3);
        if let Some(at) = head[searched..].windows(4).position(|w| w == b"\r\n\r\n") {
            head.truncate(searched + at + 4);
            let unread = head.len() - read;
            return Ok((head, unread));
        }
        if head.len() > MAX_HEAD {
            return Err(ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut buffer[..peeked])?;
    }
}
