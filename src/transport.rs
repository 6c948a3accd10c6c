//! One GET after another over HTTP, within a deadline. The only file that names ureq.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ureq::ProxyProtocol::{Http, Https};
use ureq::config::Config;
use ureq::{Proxy, Timeout};

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{self, Policy, Retry};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of an answer that is an error.
const MAX_ERROR_BYTES: usize = 65_536;
/// ureq keeps 3; a client shared by more threads would open a connection for most calls.
const MAX_IDLE_CONNECTIONS: usize = 64;
/// What a longer timeout counts as, a year: clocks and sockets overflow somewhere above it.
const LONGEST: Duration = Duration::from_secs(31_536_000);

pub(crate) type OnRetry = Arc<dyn Fn(&Retry<'_>) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) policy: Policy,
    pub(crate) max_response_bytes: usize,
    pub(crate) user_agent: String,
    pub(crate) on_retry: Option<OnRetry>,
    #[cfg_attr(not(feature = "rustls"), expect(dead_code))]
    pub(crate) system_roots: bool,
}

/// Where requests go: scheme, host and port, with nothing behind them.
pub(crate) struct Origin {
    pub(crate) url: String,
    is_secure: bool,
    is_loopback: bool,
}

impl Origin {
    pub(crate) fn mode(url: &str) -> Self {
        Self {
            url: url.into(),
            is_secure: true,
            is_loopback: false,
        }
    }

    pub(crate) fn parse(url: &str) -> Result<Self> {
        let origin = Self::read(url).ok_or_else(|| {
            let text =
                "the base URL must be an origin such as https://app.mode.com: scheme, host, perhaps a port, and nothing else";
            Error::new(ErrorKind::InvalidInput, text)
        })?;
        if !origin.is_secure && !origin.is_loopback {
            let text = "the base URL must be https: plain http is for localhost and loopback addresses only";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(origin)
    }

    fn read(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = ["https", "http"]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known))?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // The last colon may also be inside an IPv6 address.
        let (host, port) = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))
            .unwrap_or((authority, "1"));
        let is_loopback = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) => address.parse::<Ipv6Addr>().ok()?.is_loopback(),
            None if host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) =>
            {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
            }
            None => return None,
        };
        let is_port =
            port.bytes().all(|b| b.is_ascii_digit()) && matches!(port.parse(), Ok(1..=u16::MAX));
        let url = format!("{scheme}://{authority}");
        (is_port && matches!(host.len(), 1..=253)).then_some(Self {
            url,
            is_secure: scheme == "https",
            is_loopback,
        })
    }
}

pub(crate) struct Transport {
    agent: ureq::Agent,
    pub(crate) origin: Origin,
    credentials: Credentials,
    authorization: String,
    settings: Settings,
}

impl Transport {
    pub(crate) fn new(credentials: Credentials, origin: Origin, settings: Settings) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .https_only(origin.is_secure)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(settings.attempt_timeout.min(LONGEST)))
            .max_idle_connections(MAX_IDLE_CONNECTIONS)
            .max_idle_connections_per_host(MAX_IDLE_CONNECTIONS)
            .user_agent(&settings.user_agent)
            .accept("application/hal+json, application/json")
            .accept_encoding(if cfg!(feature = "gzip") {
                "gzip"
            } else {
                "identity"
            });
        // ureq would obey a SOCKS proxy as soon as any crate switches its feature on.
        let is_spoken = |proxy: &Proxy| {
            cfg!(feature = "socks-proxy") || matches!(proxy.protocol(), Http | Https)
        };
        let config = config
            .proxy(Proxy::try_from_env().filter(|proxy| !origin.is_loopback && is_spoken(proxy)));
        #[cfg(feature = "rustls")]
        let config = config.tls_config(tls(&settings));
        let authorization = credentials.basic();
        Self {
            agent: config.build().new_agent(),
            origin,
            credentials,
            authorization,
            settings,
        }
    }

    /// Starts the clock of one call of the SDK.
    pub(crate) fn start(&self) -> Result<Call<'_>> {
        if self.origin.is_secure && !cfg!(feature = "rustls") {
            let text = "https needs the feature `rustls` of mode-analytics, which this program was built without";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(Call {
            transport: self,
            deadline: Instant::now() + self.settings.timeout.min(LONGEST),
        })
    }

    /// Sends a request once and returns the body of a 200 answer. `rest` is what is left of the call's time.
    fn attempt(&self, path: &str, rest: Duration) -> Result<Vec<u8>> {
        let limit = rest.min(self.settings.attempt_timeout);
        let fault = |error| fault(error, limit, &self.credentials);
        let request = self
            .agent
            .get(format!("{}{path}", self.origin.url))
            .header("Authorization", &self.authorization);
        let answer = if rest < self.settings.attempt_timeout {
            request.config().timeout_global(Some(rest)).build().call()
        } else {
            // A setting of the request's own would keep ureq from caching its TLS configuration.
            request.call()
        };
        let (head, mut body) = answer.map_err(fault)?.into_parts();
        let status = head.status.as_u16();
        // ureq removes the header where it decodes.
        let mut encodings = head.headers.get_all("content-encoding").iter();
        if status == 200
            && !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return Err(Error::new(
                ErrorKind::Decode,
                "cannot read the answer: its content encoding is not supported",
            ));
        }

        let max = if status == 200 {
            self.settings.max_response_bytes
        } else {
            MAX_ERROR_BYTES
        } as u64;

        let mut bytes = Vec::new();
        // Only a hint: where a server lies, it costs address space.
        let _ = bytes.try_reserve_exact(body.content_length().unwrap_or(0).min(max) as usize);
        let read = body
            .as_reader()
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes);
        if status != 200 {
            // However the body ended, the status is the news.
            let header = head
                .headers
                .get("retry-after")
                .and_then(|value| value.to_str().ok());
            let retry_after = header.and_then(|value| retry::retry_after(value, SystemTime::now()));
            return Err(Error::from_status(
                status,
                retry_after,
                &bytes,
                &self.credentials,
            ));
        }
        read.map_err(|error| fault(error.into()))?;
        if bytes.len() as u64 > max {
            let text = format!("the answer is larger than {max} bytes (max_response_bytes)");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(bytes)
    }
}

