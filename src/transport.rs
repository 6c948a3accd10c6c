//! One GET over HTTP, and its settings. This is the only file that names ureq.

use std::env;
use std::io::{self, BufReader, Read};
use std::iter;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::ProxyProtocol::{Http, Https};
use ureq::config::Config;
use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::{Body, Proxy, Timeout};

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result, seconds};
use crate::input::{Origin, is_exempt};
use crate::redact::Redactor;
use crate::retry::{self, Policy, Retry};
use crate::status;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of the body of an error response is read at most, in bytes.
const MAX_ERROR_BYTES: u64 = 65_536;
/// How long reading the body of an error response may take at most.
const MAX_ERROR_TIME: Duration = Duration::from_secs(2);
/// A request gets a time limit of its own only if it is this much, or a twentieth, below the agent's.
/// Such a limit keeps ureq from caching its TLS configuration, so a client's first request has none.
const TIME_THAT_MATTERS: Duration = Duration::from_millis(50);
/// By default, ureq keeps 3. If more threads than that share a client, most calls would have to
/// connect again.
const MAX_IDLE_CONNECTIONS: usize = 64;
const LACKS_TLS: &str =
    "https needs the feature `rustls` of mode-analytics, which this program was built without";

type OnRetry = Arc<dyn Fn(&Retry<'_>) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) policy: Policy,
    pub(crate) max_response_bytes: usize,
    pub(crate) user_agent: String,
    pub(crate) system_roots: bool,
    pub(crate) on_retry: Option<OnRetry>,
}

