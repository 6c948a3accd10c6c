//! [`Error`], [`ErrorKind`], and the advice for each kind.

use std::{fmt, io, time::Duration};

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with a call, and what you can do about it.
///
/// The text reads `GET /api/acme/memberships/lite: 404 not_found: <message> (<what to do>)`. It never
/// contains a query, the token, the secret, or anybody's data from the body of a successful response, with
/// two exceptions: the path of a link that [`account()`](crate::Client::account) follows, and words that
/// a type of yours adds in [`get()`](crate::Client::get). If there is a cause from outside this crate (an
/// [`std::io::Error`]), it is in [`source()`](std::error::Error::source); `{:?}` shows it, too.
///
/// ```
/// use mode_analytics::{Credentials, ErrorKind};
///
/// let error = Credentials::new("to:ken", "secret").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(error.to_string(), "the token must not contain `:`");
/// ```
///
/// In tests of your own code, `Error::from(kind)` makes an error of the kind that you need:
///
/// ```
/// use mode_analytics::{Error, ErrorKind};
///
/// let error = Error::from(ErrorKind::RateLimited);
/// assert!(error.is_retryable() && error.status().is_none());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// The method and the path, without the query. It is empty if nothing was to be sent.
    request: String,
    /// What happened.
    text: String,
    advice: String,
    status: Option<u16>,
    api_id: Option<String>,
    api_message: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    is_retryable: bool,
    source: Option<io::Error>,
}

/// What kind of failure it is, to match on.
///
/// More kinds may be added, so a `match` needs a last arm for the others:
///
/// ```no_run
/// # use mode_analytics::{Client, ErrorKind};
/// # let client = Client::from_env()?;
/// match client.verify().map_err(|error| error.kind()) {
///     Ok(_) => println!("the key works"),
///     Err(ErrorKind::Unauthorized) => println!("wrong token or secret"),
///     Err(kind) => println!("{kind}"),
/// }
/// # Ok::<(), mode_analytics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument, a setting, a credential or a proxy variable was refused before anything was
    /// sent.
    InvalidInput,
    /// `MODE_API_TOKEN` or `MODE_API_SECRET` is unset or empty.
    MissingCredentials,
    /// The host name could not be looked up, the connection failed or broke, or the other side did not
    /// speak HTTP.
    Transport,
    /// The TLS handshake failed, for example because the certificate is not trusted.
    Tls,
    /// No complete response arrived within the time limit for the attempt or for the call.
    Timeout,
    /// Status 400, or the id `bad_request`.
    BadRequest,
    /// Status 401, or the id `unauthorized`: the token or the secret is wrong.
    Unauthorized,
    /// Status 403, or the id `forbidden`: the key lacks the permission.
    Forbidden,
    /// Status 404, or the id `not_found`: there is no such workspace or resource, or the key cannot
    /// see it.
    NotFound,
    /// Status 429: too many requests. Mode allows about 40 requests in 10 seconds.
    RateLimited,
    /// Any status from 500 to 599.
    Server,
    /// Any status not listed above, other than 200. This includes redirects, which are never followed.
    UnexpectedStatus,
    /// The response body is larger than `max_response_bytes`.
    TooLarge,
    /// The response is not what was asked for: it is not JSON, it is JSON of an unexpected shape, or
    /// a listing is incomplete or changed while it was read.
    Decode,
}

impl ErrorKind {
    /// What to do about it, unless there is more specific advice.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::InvalidInput => "correct the argument or the setting",
            Self::MissingCredentials => "set MODE_API_TOKEN and MODE_API_SECRET",
            Self::Transport => "check the network, the base URL and the proxy variables",
            Self::Tls => "check the base URL, this machine's clock, and any proxy in between",
            Self::Timeout => "check the network and the base URL, or raise the timeout",
            Self::BadRequest => "Mode rejected the request: check its path and its parameters",
            Self::Unauthorized => "check the token and the secret",
            Self::Forbidden => "the key lacks permission for this: ask an administrator",
            Self::NotFound => "check the base URL and the path; the key may also lack access",
            Self::RateLimited => "slow down: Mode allows about 40 requests in 10 seconds",
            Self::Server => "a failure on Mode's side: try again later",
            Self::UnexpectedStatus => "this status is not expected here: check the base URL",
            Self::TooLarge => "raise `max_response_bytes`",
            Self::Decode => {
                "this is not what was expected: check the base URL or, with `get`, your type"
            }
        }
    }
}

