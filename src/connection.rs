//! The way to the server: which proxy is used, and how ureq's errors become ours, each with its advice.

use std::io::{self, ErrorKind as Io};
use std::{env, net::IpAddr, time::Duration};

use ureq::{Error as Fault, Proxy, ProxyProtocol, Timeout};

use crate::error::{Error, ErrorKind, Result};
use crate::input::Origin;
use crate::redact::Redactor;
use crate::retry;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How an error of the standard library starts if a host name was not found.
const NOT_FOUND: &str = "failed to lookup address information";

/// The words of a failure, and what to do about it. In each table, the first row that matches is used.
const TLS_ADVICE: &str = "\
CaUsedAsEndEntity: the server needs a certificate other than its CA's own
InvalidContentType: the other side does not speak TLS: check the port (and the scheme of a proxy's URL)
No CA: install the system's CA certificates, or omit `system_roots()`
UnknownIssuer: let this system trust the certificate's issuer, and use `system_roots()` (feature `platform-verifier`)
not valid for name: the certificate is for another host";
const PROXY_ADVICE: &str = "\
no connection: check that the proxy responds
no complete: check the network and the proxy, or raise the timeout
407: only Basic authentication is supported: put the user name and the password, percent-encoded, into the proxy's URL
403: the proxy forbids connections to this host
: check the proxy variables";
const LOOPBACK_ADVICE: &str = "\
no connection: does the server speak https?
no complete: check the server at the base URL, or raise the timeout
: check the base URL, and that a server runs there";
const DIRECT_ADVICE: &str = "no connection: check the network, firewall and proxy variables";

const SOCKS_RULE: &str = "names a SOCKS proxy, which needs the feature `socks-proxy`";
const URL_RULE: &str = "is not the URL of a proxy, such as http://user:password@proxy.example:3128, \
    with the user name and the password percent-encoded";

/// What the text and the advice of an error depend on.
pub(crate) struct Route {
    pub(crate) origin: Origin,
    pub(crate) proxy: Option<Proxy>,
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
            Fault::Decompress(_, error) if is_from_connection(&error) => error,
            #[cfg(feature = "gzip")]
            Fault::Decompress(..) => return altered("broken gzip"),
            Fault::BodyExceedsLimit(max) => {
                let text = format!("the response is larger than {max} bytes");
                return Error::new(ErrorKind::TooLarge, text);
            }
            Fault::Timeout(timeout) => {
                let text = match timeout {
                    Timeout::Connect => format!("no connection within {CONNECT_TIMEOUT:.1?}"),
                    _ => format!("no complete response within {limit:.1?}"),
                };
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
                let failure = self.failure(ErrorKind::Transport, &text, "");
                return failure.retryable(false);
            }
        };
        let (kind, cause) = (error.kind(), error.to_string());
        // A SOCKS proxy that does not speak SOCKS is also reported as invalid data.
        let is_tls = kind == Io::InvalidData && !cause.starts_with("invalid re");
        let failure = if is_tls {
            self.failure(ErrorKind::Tls, "no trusted connection", &cause)
        } else {
            let text = self.io_text(&error);
            self.failure(ErrorKind::Transport, &text, &format!("{text}: {cause}"))
        };
        // After these, a retry would fail the same way.
        let is_final = [Io::InvalidData, Io::InvalidInput, Io::PermissionDenied].contains(&kind);
        failure.caused_by(error).retryable(!is_final)
    }

    fn io_text(&self, error: &io::Error) -> String {
        // The standard library has no kind for this. On Windows, it is WSAHOST_NOT_FOUND to WSANO_DATA.
        let is_windows_code = cfg!(windows) && matches!(error.raw_os_error(), Some(11001..=11004));
        if is_windows_code || error.to_string().starts_with(NOT_FOUND) {
            // With some SOCKS proxies, ureq also looks up the server's name, so it may be either.
            let proxy = self.proxy.as_ref();
            let host = proxy.map_or(&*self.origin.host, |_| "the proxy or the server");
            return format!("cannot look up {}", self.redactor.clean(host));
        }
        let text = match error.kind() {
            Io::AddrNotAvailable | Io::ConnectionRefused | Io::HostUnreachable => "cannot connect",
            Io::NetworkDown | Io::NetworkUnreachable | Io::PermissionDenied => "cannot connect",
            Io::BrokenPipe | Io::ConnectionAborted | Io::ConnectionReset => "lost the connection",
            Io::TimedOut | Io::UnexpectedEof => "lost the connection",
            _ => "I/O error",
        };
        text.into()
    }

    /// Makes an error, which names the proxy if there is one. `words` determine the advice.
    fn failure(&self, kind: ErrorKind, text: &str, words: &str) -> Error {
        let table = match (kind, &self.proxy) {
            (ErrorKind::Tls, _) => TLS_ADVICE,
            (_, Some(_)) => PROXY_ADVICE,
            (_, None) if self.origin.is_loopback => LOOPBACK_ADVICE,
            (_, None) => DIRECT_ADVICE,
        };
        let mut rows = table.lines().filter_map(|row| row.split_once(": "));
        let row = rows.find(|(start, _)| words.contains(start));
        let advice = row.map_or(kind.advice(), |(_, advice)| advice);
        let mut text = String::from(text);
        if let Some(proxy) = &self.proxy {
            let address = format!("{}:{}", proxy.host(), proxy.port());
            text = format!("{text} through the proxy {}", self.redactor.clean(&address));
        }
        Error::new(kind, text).with_advice(advice)
    }
}