/// Finds the proxy for a host as curl does, along with the variable that names it. An error says why
/// the proxy that applies cannot be used.
fn find_proxy(host: &str) -> Result<Option<(&'static str, Proxy)>, String> {
    let proxy = first_set(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
    let exceptions = first_set(&["no_proxy", "NO_PROXY"]);
    let is_exempt = exceptions.is_some_and(|(_, list)| is_exempt(host, &list));
    let Some((variable, value)) = proxy.filter(|_| !is_exempt) else {
        return Ok(None);
    };
    let is_http = |proxy: &Proxy| matches!(proxy.protocol(), Http | Https);
    let fault = match usable_proxy(&value) {
        // ureq would use a SOCKS proxy as soon as any crate switches on the feature for it.
        Some(proxy) if cfg!(feature = "socks-proxy") || is_http(&proxy) => {
            return Ok(Some((variable, proxy)));
        }
        Some(_) => "names a SOCKS proxy, which needs the feature `socks-proxy`",
        None => "is not the URL of a proxy, such as http://user:password@proxy.example:3128",
    };
    let way_out = format!("correct it, unset it, or put {host} into NO_PROXY");
    Err(format!("the variable {variable} {fault}: {way_out}"))
}

/// Returns the first of these variables that is set and not blank.
fn first_set(names: &[&'static str]) -> Option<(&'static str, String)> {
    names.iter().find_map(|name| {
        let value = env::var_os(name)?;
        let value = value.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some((*name, value))
    })
}

/// Reads the URL of a proxy. The URL is unusable if ureq would cut off or replace a part of it.
fn usable_proxy(value: &str) -> Option<Proxy> {
    let scheme = if value.contains("://") { "" } else { "http://" };
    let proxy = Proxy::new(&format!("{scheme}{value}")).ok()?;
    let (host, port) = (proxy.host(), proxy.port());
    let authority = proxy.uri().authority()?.as_str();
    let has_port = port > 0 && authority.ends_with(&format!("{host}:{port}"));
    let is_sound = !host.is_empty() && (has_port || authority.ends_with(host));
    let is_whole = matches!(proxy.uri().path(), "" | "/") && !value.contains(['?', '#']);
    Some(proxy).filter(|_| is_sound && is_whole)
}

pub(crate) struct Transport {
    agent: ureq::Agent,
    pub(crate) origin: Origin,
    pub(crate) redactor: Redactor,
    authorization: String,
    pub(crate) settings: Settings,
    proxy: Option<(&'static str, Proxy)>,
    /// Why no request can be sent.
    obstacle: Option<String>,
}

impl Transport {
    pub(crate) fn new(credentials: &Credentials, origin: Origin, mut settings: Settings) -> Self {
        let lacks_tls = origin.is_secure && !cfg!(feature = "rustls");
        let (proxy, obstacle) = match find_proxy(&origin.host) {
            _ if lacks_tls => (None, Some(LACKS_TLS.into())),
            _ if origin.is_loopback => (None, None),
            Ok(proxy) => (proxy, None),
            Err(text) => (None, Some(text)),
        };
        let encoding = match cfg!(feature = "gzip") {
            true => "gzip",
            false => "identity",
        };
        settings.attempt_timeout = settings.attempt_timeout.min(settings.timeout);
        let config = Config::builder()
            .http_status_as_error(false)
            .https_only(origin.is_secure)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(settings.attempt_timeout))
            .max_idle_connections(MAX_IDLE_CONNECTIONS)
            .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
            .user_agent(&settings.user_agent)
            .accept("application/hal+json, application/json")
            .accept_encoding(encoding)
            .proxy(proxy.as_ref().map(|(_, proxy)| proxy.clone()));
        #[cfg(feature = "rustls")]
        let config = config.tls_config(tls(settings.system_roots));
        Self {
            agent: config.build().new_agent(),
            origin,
            redactor: credentials.redactor(),
            authorization: credentials.basic(),
            settings,
            proxy,
            obstacle,
        }
    }

    /// Fails if no request can be sent with these settings in this environment.
    pub(crate) fn check(&self) -> Result<()> {
        let obstacle = self.obstacle.as_ref();
        obstacle.map_or(Ok(()), |text| Err(Error::invalid_input(text)))
    }

    /// Sends a request once and returns the body of a response whose status is 200.
    pub(crate) fn attempt(&self, path: &str, time_left: Duration) -> Result<Vec<u8>> {
        if time_left.is_zero() {
            let text = "the deadline passed before the request was sent";
            return Err(Error::new(ErrorKind::Timeout, text).retryable(true));
        }
        let start = Instant::now();
        let request = self.agent.get(format!("{}{path}", self.origin.url));
        let request = request.header(header::AUTHORIZATION, &self.authorization);
        let usual = self.settings.attempt_timeout;
        let has_own_limit = time_left + TIME_THAT_MATTERS.min(usual / 20) <= usual;
        let limit = if has_own_limit { time_left } else { usual };
        let call = move || match has_own_limit {
            true => request.config().timeout_global(Some(limit)).build().call(),
            false => request.call(),
        };
        let response = match self.proxy {
            // ureq does not limit the time that a proxy takes to answer CONNECT.
            Some(_) => within(limit, call),
            None => call(),
        };
        let response = response.map_err(|error| self.convert_error(error, limit))?;
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        if status != 200 {
            let time = MAX_ERROR_TIME.min(limit.saturating_sub(start.elapsed()));
            return Err(self.error_response(status, &head.headers, &error_body(body, time)));
        }
        // ureq removes the header if it has decoded the body.
        let mut encodings = head.headers.get_all("content-encoding").iter();
        if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(altered("its content encoding is not supported"));
        }

        let max = self.settings.max_response_bytes as u64;
        let mut bytes = Vec::new();
        // The length is only a hint: if a server lies, that costs only address space.
        let length = body.content_length().unwrap_or(0).min(max);
        let _ = bytes.try_reserve_exact(length as usize);
        let mut reader = body.as_reader().take(max.saturating_add(1));
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|error| self.convert_error(error.into(), limit))?;
        if bytes.len() as u64 > max {
            let text = format!("the response is larger than {max} bytes");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(bytes)
    }

    fn error_response(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        let read = |name| headers.get(name)?.to_str().ok();
        let mut error = status::error(status, body, &self.redactor);
        let now = SystemTime::now();
        let wait = read(header::RETRY_AFTER).and_then(|value| retry::retry_after(value, now));
        error.0.retry_after = wait;
        if let (ErrorKind::RateLimited, Some(wait)) = (error.kind(), wait) {
            error = error.with_advice(format!("wait {} s", wait.as_secs_f64().ceil()));
        }
        match headers.get(header::LOCATION) {
            Some(location) if matches!(status, 300..=399) => {
                let target = self.redirect_target(&String::from_utf8_lossy(location.as_bytes()));
                let advice = format!("a redirect to {target} is not followed: check the base URL");
                error.with_advice(advice)
            }
            _ => error,
        }
    }

    /// Returns where a redirect leads, without the path, which may contain anything.
    fn redirect_target(&self, location: &str) -> String {
        let (own_scheme, _) = self.origin.url.split_once("//").unwrap_or_default();
        let (scheme, rest) = match location.split_once("//") {
            Some(("", rest)) => (own_scheme, rest),
            Some((scheme, rest)) if scheme.ends_with(':') && !scheme.contains('/') => {
                (scheme, rest)
            }
            _ if location.starts_with('/') || !location.contains(':') => {
                return format!("another path of {}", self.origin.url);
            }
            _ => return "something that is not a web address".into(),
        };
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let uri: Uri = format!("{scheme}//{authority}").parse().unwrap_or_default();
        let port = uri
            .port_u16()
            .map_or_else(String::new, |port| format!(":{port}"));
        let host = uri.host().unwrap_or("an unreadable host");
        let scheme = scheme.to_lowercase();
        self.redactor.clean(&format!("{scheme}//{host}{port}"))
    }

    /// The one place that turns ureq's errors into ours.
    fn convert_error(&self, error: ureq::Error, limit: Duration) -> Error {
        use ureq::Error as Fault;
        match error {
            Fault::Timeout(Timeout::Connect) => {
                let limit = seconds(limit.min(CONNECT_TIMEOUT));
                let text = format!("no connection, TLS handshake included, within {limit}");
                let error = self.connection_error(ErrorKind::Timeout, text, "");
                let advice = "check the base URL, its port and the network";
                error.with_advice(advice).retryable(true)
            }
            Fault::Timeout(_) => {
                let text = format!("no complete response within {}", seconds(limit));
                let error = self.connection_error(ErrorKind::Timeout, text, "");
                error.retryable(true)
            }
            Fault::Io(error) => self.io_error(error),
            #[cfg(feature = "rustls")]
            Fault::Tls(_) | Fault::TlsRequired | Fault::Rustls(_) => {
                self.io_error(io::Error::new(io::ErrorKind::InvalidData, error))
            }
            // A connection that is lost in the middle of a gzip stream looks like broken gzip.
            #[cfg(feature = "gzip")]
            Fault::Decompress(_, error) if error.to_string() == "Peer disconnected" => {
                self.io_error(error)
            }
            #[cfg(feature = "gzip")]
            Fault::Decompress(..) => altered("broken gzip"),
            // A chunk was cut.
            Fault::BodyStalled => self.io_error(io::ErrorKind::UnexpectedEof.into()),
            // The error's own text would show the URL.
            Fault::Http(_) | Fault::BadUri(_) => {
                Error::invalid_input("the path is not part of a valid URL")
            }
            Fault::ConnectProxyFailed(reason) => {
                let mut numbers = reason.split(|c: char| !c.is_ascii_digit());
                let Some(status) = numbers.find_map(|number| number.parse().ok()) else {
                    return self.io_error(io::ErrorKind::UnexpectedEof.into());
                };
                let text = format!("got status {status} for CONNECT");
                let error = self.connection_error(ErrorKind::Transport, text, &reason);
                error.retryable(matches!(status, 502 | 503))
            }
            error => {
                let text = self.redactor.clean(&error.to_string());
                self.connection_error(ErrorKind::Transport, text, "")
            }
        }
    }

    fn io_error(&self, error: io::Error) -> Error {
        let cause = error.to_string();
        let is_broken = retry::is_broken_connection(error.kind());
        let (kind, text) = match error.kind() {
            // A SOCKS proxy that does not speak SOCKS is also reported as invalid data.
            io::ErrorKind::InvalidData if !cause.starts_with("invalid re") => {
                (ErrorKind::Tls, "no trusted connection")
            }
            io::ErrorKind::ConnectionRefused => (ErrorKind::Transport, "cannot connect"),
            _ if is_broken => (ErrorKind::Transport, "lost the connection"),
            _ => (ErrorKind::Transport, "I/O error"),
        };
        let mut converted = self.connection_error(kind, text.into(), &cause);
        converted.0.source = Some(error);
        converted.retryable(is_broken)
    }

    /// A connection error. It names the proxy, if there is one, and gives advice that fits the cause.
    fn connection_error(&self, kind: ErrorKind, mut text: String, cause: &str) -> Error {
        if let Some((_, proxy)) = &self.proxy {
            let address = format!("{}:{}", proxy.host(), proxy.port());
            text += &format!(" through the proxy {}", self.redactor.clean(&address));
        }
        let advice = match (kind, &self.proxy) {
            (ErrorKind::Tls, _) => self.tls_advice(cause).into(),
            (ErrorKind::Transport, Some((variable, _))) => self.proxy_advice(variable, cause),
            (ErrorKind::Transport, None) if self.origin.is_loopback => {
                "check that a server runs at the base URL".into()
            }
            _ => kind.advice().into(),
        };
        Error::new(kind, text).with_advice(advice)
    }

    /// What to do if the connection through a proxy fails with this cause.
    fn proxy_advice(&self, variable: &str, cause: &str) -> String {
        let says = |words: &str| cause.contains(words);
        if says("407") || says("auth") {
            let login = "put its user name and password, percent-encoded, into the URL in";
            format!("{login} {variable}")
        } else if says("403") {
            format!("the proxy forbids connections to {}", self.origin.host)
        } else {
            format!("check the proxy that {variable} names")
        }
    }

    /// What to do if this is what rustls says.
    fn tls_advice(&self, cause: &str) -> &'static str {
        let says = |words: &str| cause.contains(words);
        let is_unknown = says("UnknownIssuer");
        match self.settings.system_roots {
            true if is_unknown => "add the certificate's issuer to those that this system trusts",
            false if is_unknown && self.origin.is_loopback => {
                "a CA of your own needs `platform-verifier` and `system_roots()`"
            }
            false if is_unknown => {
                "a proxy that re-signs traffic needs `platform-verifier` and `system_roots()`"
            }
            _ if says("expired") => "the certificate has expired, or this machine's clock is wrong",
            _ if says("not valid yet") => "check this machine's clock",
            _ if says("not valid for name") => "the certificate is for another host",
            _ if says("InvalidContentType") => "the other side does not speak TLS: check the port",
            _ if says("No CA") => "install the system's CA certificates, or omit `system_roots()`",
            _ => ErrorKind::Tls.advice(),
        }
    }
}