/// Writes the name of the kind in words, such as `rate limited`.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = format!("{self:?}");
        for capital in 'A'..='Z' {
            words = words.replace(capital, &format!(" {}", capital.to_ascii_lowercase()));
        }
        f.pad(words.trim_start())
    }
}

/// Creates a bare error of this kind, without a status or attempts, and with the usual advice.
///
/// It is retryable if the kind usually is: `Transport`, `Timeout`, `RateLimited` and `Server`.
impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind, kind.to_string())
    }
}

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the HTTP status, if the server answered with a status other than 200.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns Mode's own id of the error, such as `not_found`. It is cleaned up in the same way as
    /// [`api_message()`](Self::api_message).
    pub fn api_id(&self) -> Option<&str> {
        self.0.api_id.as_deref()
    }

    /// Returns Mode's own message, or the plain text of the response, made safe to print.
    ///
    /// The credentials are replaced with `[redacted]`, a message of more than 300 characters is cut, and
    /// characters are escaped if they move a terminal's cursor, reverse the text or are invisible. If
    /// the message consists of several strings, they are joined. A body that is larger than 64 KiB, or
    /// does not arrive whole within 2 s, has no message and no id.
    pub fn api_message(&self) -> Option<&str> {
        self.0.api_message.as_deref()
    }

    /// Returns how long the server asked to wait, if it sent a `Retry-After` header that could be read.
    ///
    /// The header may be a number of seconds, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. The
    /// two older forms of dates are not read. Zero and a date in the past count as no header, and more
    /// than a year counts as a year.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns how many attempts to send the request were made. It is 0 if there was none.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns whether the same call may succeed later.
    ///
    /// It is true for everything that is also retried: some statuses, failures to reach the server or
    /// to receive its whole response, and timeouts. It is also true for a listing that changed while it
    /// was read. Such a call is not repeated automatically, because asking for one page again would not
    /// help.
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable
    }

    /// An error with the usual advice for its kind. It is retryable if its kind usually is.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        use ErrorKind::{RateLimited, Server, Timeout, Transport};
        Self(Box::new(Inner {
            kind,
            request: String::new(),
            text: text.into(),
            advice: kind.advice().into(),
            status: None,
            api_id: None,
            api_message: None,
            retry_after: None,
            attempts: 0,
            is_retryable: matches!(kind, Transport | Timeout | RateLimited | Server),
            source: None,
        }))
    }

    /// A response whose status is not 200, and Mode's own words in it, in a form that is safe to print.
    /// They may be empty.
    pub(crate) fn of_status(kind: ErrorKind, status: u16, id: String, message: String) -> Self {
        let words = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut error = Self::new(kind, status.to_string());
        error.0.status = Some(status);
        error.0.api_id = words(id);
        error.0.api_message = words(message);
        error
    }

    /// A response that is not what was asked for.
    pub(crate) fn unreadable(why: impl fmt::Display) -> Self {
        let text = format!("cannot read the response: {why}");
        Self::new(ErrorKind::Decode, text)
    }

    /// An input that was refused, with a text that says what it must be like.
    pub(crate) fn invalid_input(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, text).with_advice("")
    }

    pub(crate) fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = advice.into();
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Says which request failed, and how many times it was sent.
    pub(crate) fn with_request(mut self, request: &str, attempts: u32) -> Self {
        self.0.request = format!("{request}: ");
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn caused_by(mut self, cause: io::Error) -> Self {
        self.0.source = Some(cause);
        self
    }

    pub(crate) fn retryable(mut self, is_retryable: bool) -> Self {
        self.0.is_retryable = is_retryable;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.request, self.0.text)?;
        self.api_id().map_or(Ok(()), |id| write!(f, " {id}"))?;
        self.api_message()
            .map_or(Ok(()), |message| write!(f, ": {message}"))?;
        match &*self.0.advice {
            "" => Ok(()),
            advice => write!(f, " ({advice})"),
        }
    }
}

/// Writes the text and then the cause. This is what you see if `main` returns the error, or if `unwrap`
/// panics with it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let cause = self.0.source.as_ref();
        cause.map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|error| error as _)
    }
}
