//! One connection: requests in, replies out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::reply::{Framing, Kind, Reply};
use crate::request::{Request, peek_head};
use crate::server::Shared;

/// A chunk of a chunked body, and the least that an endless body sends at once.
const CHUNK: usize = 64 * 1024;

/// Answers requests until either side is done with the connection.
pub(crate) fn serve(mut stream: &TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    loop {
        let (head, unread) = peek_head(stream)?;
        let request = Request::parse(&head, number).ok_or(ErrorKind::InvalidData)?;
        let last = request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let reply = shared.answer(request);
        if reply.kind == Kind::Reset {
            return shared.pause(reply.delay);
        }
        stream.read_exact(&mut vec![0; unread])?;
        if reply.kind == Kind::Silence {
            return wait_for_end(stream);
        }
        let left = reply.cut.unwrap_or(usize::MAX);
        let mut wire = Wire {
            stream,
            shared,
            left,
        };
        wire.deliver(&reply)?;
        if last || !reply.keeps_open() {
            return Ok(());
        }
    }
}

fn wait_for_end(mut stream: &TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 512])? > 0 {}
    Ok(())
}

struct Wire<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
    /// How many bytes may still be sent.
    left: usize,
}

impl Wire<'_> {
    fn deliver(&mut self, reply: &Reply) -> io::Result<()> {
        self.shared.pause(reply.delay)?;
        self.send(reply.head().as_bytes(), reply.head_pace)?;
        if !reply.endless {
            self.send_body(&reply.body, reply)?;
        } else {
            let body = reply.body.repeat(CHUNK.div_ceil(reply.body.len()));
            loop {
                self.send_body(&body, reply)?;
            }
        }
        match reply.framing {
            Framing::Chunked => self.send(b"0\r\n\r\n", reply.body_pace),
            _ => Ok(()),
        }
    }

    fn send_body(&mut self, body: &[u8], reply: &Reply) -> io::Result<()> {
        let pace = reply.body_pace;
        match reply.framing {
            Framing::None => Ok(()),
            Framing::Chunked => body.chunks(CHUNK).try_for_each(|chunk| {
                let size = format!("{:x}\r\n", chunk.len());
                self.send(&[size.as_bytes(), chunk, b"\r\n"].concat(), pace)
            }),
            Framing::CutChunk => {
                let size = format!("{:x}\r\n", body.len() + 1);
                self.send(size.as_bytes(), pace)?;
                self.send(body, pace)
            }
            Framing::Length | Framing::LyingLength(_) | Framing::UntilClose => {
                self.send(body, pace)
            }
        }
    }

    /// Sends `bytes`, one at a time if there is a pace. Fails where the reply is to be cut.
    fn send(&mut self, bytes: &[u8], pace: Option<Duration>) -> io::Result<()> {
        let bytes = &bytes[..bytes.len().min(self.left)];
        self.left -= bytes.len();
        match pace {
            None => self.stream.write_all(bytes)?,
            Some(pause) => bytes.chunks(1).try_for_each(|byte| {
                self.stream.write_all(byte)?;
                self.shared.pause(pause)
            })?,
        }
        if self.left == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        Ok(())
    }
}
