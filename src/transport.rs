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
use crate::error::{Error, ErrorKind, Result};
use crate::input::{Origin, is_exempt};
use crate::redact::Redactor;
use crate::retry::{self, Policy, Retry};
use crate::status;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of the body of an error response is read at most, in bytes.
const MAX_ERROR_BYTES: u64 = 65_536;
/// How long reading the body of an error response may take at most.
const MAX_ERROR_TIME: Duration = Duration::from_secs(2);
/// A request gets a time limit of its own only if it is at least this much below the agent's. Such a
/// limit keeps ureq from caching its TLS configuration, so a client's first request has none.
const TIME_THAT_MATTERS: Duration = Duration::from_millis(50);
/// By default, ureq keeps 3. If more threads than that share a client, most calls would have to
/// connect again.
const MAX_IDLE_CONNECTIONS: usize = 64;
const PROXY_LOGIN_ADVICE: &str = "put its user name and password, percent-encoded, into the URL in";
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
    pub(crate) on_retry: OnRetry,
}

/// Returns the proxy for an origin, found as curl finds it, and the variable that names it. An error says
/// why no request can be sent: the proxy cannot be used, or this build cannot speak https.
fn find_proxy(origin: &Origin) -> Result<Option<(&'static str, Proxy)>, String> {
    if origin.is_secure && !cfg!(feature = "rustls") {
        return Err(LACKS_TLS.into());
    }
    let host = &origin.host;
    let proxy = first_set(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
    let exceptions = first_set(&["no_proxy", "NO_PROXY"]);
    let is_exempt = exceptions.is_some_and(|(_, list)| is_exempt(host, &list));
    let Some((variable, value)) = proxy.filter(|_| !is_exempt && !origin.is_loopback) else {
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
    /// The proxy and its variable, if there is one, or why no request can be sent.
    proxy: Result<Option<(&'static str, Proxy)>, String>,
}

impl Transport {
    pub(crate) fn new(credentials: &Credentials, origin: Origin, mut settings: Settings) -> Self {
        let proxy = find_proxy(&origin);
        let used = proxy.iter().flatten().next();
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
            .proxy(used.map(|(_, proxy)| proxy.clone()));
        #[cfg(feature = "rustls")]
        let config = config.tls_config(tls(settings.system_roots));
        Self {
            agent: config.build().new_agent(),
            origin,
            redactor: credentials.redactor(),
            authorization: credentials.basic(),
            settings,
            proxy,
        }
    }

    /// Fails if no request can be sent with these settings in this environment.
    pub(crate) fn check(&self) -> Result<()> {
        let proxy = self.proxy.as_ref();
        proxy.map(drop).map_err(Error::invalid_input)
    }

    /// Sends a request once and returns the body of a response whose status is 200.
    pub(crate) fn attempt(&self, path: &str, time_left: Duration) -> Result<Vec<u8>> {
        if time_left.is_zero() {
            let text = "the deadline passed before the request was sent";
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        let start = Instant::now();
        let request = self.agent.get(format!("{}{path}", self.origin.url));
        let request = request.header(header::AUTHORIZATION, &self.authorization);
        let usual = self.settings.attempt_timeout;
        let has_own_limit = time_left + TIME_THAT_MATTERS <= usual;
        let limit = if has_own_limit { time_left } else { usual };
        let call = move || match has_own_limit {
            true => request.config().timeout_global(Some(limit)).build().call(),
            false => request.call(),
        };
        let response = match self.proxy {
            // ureq does not limit the time that a proxy takes to answer CONNECT.
            Ok(Some(_)) => within(limit, call),
            _ => call(),
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
        let mut error = status::error(status, body, &self.redactor);
        let hint = headers.get(header::RETRY_AFTER);
        let hint = hint.and_then(|value| value.to_str().ok());
        let wait = hint.and_then(|hint| retry::retry_after(hint, SystemTime::now()));
        error.0.retry_after = wait;
        if let (ErrorKind::RateLimited, Some(wait)) = (error.kind(), wait) {
            error = error.with_advice(format!("wait {} s", wait.as_secs_f64().ceil()));
        }
        let location = headers.get(header::LOCATION);
        let Some(location) = location.filter(|_| matches!(status, 300..=399)) else {
            return error;
        };
        let target = self.redirect_target(&String::from_utf8_lossy(location.as_bytes()));
        let advice = format!("a redirect to {target} is not followed: check the base URL");
        error.with_advice(advice)
    }

    /// Returns where a redirect leads, without the path, which may contain anything.
    fn redirect_target(&self, location: &str) -> String {
        let mut parts = location.split(['?', '#', '\\']);
        let target = parts.next().unwrap_or_default();
        let (scheme, rest) = target.split_once("//").unwrap_or_default();
        let (own, _) = self.origin.url.split_once("//").unwrap_or_default();
        let scheme = if scheme.is_empty() { own } else { scheme }.to_lowercase();
        let authority = rest.split('/').next().unwrap_or_default();
        let uri: Uri = format!("http://{authority}").parse().unwrap_or_default();
        let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
        let start = target.split('/').next().unwrap_or_default();
        match (&*scheme, uri.host()) {
            ("http:" | "https:", Some(it)) => self.redactor.clean(&format!("{scheme}//{it}{port}")),
            _ if start.contains(':') || target.starts_with("//") => "an unreadable address".into(),
            _ => format!("another path of {}", self.origin.url),
        }
    }

    /// The one place that turns ureq's errors into ours.
    fn convert_error(&self, error: ureq::Error, limit: Duration) -> Error {
        use {ErrorKind::Tls, ErrorKind::Transport, io::ErrorKind as Io, ureq::Error as Fault};
        let error = match error {
            Fault::Io(error) => error,
            // A chunk was cut.
            Fault::BodyStalled => Io::UnexpectedEof.into(),
            #[cfg(feature = "rustls")]
            Fault::Tls(_) | Fault::TlsRequired | Fault::Rustls(_) => {
                io::Error::new(Io::InvalidData, error)
            }
            // A connection that is lost in the middle of a gzip stream looks like broken gzip.
            #[cfg(feature = "gzip")]
            Fault::Decompress(_, error) if error.to_string() == "Peer disconnected" => error,
            #[cfg(feature = "gzip")]
            Fault::Decompress(..) => return altered("broken gzip"),
            Fault::Timeout(Timeout::Connect) => {
                let limit = limit.min(CONNECT_TIMEOUT);
                let text = format!("no connection, TLS handshake included, within {limit:.1?}");
                return self.connection_error(ErrorKind::Timeout, text, "");
            }
            Fault::Timeout(_) => {
                let text = format!("no complete response within {limit:.1?}");
                return self.connection_error(ErrorKind::Timeout, text, "");
            }
            Fault::ConnectProxyFailed(reason) => {
                let Some((_, status)) = reason.rsplit_once('/') else {
                    // The proxy closed the connection instead.
                    return self.convert_error(Fault::BodyStalled, limit);
                };
                let text = format!("got status {status} for CONNECT");
                let error = self.connection_error(Transport, text, &reason);
                return error.retryable(matches!(status, "502" | "503"));
            }
            // The error's own text would show the URL.
            Fault::Http(_) | Fault::BadUri(_) => {
                return Error::invalid_input("the path is invalid");
            }
            error => {
                let text = self.redactor.clean(&error.to_string());
                return self.connection_error(Transport, text, "").retryable(false);
            }
        };
        let cause = error.to_string();
        let is_broken = retry::is_broken_connection(error.kind());
        let (kind, text) = match error.kind() {
            // A SOCKS proxy that does not speak SOCKS is also reported as invalid data.
            Io::InvalidData if !cause.starts_with("invalid re") => (Tls, "no trusted connection"),
            Io::ConnectionRefused => (Transport, "cannot connect"),
            _ if is_broken => (Transport, "lost the connection"),
            _ => (Transport, "I/O error"),
        };
        let mut converted = self.connection_error(kind, text.into(), &cause);
        converted.0.source = Some(error);
        converted.retryable(is_broken)
    }

    /// Makes an error for a failed connection. It names the proxy, if there is one, and its advice fits
    /// the cause.
    fn connection_error(&self, kind: ErrorKind, mut text: String, cause: &str) -> Error {
        if let Ok(Some((_, proxy))) = &self.proxy {
            let address = format!("{}:{}", proxy.host(), proxy.port());
            text += &format!(" through the proxy {}", self.redactor.clean(&address));
        }
        let says = |words: &str| cause.contains(words);
        let advice = match (kind, &self.proxy) {
            (ErrorKind::Tls, _) => self.tls_advice(cause).into(),
            (ErrorKind::Transport, Ok(Some((variable, _)))) => match cause {
                _ if says("407") || says("auth") => format!("{PROXY_LOGIN_ADVICE} {variable}"),
                _ if says("403") => {
                    format!("the proxy forbids connections to {}", self.origin.host)
                }
                _ => format!("check the proxy that {variable} names"),
            },
            (ErrorKind::Transport, _) if self.origin.is_loopback => {
                "check that a server runs at the base URL".into()
            }
            _ => kind.advice().into(),
        };
        Error::new(kind, text).with_advice(advice)
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
    use ureq::tls::{RootCerts, TlsConfig};
    let roots = match system_roots {
        true => RootCerts::PlatformVerifier,
        false => RootCerts::WebPki,
    };
    TlsConfig::builder().root_certs(roots).build()
}