/// Returns whether the connection failed, and not the decoder that reads from it.
#[cfg(feature = "gzip")]
fn is_from_connection(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.to_string() == "Peer disconnected"
}

/// The error for a body that was changed on the way.
pub(crate) fn altered(what: &str) -> Error {
    Error::unreadable(what).with_advice("a proxy or a gateway may have changed the response")
}

/// Returns the proxy that applies to an origin, if there is one. It is an error if it cannot be used.
pub(crate) fn proxy_for(origin: &Origin) -> Result<Option<Proxy>> {
    let host = &origin.host;
    let named = first_set(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
    let exceptions = first_set(&["no_proxy", "NO_PROXY"]);
    let is_exempt = exceptions.is_some_and(|name| is_exempt(host, &value_of(name)));
    let Some(variable) = named.filter(|_| !is_exempt && !origin.is_loopback) else {
        return Ok(None);
    };
    let is_http = |it: &Proxy| matches!(it.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    let fault = match usable_proxy(&value_of(variable)) {
        // ureq would use a SOCKS proxy as soon as any crate enables the feature for it.
        Some(proxy) if cfg!(feature = "socks-proxy") || is_http(&proxy) => return Ok(Some(proxy)),
        Some(_) => SOCKS_RULE,
        None => URL_RULE,
    };
    let advice = format!("correct it, unset it, or add {host} to NO_PROXY");
    Err(Error::invalid_input(format!("the variable {variable} {fault}")).with_advice(advice))
}

/// Returns the first of these variables that is set and not blank.
fn first_set(names: &[&'static str]) -> Option<&'static str> {
    let mut names = names.iter().copied();
    names.find(|name| !value_of(name).is_empty())
}

fn value_of(variable: &str) -> String {
    let value = env::var_os(variable).unwrap_or_default();
    value.to_string_lossy().trim().to_owned()
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

/// Returns whether a `NO_PROXY` list covers a host. Its entries are separated by commas and blanks;
/// `mode.com`, `.mode.com` and `*.mode.com` all mean the same.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = bare(host);
    let is_address = host.parse::<IpAddr>().is_ok();
    let list = list.to_ascii_lowercase();
    list.split([',', ' ', '\t', '\r', '\n']).any(|entry| {
        let domain = entry.strip_prefix('*').unwrap_or(entry);
        let domain = bare(domain.strip_prefix('.').unwrap_or(domain));
        let parent = host.strip_suffix(domain).filter(|_| !domain.is_empty());
        entry == "*" || parent.is_some_and(|it| it.is_empty() || !is_address && it.ends_with('.'))
    })
}

/// Returns a host without the brackets of IPv6 and without a dot at its end.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']']).trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: &str = "https://app.mode.com";

    fn io(kind: Io) -> Fault {
        Fault::Io(kind.into())
    }

    fn says(words: &str) -> Fault {
        Fault::Io(io::Error::other(words))
    }

    fn tls(words: &str) -> Fault {
        Fault::Io(io::Error::new(Io::InvalidData, words))
    }

    /// The text of the error, and whether it may be retried. `proxy` is its URL, or empty.
    fn converted(base_url: &str, proxy: &str, fault: Fault) -> (String, bool) {
        let proxy = Some(proxy).filter(|url| !url.is_empty());
        let route = Route {
            origin: Origin::parse(base_url).unwrap(),
            proxy: proxy.map(|url| Proxy::new(url).unwrap()),
            redactor: Redactor::new("token", "secret"),
        };
        let error = route.convert_error(fault, Duration::from_secs(30));
        (error.to_string(), error.is_retryable())
    }

    #[test]
    fn each_fault_has_its_text_and_its_advice() {
        const NETWORK: &str = "check the network, the base URL and the proxy variables";
        let lookup = || says("failed to lookup address information: Name or service not known");
        let cases = [
            (lookup(), "cannot look up app.mode.com"),
            (Fault::HostNotFound, "cannot look up app.mode.com"),
            (io(Io::AddrNotAvailable), "cannot connect"),
            (io(Io::ConnectionRefused), "cannot connect"),
            (io(Io::HostUnreachable), "cannot connect"),
            (io(Io::NetworkDown), "cannot connect"),
            (io(Io::NetworkUnreachable), "cannot connect"),
            (io(Io::BrokenPipe), "lost the connection"),
            (io(Io::ConnectionAborted), "lost the connection"),
            (io(Io::ConnectionReset), "lost the connection"),
            (io(Io::TimedOut), "lost the connection"),
            (io(Io::UnexpectedEof), "lost the connection"),
            (Fault::BodyStalled, "lost the connection"),
            (io(Io::Other), "I/O error"),
        ];
        for (fault, text) in cases {
            let text = format!("{text} ({NETWORK})");
            assert_eq!(converted(MODE, "", fault), (text, true));
        }
        // A refusal by this system does not change by itself.
        for (kind, text) in [
            (Io::PermissionDenied, "cannot connect"),
            (Io::InvalidInput, "I/O error"),
        ] {
            let text = format!("{text} ({NETWORK})");
            assert_eq!(converted(MODE, "", io(kind)), (text, false));
        }
    }

    #[cfg(all(feature = "gzip", unix))]
    #[test]
    fn a_reset_in_a_gzip_stream_is_not_broken_gzip() {
        const RESET: i32 = if cfg!(target_os = "linux") { 104 } else { 54 };
        let reset = Fault::Decompress("gzip", io::Error::from_raw_os_error(RESET));
        let (text, is_retried) = converted(MODE, "", reset);
        assert!(
            text.starts_with("lost the connection") && is_retried,
            "{text}"
        );
        let (text, is_retried) =
            converted(MODE, "", Fault::Decompress("gzip", Io::InvalidInput.into()));
        assert!(text.contains("broken gzip") && !is_retried, "{text}");
    }

    #[test]
    fn each_fault_of_tls_has_its_advice() {
        let another = "the certificate is for another host";
        let cases = [
            (
                "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
                "the server needs a certificate other than its CA's own",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"expired.example\"",
                another,
            ),
            ("invalid peer certificate: Expired", ErrorKind::Tls.advice()),
            ("odd", ErrorKind::Tls.advice()),
        ];
        for (cause, advice) in cases {
            let text = format!("no trusted connection ({advice})");
            assert_eq!(converted(MODE, "", tls(cause)), (text, false), "{cause}");
        }
    }

    #[test]
    fn a_limit_has_advice_that_fits_the_way() {
        let (connect, global) = (Timeout::Connect, Timeout::Global);
        let silent = "check that the proxy responds";
        let slow = "check the network and the proxy, or raise the timeout";
        let firewall = "check the network, firewall and proxy variables";
        let (loopback, proxy) = ("https://localhost:8443", "http://proxy.example:3128");
        let cases = [
            (MODE, "", connect, firewall),
            (MODE, "", global, ErrorKind::Timeout.advice()),
            (loopback, "", connect, "does the server speak https?"),
            (
                loopback,
                "",
                global,
                "check the server at the base URL, or raise the timeout",
            ),
            (MODE, proxy, connect, silent),
            (MODE, proxy, global, slow),
        ];
        for (base_url, proxy, timeout, advice) in cases {
            let text = match timeout {
                Timeout::Connect => "no connection within 10.0s",
                _ => "no complete response within 30.0s",
            };
            let (error, is_retried) = converted(base_url, proxy, Fault::Timeout(timeout));
            let end = format!("({advice})");
            assert!(error.starts_with(text) && error.ends_with(&end), "{error}");
            assert!(is_retried);
        }
    }

    #[test]
    fn a_name_that_is_not_found_may_be_the_proxys() {
        let text = "cannot look up the proxy or the server through the proxy proxy.example:3128 \
            (check the proxy variables)";
        let error = converted(MODE, "http://proxy.example:3128", Fault::HostNotFound);
        assert_eq!(error, (text.into(), true));
    }

    #[test]
    fn an_address_is_exempt_only_as_a_whole() {
        for list in ["10.0.0.1", "a, 10.0.0.1", "a 10.0.0.1\tb", "*"] {
            assert!(is_exempt("10.0.0.1", list), "{list}");
        }
        for list in [
            "",
            " ",
            ",",
            "1",
            "0.0.1",
            ".0.0.1",
            "*.0.0.1",
            "*.",
            "10.0.0.1x",
        ] {
            assert!(!is_exempt("10.0.0.1", list), "{list}");
        }
        assert!(is_exempt("[2001:db8::1]", "2001:db8::1"));
    }
}
