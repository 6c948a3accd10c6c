//! What is allowed as a base URL, as a path, as the name of a workspace, and in a header, and which
//! hosts a `NO_PROXY` list covers. Pure.

use std::net::{IpAddr, Ipv6Addr};

use crate::error::{Error, Result};
use crate::redact::Redactor;

/// The longest text that may become part of a request's head, in bytes. Error texts repeat it.
pub(crate) const MAX_HEADER: usize = 8192;

const BASE_URL_RULE: &str = "the base URL must be an https origin such as https://app.mode.com, or \
    http for localhost and loopback addresses: scheme, host, optionally a port, and nothing else";

const WORKSPACE_RULE: &str =
    "must be the name in app.mode.com/<workspace>: ASCII letters, digits, `-`, `_`, `.`";

/// Where requests are sent: a scheme, a host and perhaps a port, all in lower case.
pub(crate) struct Origin {
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) is_secure: bool,
    pub(crate) is_loopback: bool,
}

impl Origin {
    /// Takes parts that are known to be valid.
    pub(crate) fn new(scheme: &str, authority: &str, host: &str) -> Self {
        let address = host.trim_matches(['[', ']']).parse();
        Self {
            url: format!("{scheme}://{authority}"),
            host: host.into(),
            is_secure: scheme == "https",
            is_loopback: host == "localhost" || address.is_ok_and(|ip: IpAddr| ip.is_loopback()),
        }
    }

    pub(crate) fn parse(url: &str) -> Result<Self> {
        Self::read(url).ok_or_else(|| Error::invalid_input(BASE_URL_RULE))
    }

    fn read(url: &str) -> Option<Self> {
        let url = url.to_ascii_lowercase();
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon may also be part of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, "1"),
        };
        let is_number = port.bytes().all(|b| b.is_ascii_digit());
        let is_port = is_number && matches!(port.parse(), Ok(1..=u16::MAX));
        let is_host = match host.strip_prefix('[') {
            Some(ipv6) => ipv6.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
            None => matches!(host.len(), 1..=253) && host.bytes().all(is_name_byte),
        };
        let origin = Self::new(scheme, authority, host);
        let is_known = origin.is_secure || scheme == "http" && origin.is_loopback;
        (is_known && is_host && is_port).then_some(origin)
    }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}

/// Returns the path of a workspace's listing, if `workspace` can be the name of a workspace.
pub(crate) fn memberships(workspace: &str, redactor: &Redactor) -> Result<String> {
    let is_reserved = matches!(workspace, "" | "." | ".." | "account" | "verify");
    if is_reserved || workspace.len() > 255 || !workspace.bytes().all(is_name_byte) {
        let shown = redactor.clean(workspace);
        let text = format!("the workspace \"{shown}\" {WORKSPACE_RULE}");
        return Err(Error::invalid_input(text));
    }
    Ok(format!("/api/{workspace}/memberships"))
}

/// Refuses anything but a plain absolute path below `/api/`, with or without a query.
pub(crate) fn check_path(target: &str, redactor: &Redactor) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"#\\\"<>`".contains(&b);
    let is_odd = |segment| matches!(segment, "" | "." | "..");
    let path = target.split('?').next().unwrap_or_default();
    let decoded = path.to_ascii_lowercase().replace("%2e", ".");
    let decoded = decoded.replace("%2f", "/").replace("%5c", "/");
    let mut segments = decoded.split('/').skip(1);
    let fault = match target {
        it if !it.bytes().all(is_plain) => "must be printable ASCII without spaces or \"#<>\\`",
        it if it.len() > MAX_HEADER => "must not be longer than 8192 characters",
        it if !it.starts_with("/api/") => "must start with /api/",
        _ if segments.any(is_odd) => "must not have an empty, `.` or `..` segment",
        _ => return Ok(()),
    };
    let shown = redactor.clean(path);
    let text = format!("the path \"{shown}\" {fault}");
    Err(Error::invalid_input(text))
}

/// Refuses a user agent that is not fit for a header.
pub(crate) fn check_user_agent(user_agent: &str) -> Result<()> {
    let is_plain = |b: u8| matches!(b, b' '..=b'~' | b'\t');
    if matches!(user_agent.len(), 1..=MAX_HEADER) && user_agent.bytes().all(is_plain) {
        return Ok(());
    }
    let text = "the user agent must be 1 to 8192 characters of printable ASCII";
    Err(Error::invalid_input(text))
}

/// Returns a host without the brackets of IPv6 and without a dot at its end.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']']).trim_end_matches('.')
}

/// Returns whether a `NO_PROXY` list covers a host. `mode.com`, `.mode.com` and `*.mode.com` all mean
/// the same.
pub(crate) fn is_exempt(host: &str, list: &str) -> bool {
    let host = bare(host);
    let is_address = host.parse::<IpAddr>().is_ok();
    let list = list.to_ascii_lowercase();
    list.split(',').map(str::trim).any(|entry| {
        let domain = entry.strip_prefix('*').unwrap_or(entry);
        let domain = bare(domain.strip_prefix('.').unwrap_or(domain));
        let parent = host.strip_suffix(domain).filter(|_| !domain.is_empty());
        entry == "*" || parent.is_some_and(|it| it.is_empty() || !is_address && it.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_exempt;

    #[test]
    fn an_address_is_exempt_only_as_a_whole() {
        for list in ["10.0.0.1", "a, 10.0.0.1", "*"] {
            assert!(is_exempt("10.0.0.1", list), "{list}");
        }
        for list in ["1", "0.0.1", ".0.0.1", "*.0.0.1", "*.", "10.0.0.1x"] {
            assert!(!is_exempt("10.0.0.1", list), "{list}");
        }
        assert!(is_exempt("[2001:db8::1]", "2001:db8::1"));
    }
}
