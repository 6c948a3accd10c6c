//! [`Error`], [`ErrorKind`] and the status table.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::error::Category;

use crate::credentials::Credentials;
use crate::json::{self, Object, Words};
use crate::retry;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with a call, and what to do about it.
///
/// Its text reads `GET /api/acme/memberships: 404 not_found: <message> (<what to do>)`. It never holds a query, the
/// token, the secret, or a value out of a successful answer. A cause outside this crate (an [`std::io::Error`]) is in
/// [`source()`](std::error::Error::source) and not in the text; `{:?}` shows both.
///
/// ```
/// use mode_analytics::{Credentials, ErrorKind};
///
/// let error = Credentials::new("to:ken", "secret").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(error.to_string(), "the token must not contain `:`");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    request: String,
    text: String,
    hint: Cow<'static, str>,
    answer: Answer,
    attempts: u32,
    retryable: bool,
    source: Option<std::io::Error>,
}

/// What is known of an answer whose status is not 200.
#[derive(Default)]
struct Answer {
    status: Option<u16>,
    id: Option<String>,
    message: Option<String>,
    retry_after: Option<Duration>,
}

/// What sort of thing went wrong: the coarse answer, for a `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument, setting or credential was refused before anything was sent.
    InvalidInput,
    /// `MODE_API_TOKEN` or `MODE_API_SECRET` is unset or empty.
    MissingCredentials,
    /// The connection failed, broke, or did not speak HTTP; or the name did not resolve.
    Transport,
    /// No trust could be established with the server: its certificate, or the handshake.
    Tls,
    /// No complete answer within the attempt's or the call's time.
    Timeout,
    /// Status 400, or the id `bad_request`.
    BadRequest,
    /// Status 401, or the id `unauthorized`: token or secret is wrong.
    Unauthorized,
    /// Status 403, or the id `forbidden`: the key lacks permission.
    Forbidden,
    /// Status 404, or the id `not_found`: no such workspace or resource, or the key cannot see it.
    NotFound,
    /// Status 429: too many requests. Mode allows about 40 in any 10 seconds.
    RateLimited,
    /// Any status from 500 to 599.
    Server,
    /// Any other status that is not 200, redirects included: none is followed.
    UnexpectedStatus,
    /// The answer's body is larger than `max_response_bytes`.
    TooLarge,
    /// The answer is not what was asked for: not JSON, JSON of another shape, a listing with rows missing.
    Decode,
}

impl ErrorKind {
    fn of(status: u16, id: Option<&str>) -> Self {
        match (id, status) {
            (Some("bad_request"), _) => Self::BadRequest,
            (Some("unauthorized"), _) => Self::Unauthorized,
            (Some("forbidden"), _) => Self::Forbidden,
            (Some("not_found"), _) => Self::NotFound,
            (_, 400) => Self::BadRequest,
            (_, 401) => Self::Unauthorized,
            (_, 403) => Self::Forbidden,
            (_, 404) => Self::NotFound,
            (_, 429) => Self::RateLimited,
            (_, 500..=599) => Self::Server,
            _ => Self::UnexpectedStatus,
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Unauthorized => "check token and secret",
            Self::Forbidden => "the key lacks permission for this",
            Self::NotFound => "verify the workspace name, the one in app.mode.com/<workspace>",
            Self::RateLimited => "slow down: Mode allows about 40 requests in 10 seconds",
            Self::Transport => "check the network and the proxy variables",
            Self::Timeout => "try later, or raise the timeout",
            Self::Server => "a failure on Mode's side: try later",
            Self::Tls => {
                "a proxy that re-signs traffic needs the feature `platform-verifier` and `system_roots()`"
            }
            _ => "",
        }
    }
}

impl Error {
    /// What sort of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status, where the server answered with one other than 200.
    pub fn status(&self) -> Option<u16> {
        self.0.answer.status
    }

    /// Mode's own id of the error, such as `not_found`, cleaned like [`api_message()`](Self::api_message).
    pub fn api_id(&self) -> Option<&str> {
        self.0.answer.id.as_deref()
    }

    /// Mode's own words, safe to print: the credentials are blanked, at most 300 characters are kept, and those that
    /// move a terminal's cursor, reverse the text or are invisible are escaped.
    pub fn api_message(&self) -> Option<&str> {
        self.0.answer.message.as_deref()
    }

    /// How long the server asked to wait (`Retry-After`), where it did so in a form that HTTP knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.answer.retry_after
    }

    /// How often the request that failed was sent; 0 where nothing was.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the same call may well succeed later: a status or a broken connection of the sort that is retried.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        let (text, hint) = (text.into(), kind.hint().into());
        let (request, answer) = (String::new(), Answer::default());
        Self(Box::new(Inner {
            kind,
            request,
            text,
            hint,
            answer,
            attempts: 0,
            retryable: false,
            source: None,
        }))
    }

    /// An answer whose status is not 200. Its body may be anything.
    pub(crate) fn from_status(
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
        keys: &Credentials,
    ) -> Self {
        #[derive(Default, Deserialize)]
        struct Body {
            id: Option<Words>,
            message: Option<Words>,
        }

        let Body { id, message } = json::read(body)
            .map(|Object(body)| body)
            .unwrap_or_default();
        let kind = ErrorKind::of(status, id.as_ref().map(|id| &*id.text));
        let [id, message] = [id, message]
            .map(|words| Some(keys.clean(&words?.text)).filter(|text| !text.is_empty()));

        let mut text = status.to_string();
        id.iter().for_each(|id| text.extend([" ", id]));
        message
            .iter()
            .for_each(|message| text.extend([": ", message]));
        let mut error = Self::new(kind, text);
        if let (ErrorKind::RateLimited, Some(wait)) = (kind, retry_after) {
            error.0.hint = format!("wait {} s", wait.as_secs_f64().ceil()).into();
        }
        error.0.retryable = retry::is_retried_status(status);
        error.0.answer = Answer {
            status: Some(status),
            id,
            message,
            retry_after,
        };
        error
    }

    /// A 200 answer that serde_json refused. Its own text quotes the body, so only position and our own words are kept.
    pub(crate) fn decode(error: &serde_json::Error) -> Self {
        const OUR_WORDS: [&str; 4] = ["state", "username", "_embedded", "memberships"];
        let position = format!(" at line {} column {}", error.line(), error.column());
        let ours = OUR_WORDS.map(|field| format!("missing field `{field}`"));
        let text = error.to_string();
        let ours = ours.iter().find(|ours| text == format!("{ours}{position}"));
        let what = match error.classify() {
            Category::Data => ours.map_or("JSON of another shape than expected", |ours| ours),
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "not JSON",
        };
        Self::new(
            ErrorKind::Decode,
            format!("cannot read the answer: {what}{position}"),
        )
    }

    /// Says which request it was. `path` may carry a query, which is dropped.
    pub(crate) fn of_request(mut self, path: &str, attempts: u32, keys: &Credentials) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        self.0.request = format!("GET {}: ", keys.clean(path));
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.0.hint = hint.into();
        self
    }

    pub(crate) fn with_source(mut self, source: std::io::Error) -> Self {
        self.0.source = Some(source);
        self
    }

    pub(crate) fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            request,
            text,
            hint,
            ..
        } = &*self.0;
        write!(f, "{request}{text}")?;
        if hint.is_empty() {
            Ok(())
        } else {
            write!(f, " ({hint})")
        }
    }
}

/// The text and its causes: what `main` prints of an error that it returns, and `unwrap` of one that it meets.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.0
            .source
            .iter()
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|error| error as _)
    }
}
