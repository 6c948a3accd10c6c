//! What ureq says went wrong, as our errors, with the advice that fits each.

use std::io::{self, ErrorKind as Io};
use std::time::Duration;

use ureq::{Error as Fault, Timeout};

use crate::error::{Error, ErrorKind};
use crate::input::Origin;
use crate::proxy::NamedProxy;
use crate::redact::Redactor;
use crate::retry;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How an error of the standard library starts if a host name was not found.
const NOT_FOUND: &str = "failed to lookup address information";
/// What rustls says, and what to do about it.
const TLS_ADVICE: &str = "\
CaUsedAsEndEntity: the server needs a certificate other than its CA's own
InvalidContentType: the other side does not speak TLS: check the port
No CA: install the system's CA certificates, or omit `system_roots()`
expired: the certificate has expired, or this machine's clock is wrong
not valid yet: check this machine's clock
not valid for name: the certificate is for another host";
const SPEAKS_HTTPS: &str = "does the server speak https?";
const FIREWALL: &str = "check the network, the firewall and the proxy variables";
const PROXY_LOGIN_ADVICE: &str = "only Basic logins work: put the user name and the password, \
    percent-encoded, into the URL in";

/// The way to the server, on which the text and the advice of an error depend.
pub(crate) struct Route {
    pub(crate) origin: Origin,
    pub(crate) proxy: Option<NamedProxy>,
    pub(crate) redactor: Redactor,
    pub(crate) system_roots: bool,
}

impl Route {
    /// Turns an error of ureq's into one of ours. `limit` is how long the attempt was allowed to take.
    pub(crate) fn convert_error(&self, error: Fault, limit: Duration) -> Error {
        let error = match error {
            Fault::Io(error) => error,
            // A chunk was cut.
            Fault::BodyStalled => Io::UnexpectedEof.into(),
            Fault::HostNotFound => io::Error::other(NOT_FOUND),
            #[cfg(feature = "rustls")]
            Fault::Tls(_) | Fault::TlsRequired | Fault::Rustls(_) => {
                io::Error::new(Io::InvalidData, error)
            }
            // A connection that is lost in the middle of a gzip stream looks like broken gzip.
            #[cfg(feature = "gzip")]
            Fault::Decompress(_, error) if error.to_string() == "Peer disconnected" => error,
            #[cfg(feature = "gzip")]
            Fault::Decompress(..) => return altered("broken gzip"),
            Fault::BodyExceedsLimit(max) => {
                let text = format!("the response is larger than {max} bytes");
                return Error::new(ErrorKind::TooLarge, text);
            }
            Fault::Timeout(Timeout::Connect) => {
                let text = format!("no connection within {CONNECT_TIMEOUT:.1?}");
                let is_loopback = self.origin.is_loopback;
                let advice = if is_loopback { SPEAKS_HTTPS } else { FIREWALL };
                return self.failure(ErrorKind::Timeout, &text, advice, "");
            }
            Fault::Timeout(_) => {
                let text = format!("no complete response within {limit:.1?}");
                let advice = ErrorKind::Timeout.advice();
                return self.failure(ErrorKind::Timeout, &text, advice, "");
            }
            Fault::ConnectProxyFailed(reason) => {
                let status = reason.rsplit_once('/').and_then(|(_, it)| it.parse().ok());
                if let Some(status) = status {
                    let text = format!("got status {status} for CONNECT");
                    let failure = self.failure(ErrorKind::Transport, &text, "", &text);
                    return failure.retryable(retry::is_retried_status(status));
                }
                // The proxy closed the connection instead.
                Io::UnexpectedEof.into()
            }
            error => {
                let text = self.redactor.clean(&error.to_string());
                let advice = self.transport_advice();
                let failure = self.failure(ErrorKind::Transport, &text, advice, "");
                return failure.retryable(false);
            }
        };
        let cause = error.to_string();
        // A SOCKS proxy that does not speak SOCKS is also reported as invalid data.
        let is_tls = error.kind() == Io::InvalidData && !cause.starts_with("invalid re");
        let failure = if is_tls {
            let advice = self.tls_advice(&cause);
            self.failure(ErrorKind::Tls, "no trusted connection", advice, "")
        } else {
            let advice = self.transport_advice();
            self.failure(ErrorKind::Transport, &self.io_text(&error), advice, &cause)
        };
        let is_retried = retry::is_retried_failure(error.kind());
        failure.caused_by(error).retryable(is_retried)
    }

    fn io_text(&self, error: &io::Error) -> String {
        use Io::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        use Io::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        if is_lookup_failure(error) {
            // With some SOCKS proxies, ureq looks up the server itself.
            let proxy = self.proxy.as_ref().map(|it| &it.proxy);
            let proxy = proxy
                .filter(|proxy| !proxy.resolve_target())
                .map(|proxy| proxy.host());
            let host = self.redactor.clean(proxy.unwrap_or(&self.origin.host));
            return format!("cannot look up {host}");
        }
        let text = match error.kind() {
            ConnectionRefused | HostUnreachable | NetworkUnreachable => "cannot connect",
            BrokenPipe | ConnectionAborted | ConnectionReset => "lost the connection",
            TimedOut | UnexpectedEof => "lost the connection",
            _ => "I/O error",
        };
        text.into()
    }

