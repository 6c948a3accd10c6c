//! What the server answers: data only, `connection` puts it on the wire.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// One response. A clone shares the body.
///
/// The connection is kept open afterwards, unless a method says otherwise.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) kind: Kind,
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) framing: Framing,
    pub(crate) delay: Duration,
    pub(crate) head_pace: Option<Duration>,
    pub(crate) body_pace: Option<Duration>,
    pub(crate) cut: Option<usize>,
    pub(crate) endless: bool,
    headers: Vec<(String, String)>,
    then_close: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Answer { status: u16 },
    Raw,
    Reset,
    Silence,
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A true `Content-Length`. The default.
    Length,
    /// This `Content-Length`, whatever the body; closes after the body.
    LyingLength(u64),
    /// Chunked.
    Chunked,
    /// One chunk that announces a byte more than it brings; closes after it.
    CutChunk,
    /// `Connection: close` and no length.
    UntilClose,
    /// No length and no body, as 204 and 304 have it.
    None,
}

impl Reply {
    /// A HAL response.
    pub fn json(status: u16, body: impl Into<String>) -> Reply {
        Reply::bytes(status, "application/hal+json", body.into())
    }

    /// A response of any content type.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply::new(Kind::Answer { status }, body.into()).header("Content-Type", content_type)
    }

    /// An error as Mode words it: `{"id": …, "message": …}`.
    pub fn error(status: u16, id: &str, message: &str) -> Reply {
        let (id, message) = (quoted(id), quoted(message));
        Reply::json(status, format!(r#"{{"id":{id},"message":{message}}}"#))
    }

    /// These bytes in place of an HTTP response; then closes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::new(Kind::Raw, bytes.into()).framing(Framing::UntilClose)
    }

    /// Closes without a byte.
    pub fn close() -> Reply {
        Reply::raw([])
    }

    /// Breaks the connection off: the client sees a reset.
    ///
    /// Done by closing with unread bytes in the socket, which Linux and Windows answer with a reset.
    pub fn reset() -> Reply {
        Reply::new(Kind::Reset, Vec::new())
    }

    /// Sends nothing, until the client leaves, the server stops, or a minute is over.
    pub fn silence() -> Reply {
        Reply::new(Kind::Silence, Vec::new())
    }

    /// Adds a header. Two of one name are possible.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Default: [`Framing::Length`].
    pub fn framing(mut self, framing: Framing) -> Reply {
        self.framing = framing;
        self
    }

    /// Waits this long before the first byte.
    pub fn delay(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Sends one byte at a time with this pause after each, the head included.
    pub fn drip(mut self, pause: Duration) -> Reply {
        self.head_pace = Some(pause);
        self.drip_body(pause)
    }

    /// Sends the head at once, then the body one byte at a time with this pause after each.
    pub fn drip_body(mut self, pause: Duration) -> Reply {
        self.body_pace = Some(pause);
        self
    }

    /// Sends only this many bytes, the head's included; then closes.
    pub fn cut(mut self, bytes: usize) -> Reply {
        self.cut = Some(bytes);
        self
    }

    /// Sends the whole response as if the connection stayed open; then closes.
    pub fn then_close(mut self) -> Reply {
        self.then_close = true;
        self
    }

    /// Repeats the body for ever. Choose a framing that allows it: chunked, until close, or a huge lying length.
    ///
    /// # Panics
    ///
    /// If the body is empty.
    pub fn endless(mut self) -> Reply {
        assert!(!self.body.is_empty(), "an empty body cannot be repeated");
        self.endless = true;
        self
    }

    /// The status, if this is an HTTP response.
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            Kind::Answer { status } => Some(status),
            _ => None,
        }
    }

    fn new(kind: Kind, body: Vec<u8>) -> Reply {
        Reply {
            kind,
            body: Arc::new(body),
            framing: Framing::Length,
            delay: Duration::ZERO,
            head_pace: None,
            body_pace: None,
            cut: None,
            endless: false,
            headers: Vec::new(),
            then_close: false,
        }
    }

    /// Status line and headers; empty unless this is an HTTP response.
    pub(crate) fn head(&self) -> String {
        let Some(status) = self.status() else {
            return String::new();
        };
        let mut head = format!("HTTP/1.1 {status} \r\n");
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &match self.framing {
            Framing::Length => format!("Content-Length: {}\r\n", self.body.len()),
            Framing::LyingLength(length) => format!("Content-Length: {length}\r\n"),
            Framing::Chunked | Framing::CutChunk => "Transfer-Encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => "Connection: close\r\n".to_owned(),
            Framing::None => String::new(),
        };
        head + "\r\n"
    }

    pub(crate) fn keeps_open(&self) -> bool {
        let framed = matches!(
            self.framing,
            Framing::Length | Framing::Chunked | Framing::None
        );
        framed && self.cut.is_none() && !self.then_close
    }
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..' ' => write!(json, "\\u{:04x}", u32::from(c)).expect("a String takes all"),
            _ => json.push(c),
        }
    }
    json + "\""
}