/// An error for a body that was changed on the way.
fn altered(what: &str) -> Error {
    Error::unreadable(what).with_advice("something in between has changed the response")
}

/// Calls `call` in a separate thread, and waits for it no longer than `limit`.
fn within(
    limit: Duration,
    call: impl FnOnce() -> Result<Response<Body>, ureq::Error> + Send + 'static,
) -> Result<Response<Body>, ureq::Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || drop(sender.send(call())))?;
    let late = Err(ureq::Error::Timeout(Timeout::Global));
    receiver.recv_timeout(limit).unwrap_or(late)
}

/// Reads as much as it can of the body of an error response. It does so in a separate thread, because
/// ureq cannot stop before the request's own time limit.
fn error_body(body: Body, time: Duration) -> Vec<u8> {
    let deadline = Instant::now() + time;
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let reader = BufReader::new(body.into_reader().take(MAX_ERROR_BYTES));
        let mut bytes = reader.bytes().map_while(io::Result::ok);
        bytes.try_for_each(|byte| sender.send(byte))
    };
    // If the thread cannot be started, no bytes arrive.
    let _ = thread::Builder::new().spawn(read);
    let time_left = || deadline.saturating_duration_since(Instant::now());
    iter::from_fn(|| receiver.recv_timeout(time_left()).ok()).collect()
}

#[cfg(feature = "rustls")]
fn tls(system_roots: bool) -> ureq::tls::TlsConfig {
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    let roots = match system_roots {
        true => RootCerts::PlatformVerifier,
        false => RootCerts::WebPki,
    };
    let config = TlsConfig::builder().provider(TlsProvider::Rustls);
    config.root_certs(roots).build()
}