    /// Makes an error. If there is a proxy, the error names it, and `cause` may say what is wrong with
    /// it. `advice` is for a connection without one, and for TLS.
    fn failure(&self, kind: ErrorKind, text: &str, advice: &str, cause: &str) -> Error {
        let Some(NamedProxy { proxy, variable }) = &self.proxy else {
            return Error::new(kind, text).with_advice(advice);
        };
        let address = format!("{}:{}", proxy.host(), proxy.port());
        let address = self.redactor.clean(&address);
        let advice = match kind {
            ErrorKind::Tls => advice.into(),
            ErrorKind::Timeout => {
                format!("the proxy that {variable} names may be silent: check it")
            }
            _ if cause.contains("407") || cause.contains("auth") => {
                format!("{PROXY_LOGIN_ADVICE} {variable}")
            }
            _ if cause.contains("403") => {
                format!("the proxy forbids connections to {}", self.origin.host)
            }
            _ => format!("check the proxy that {variable} names"),
        };
        Error::new(kind, format!("{text} through the proxy {address}")).with_advice(advice)
    }

    fn transport_advice(&self) -> &'static str {
        if self.origin.is_loopback {
            return "check that a server runs at the base URL";
        }
        ErrorKind::Transport.advice()
    }

    fn tls_advice(&self, fault: &str) -> &'static str {
        if fault.contains("UnknownIssuer") {
            return if self.system_roots {
                "add the certificate's issuer to those that this system trusts"
            } else if self.origin.is_loopback {
                "a CA of your own needs `platform-verifier` and `system_roots()`"
            } else {
                "a proxy that re-signs traffic needs `platform-verifier` and `system_roots()`"
            };
        }
        let mut rows = TLS_ADVICE.lines().filter_map(|row| row.split_once(": "));
        let row = rows.find(|(words, _)| fault.contains(words));
        row.map_or(ErrorKind::Tls.advice(), |(_, advice)| advice)
    }
}

/// Returns whether a host name was not found. The standard library has no kind of error for it.
fn is_lookup_failure(error: &io::Error) -> bool {
    // On Windows, these are WSAHOST_NOT_FOUND to WSANO_DATA.
    let is_windows_code = cfg!(windows) && matches!(error.raw_os_error(), Some(11001..=11004));
    is_windows_code || error.to_string().starts_with(NOT_FOUND)
}

/// The error for a body that was changed on the way.
pub(crate) fn altered(what: &str) -> Error {
    Error::unreadable(what).with_advice("something in between has changed the response")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(base_url: &str) -> Route {
        Route {
            origin: Origin::parse(base_url).unwrap(),
            proxy: None,
            redactor: Redactor::new("token", "secret"),
            system_roots: false,
        }
    }

    #[test]
    fn each_fault_has_its_text_and_its_advice() {
        use ErrorKind::{Tls, Transport};
        const NETWORK: &str = "check the network, the base URL and the proxy variables";
        const LOOKUP: &str = "failed to lookup address information: Name or service not known";
        let io = |kind: Io| Fault::Io(kind.into());
        let tls = |words: &str| Fault::Io(io::Error::new(Io::InvalidData, words));
        let of_ca = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
        let cases = [
            (
                Fault::Io(io::Error::other(LOOKUP)),
                Transport,
                "cannot look up app.mode.com",
                NETWORK,
            ),
            (
                Fault::HostNotFound,
                Transport,
                "cannot look up app.mode.com",
                NETWORK,
            ),
            (
                io(Io::ConnectionRefused),
                Transport,
                "cannot connect",
                NETWORK,
            ),
            (
                io(Io::HostUnreachable),
                Transport,
                "cannot connect",
                NETWORK,
            ),
            (
                io(Io::NetworkUnreachable),
                Transport,
                "cannot connect",
                NETWORK,
            ),
            (
                io(Io::ConnectionReset),
                Transport,
                "lost the connection",
                NETWORK,
            ),
            (
                io(Io::ConnectionAborted),
                Transport,
                "lost the connection",
                NETWORK,
            ),
            (
                io(Io::BrokenPipe),
                Transport,
                "lost the connection",
                NETWORK,
            ),
            (
                io(Io::UnexpectedEof),
                Transport,
                "lost the connection",
                NETWORK,
            ),
            (io(Io::TimedOut), Transport, "lost the connection", NETWORK),
            (
                Fault::BodyStalled,
                Transport,
                "lost the connection",
                NETWORK,
            ),
            (io(Io::Other), Transport, "I/O error", NETWORK),
            (
                tls(of_ca),
                Tls,
                "no trusted connection",
                "the server needs a certificate other than its CA's own",
            ),
            (tls("odd"), Tls, "no trusted connection", Tls.advice()),
        ];
        let route = route("https://app.mode.com");
        for (fault, kind, text, advice) in cases {
            let shown = format!("{fault:?}");
            let error = route.convert_error(fault, Duration::from_secs(30));
            assert_eq!(error.kind(), kind, "{shown}");
            assert_eq!(error.to_string(), format!("{text} ({advice})"), "{shown}");
            assert_eq!(error.is_retryable(), kind == Transport, "{shown}");
        }
    }

    #[test]
    fn a_connection_that_does_not_come_about_has_advice_other_than_a_longer_timeout() {
        let cases = [
            (
                "https://app.mode.com",
                "check the network, the firewall and the proxy variables",
            ),
            ("https://localhost:8443", "does the server speak https?"),
        ];
        for (base_url, advice) in cases {
            let fault = Fault::Timeout(Timeout::Connect);
            let error = route(base_url).convert_error(fault, Duration::from_secs(30));
            let text = format!("no connection within 10.0s ({advice})");
            assert_eq!(
                (error.kind(), error.to_string()),
                (ErrorKind::Timeout, text)
            );
            assert!(error.is_retryable());
        }
    }
}
