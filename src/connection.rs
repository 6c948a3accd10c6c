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

/// What a failure says, and what to do about it. The first row that fits counts.
const TLS_ADVICE: &str = "\
CaUsedAsEndEntity: the server needs a certificate other than its CA's own
InvalidContentType: the other side does not speak TLS: check the port
No CA: install the system's CA certificates, or omit `system_roots()`
UnknownIssuer: let this system trust the certificate's issuer, and use `system_roots()` (feature `platform-verifier`)
expired: the certificate has expired, or this machine's clock is wrong
not valid yet: check this machine's clock
not valid for name: the certificate is for another host";
const PROXY_ADVICE: &str = "\
cannot look up: check the proxy that VARIABLE names
within: the proxy that VARIABLE names may be silent: check it
407: only Basic logins work: put the user name and the password, percent-encoded, into the URL in VARIABLE
auth: put the user name and the password, percent-encoded, into the URL in VARIABLE
403: the proxy forbids connections to HOST
: check the proxy that VARIABLE names";
const LOOPBACK_ADVICE: &str = "\
cannot connect: check that a server runs at the base URL
no connection: does the server speak https?";
const DIRECT_ADVICE: &str = "\
no connection: check the network, the firewall and the proxy variables";

/// The way to the server, on which the text and the advice of an error depend.
pub(crate) struct Route {
    pub(crate) origin: Origin,
    pub(crate) proxy: Option<NamedProxy>,
    pub(crate) redactor: Redactor,
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
                return self.failure(ErrorKind::Timeout, &text, &text);
            }
            Fault::Timeout(_) => {
                let text = format!("no complete response within {limit:.1?}");
                return self.failure(ErrorKind::Timeout, &text, &text);
            }
            Fault::ConnectProxyFailed(reason) => {
                let status = reason.rsplit_once('/').and_then(|(_, it)| it.parse().ok());
                if let Some(status) = status {
                    let text = format!("got status {status} for CONNECT");
                    let failure = self.failure(ErrorKind::Transport, &text, &text);
                    return failure.retryable(retry::is_retried_status(status));
                }
                // The proxy closed the connection instead.
                Io::UnexpectedEof.into()
            }
            error => {
                let text = self.redactor.clean(&error.to_string());
                return self
                    .failure(ErrorKind::Transport, &text, "")
                    .retryable(false);
            }
        };
        let cause = error.to_string();
        // A SOCKS proxy that does not speak SOCKS is also reported as invalid data.
        let is_tls = error.kind() == Io::InvalidData && !cause.starts_with("invalid re");
        let failure = if is_tls {
            self.failure(ErrorKind::Tls, "no trusted connection", &cause)
        } else {
            let text = self.io_text(&error);
            self.failure(ErrorKind::Transport, &text, &format!("{text}: {cause}"))
        };
        let is_retried = retry::is_retried_failure(error.kind());
        failure.caused_by(error).retryable(is_retried)
    }

    fn io_text(&self, error: &io::Error) -> String {
        use Io::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        use Io::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        // The standard library has no kind for this. On Windows, it is WSAHOST_NOT_FOUND to WSANO_DATA.
        let is_windows_code = cfg!(windows) && matches!(error.raw_os_error(), Some(11001..=11004));
        if is_windows_code || error.to_string().starts_with(NOT_FOUND) {
            let host = match &self.proxy {
                // With some SOCKS proxies, ureq looks up the server itself.
                Some(named) if !named.proxy.resolve_target() => named.proxy.host(),
                _ => &self.origin.host,
            };
            return format!("cannot look up {}", self.redactor.clean(host));
        }
        let text = match error.kind() {
            ConnectionRefused | HostUnreachable | NetworkUnreachable => "cannot connect",
            BrokenPipe | ConnectionAborted | ConnectionReset => "lost the connection",
            TimedOut | UnexpectedEof => "lost the connection",
            _ => "I/O error",
        };
        text.into()
    }

    /// Makes an error, which names the proxy if there is one. `words` decide on the advice.
    fn failure(&self, kind: ErrorKind, text: &str, words: &str) -> Error {
        let table = match (kind, &self.proxy) {
            (ErrorKind::Tls, _) => TLS_ADVICE,
            (_, Some(_)) => PROXY_ADVICE,
            _ if self.origin.is_loopback => LOOPBACK_ADVICE,
            _ => DIRECT_ADVICE,
        };
        let mut rows = table.lines().filter_map(|row| row.split_once(": "));
        let row = rows.find(|(start, _)| words.contains(start));
        let advice = row.map_or(kind.advice(), |(_, advice)| advice);
        let Some(NamedProxy { proxy, variable }) = &self.proxy else {
            return Error::new(kind, text).with_advice(advice);
        };
        let address = format!("{}:{}", proxy.host(), proxy.port());
        let address = self.redactor.clean(&address);
        let advice = advice
            .replace("VARIABLE", variable)
            .replace("HOST", &self.origin.host);
        Error::new(kind, format!("{text} through the proxy {address}")).with_advice(advice)
    }
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
