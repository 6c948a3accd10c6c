//! One GET over HTTP: the bytes of a response whose status is 200, or an error.

use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};
use std::{io::Read, thread};

use ureq::http::{HeaderMap, Uri, header};
use ureq::{Timeout, config::Config};

use crate::connection::{CONNECT_TIMEOUT, Route, altered};
use crate::error::{Error, Result};
use crate::retry::{self, Policy, Retry};
use crate::status;

/// How much of the body of an error response is read at most, in bytes.
const MAX_ERROR_BYTES: u64 = 65_536;
/// How long reading the body of an error response may take at most.
const MAX_ERROR_TIME: Duration = Duration::from_secs(2);
/// A request gets a time limit of its own only if it is at least this much below the agent's. Such a
/// limit keeps ureq from caching its TLS configuration, so a client's first request has none.
const TIME_THAT_MATTERS: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) policy: Policy,
    pub(crate) max_response_bytes: usize,
    pub(crate) user_agent: String,
    #[cfg(feature = "platform-verifier")]
    pub(crate) system_roots: bool,
    pub(crate) on_retry: Arc<dyn Fn(&Retry<'_>) + Send + Sync>,
}

pub(crate) struct Transport {
    agent: ureq::Agent,
    pub(crate) route: Route,
    authorization: String,
    pub(crate) settings: Settings,
}

impl Transport {
    pub(crate) fn new(authorization: String, route: Route, mut settings: Settings) -> Self {
        settings.attempt_timeout = settings.attempt_timeout.min(settings.timeout);
        let mut config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(settings.attempt_timeout))
            // By default, ureq keeps 3 for a host. More threads than that would have to connect again.
            .max_idle_connections_per_host(10)
            .user_agent(&settings.user_agent)
            .accept("application/hal+json, application/json")
            .accept_encoding(if cfg!(feature = "gzip") { "gzip" } else { "" });
        config = config.proxy(route.proxy.clone());
        #[cfg(feature = "platform-verifier")]
        if settings.system_roots {
            use ureq::tls::{RootCerts, TlsConfig};
            let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
            config = config.tls_config(tls.build());
        }
        Self {
            agent: config.build().new_agent(),
            route,
            authorization,
            settings,
        }
    }

    /// Sends a request once and returns the body of a response whose status is 200.
    pub(crate) fn attempt(&self, target: &str, time_left: Duration) -> Result<Vec<u8>> {
        let limit = time_left.min(self.settings.attempt_timeout);
        let has_own_limit = limit + TIME_THAT_MATTERS <= self.settings.attempt_timeout;
        let request = self.agent.get(format!("{}{target}", self.route.origin.url));
        let mut request = request.header(header::AUTHORIZATION, &self.authorization);
        if has_own_limit {
            request = request.config().timeout_global(Some(limit)).build();
        }
        let response = if self.route.proxy.is_none() {
            request.call()
        } else {
            // ureq limits each read of a proxy's response to CONNECT, but not all of them together.
            within(limit, || request.call()).unwrap_or(Err(ureq::Error::Timeout(Timeout::Global)))
        };
        let response = response.map_err(|error| self.route.convert_error(error, limit))?;
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        if status != 200 {
            // A body that stalls, is too large or ends too early does not hide the status.
            let read = move || body.with_config().limit(MAX_ERROR_BYTES).read_to_vec();
            let body = within(MAX_ERROR_TIME, read).and_then(Result::ok);
            return Err(self.error_response(status, &head.headers, &body.unwrap_or_default()));
        }
        // ureq removes the header if it has decoded the body.
        let mut encodings = head.headers.get_all(header::CONTENT_ENCODING).iter();
        if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(altered("its content encoding is not supported"));
        }
        let max = self.settings.max_response_bytes as u64;
        let mut bytes = Vec::new();
        // The length is only a hint: if a server lies, that costs only address space.
        let length = body.content_length().unwrap_or(0).min(max);
        let _ = bytes.try_reserve_exact(length as usize);
        let mut reader = body.with_config().limit(max).reader();
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|error| self.route.convert_error(error.into(), limit))?;
        Ok(bytes)
    }

    fn error_response(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        let redactor = &self.route.redactor;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let hint = text(header::RETRY_AFTER);
        let wait = hint.and_then(|hint| retry::retry_after(hint, SystemTime::now()));
        let error = status::error(status, body, redactor).with_retry_after(wait);
        match (status, wait) {
            (429, Some(wait)) => error.with_advice(format!("wait {} s", wait.as_secs_f64().ceil())),
            (300..=399, _) if headers.contains_key(header::LOCATION) => {
                // Only the host is named, because the rest may contain anything.
                let uri = text(header::LOCATION).filter(|it| it.contains("://"));
                let uri: Uri = uri.and_then(|it| it.parse().ok()).unwrap_or_default();
                let host = uri.host().map(|host| redactor.clean(host));
                let target = host.map_or(String::new(), |host| format!(" to {host}"));
                let advice = format!("a redirect{target} is not followed: check the base URL");
                error.with_advice(advice)
            }
            _ => error,
        }
    }
}

/// Calls `f` in a thread of its own. Returns `None` if that takes longer than `limit`, or if there
/// cannot be another thread.
fn within<T: Send + 'static>(limit: Duration, f: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().spawn(move || drop(sender.send(f())));
    thread.ok()?;
    receiver.recv_timeout(limit).ok()
}
