//! Which proxy the environment names for an origin: the proxy variables and `NO_PROXY`.

use std::{env, net::IpAddr};

use ureq::Proxy;
use ureq::ProxyProtocol::{Http, Https};

use crate::error::{Error, Result};
use crate::input::Origin;

const SOCKS_RULE: &str = "names a SOCKS proxy, which needs the feature `socks-proxy`";
const URL_RULE: &str = "is not the URL of a proxy, such as http://user:password@proxy.example:3128, \
    with the user name and the password percent-encoded";

/// Returns the proxy that applies to an origin, if there is one. It is an error if it cannot be used.
pub(crate) fn find(origin: &Origin) -> Result<Option<Proxy>> {
    let host = &origin.host;
    let named = first_set(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
    let exceptions = first_set(&["no_proxy", "NO_PROXY"]);
    let is_exempt = exceptions.is_some_and(|(_, list)| is_exempt(host, &list));
    let Some((variable, value)) = named.filter(|_| !is_exempt && !origin.is_loopback) else {
        return Ok(None);
    };
    let is_http = |it: &Proxy| matches!(it.protocol(), Http | Https);
    let fault = match usable_proxy(&value) {
        // ureq would use a SOCKS proxy as soon as any crate enables the feature for it.
        Some(proxy) if cfg!(feature = "socks-proxy") || is_http(&proxy) => return Ok(Some(proxy)),
        Some(_) => SOCKS_RULE,
        None => URL_RULE,
    };
    let advice = format!("correct it, unset it, or add {host} to NO_PROXY");
    Err(Error::invalid_input(format!("the variable {variable} {fault}")).with_advice(advice))
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
    use super::is_exempt;

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