/// One call of the SDK: every request made for it shares one deadline.
pub(crate) struct Call<'a> {
    transport: &'a Transport,
    deadline: Instant,
}

impl Call<'_> {
    /// GETs `path`, with retries, and reads the answer's body.
    pub(crate) fn get<T>(&self, path: &str, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let Transport {
            credentials,
            settings,
            ..
        } = self.transport;
        let mut attempts = 0_u32;
        loop {
            let rest = self.rest();
            if rest.is_zero() {
                let error = Error::new(
                    ErrorKind::Timeout,
                    "the call's time was over before it was sent",
                );
                return Err(error.retryable().of_request(path, attempts, credentials));
            }
            attempts = attempts.saturating_add(1);
            let error = match self.transport.attempt(path, rest) {
                Ok(body) => {
                    return read(&body)
                        .map_err(|error| error.of_request(path, attempts, credentials));
                }
                Err(error) => error.of_request(path, attempts, credentials),
            };
            let Some(delay) =
                settings
                    .policy
                    .wait(&error, attempts - 1, retry::dice(), self.rest())
            else {
                return Err(error);
            };
            if let Some(tell) = &settings.on_retry {
                tell(&Retry {
                    attempt: attempts,
                    delay,
                    error: &error,
                });
            }
            // The telling took time, too.
            if delay >= self.rest() {
                return Err(error);
            }
            std::thread::sleep(delay);
        }
    }

    fn rest(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(feature = "rustls")]
fn tls(settings: &Settings) -> ureq::tls::TlsConfig {
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    let roots = if settings.system_roots {
        RootCerts::PlatformVerifier
    } else {
        RootCerts::WebPki
    };
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .build()
}

/// The one place where ureq's errors become ours.
fn fault(error: ureq::Error, limit: Duration, keys: &Credentials) -> Error {
    use ureq::Error as Fault;
    match error {
        Fault::Timeout(reason) => {
            let text = match reason {
                Timeout::Connect => format!(
                    "no connection, or no TLS on it, within {:?}",
                    limit.min(CONNECT_TIMEOUT)
                ),
                _ => format!("no complete answer within {limit:?}"),
            };
            Error::new(ErrorKind::Timeout, text).retryable()
        }
        Fault::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData => {
                Error::new(ErrorKind::Tls, "no trusted connection").with_source(error)
            }
            kind if retry::is_broken_connection(kind) => {
                let refused = kind == io::ErrorKind::ConnectionRefused;
                let text = if refused {
                    "cannot connect"
                } else {
                    "the connection broke"
                };
                Error::new(ErrorKind::Transport, text)
                    .with_source(error)
                    .retryable()
            }
            _ => Error::new(ErrorKind::Transport, "cannot connect").with_source(error),
        },
        #[cfg(feature = "rustls")]
        Fault::Tls(_) | Fault::TlsRequired | Fault::Rustls(_) => {
            Error::new(ErrorKind::Tls, "no trusted connection")
        }
        // A connection that breaks amid gzip looks like a fault of the gzip.
        #[cfg(feature = "gzip")]
        Fault::Decompress(_, error) if error.to_string() == "Peer disconnected" => {
            fault(error.into(), limit, keys)
        }
        #[cfg(feature = "gzip")]
        Fault::Decompress(..) => {
            Error::new(ErrorKind::Decode, "cannot read the answer: broken gzip")
        }
        // A chunk cut within its size.
        Fault::BodyStalled => fault(
            io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            limit,
            keys,
        ),
        // Its text would show the URL.
        Fault::Http(_) | Fault::BadUri(_) => Error::new(
            ErrorKind::InvalidInput,
            "the path is no part of a valid URL",
        ),
        error => Error::new(ErrorKind::Transport, keys.clean(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_says_which_limit_it_was() {
        let keys = Credentials::new("token", "secret").unwrap();
        let text = |reason, limit| {
            fault(
                ureq::Error::Timeout(reason),
                Duration::from_secs(limit),
                &keys,
            )
            .to_string()
        };
        let hint = "(try later, or raise the timeout)";
        assert_eq!(
            text(Timeout::Connect, 30),
            format!("no connection, or no TLS on it, within 10s {hint}")
        );
        assert_eq!(
            text(Timeout::Connect, 3),
            format!("no connection, or no TLS on it, within 3s {hint}")
        );
        assert_eq!(
            text(Timeout::Global, 30),
            format!("no complete answer within 30s {hint}")
        );
    }
}
