//! What is allowed as a base URL, as a path, as the name of a workspace, and in a header. Pure.

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
    pub(crate) is_loopback: bool,
}

impl Origin {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        Self::read(url).ok_or_else(|| Error::invalid_input(BASE_URL_RULE))
    }

    fn read(url: &str) -> Option<Self> {
        let url = url.to_ascii_lowercase();
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // Rust reads `+80` as a number, too.
        let authority = Some(authority).filter(|it| !it.contains('+'))?;
        let default_port = if scheme == "https" { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon may also be part of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
            _ => (authority, default_port),
        };
        let is_host = match host.strip_prefix('[') {
            Some(ipv6) => ipv6.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
            None => matches!(host.len(), 1..=253) && host.bytes().all(is_name_byte),
        };
        let address = host.trim_matches(['[', ']']).parse();
        let is_loopback = host == "localhost" || address.is_ok_and(|ip: IpAddr| ip.is_loopback());
        let is_allowed = port > 0 && (scheme == "https" || scheme == "http" && is_loopback);
        let port = Some(port).filter(|port| *port != default_port);
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        (is_host && is_allowed).then(|| Self {
            url: format!("{scheme}://{host}{port}"),
            host: host.into(),
            is_loopback,
        })
    }

    /// Returns the path that a link leads to, if it is a path that may be requested from this origin.
    pub(crate) fn path_of_link(&self, href: &str) -> Option<String> {
        // The path of an absolute link starts at its third slash.
        let slash = if href.starts_with('/') { 0 } else { 2 };
        let (at, _) = href.match_indices('/').nth(slash)?;
        let (origin, path) = href.split_at(at);
        let is_ours = origin.is_empty() || Self::read(origin).is_some_and(|it| it.url == self.url);
        (is_ours && path_fault(path).is_none()).then(|| path.to_owned())
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
    path_fault(target).map_or(Ok(()), |fault| {
        let shown = redactor.clean(without_query(target));
        let text = format!("the path \"{shown}\" {fault}");
        Err(Error::invalid_input(text))
    })
}

fn path_fault(target: &str) -> Option<&'static str> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"#\\\"<>`".contains(&b);
    let decoded = without_query(target).to_ascii_lowercase();
    let decoded = decoded.replace("%2e", ".");
    let decoded = decoded.replace("%2f", "/").replace("%5c", "/");
    let is_odd = |segment| matches!(segment, "" | "." | "..");
    if !target.bytes().all(is_plain) {
        Some("must be printable ASCII without spaces or \"#<>\\`")
    } else if target.len() > MAX_HEADER {
        Some("must not be longer than 8192 characters")
    } else if !target.starts_with("/api/") {
        Some("must start with /api/")
    } else {
        let has_odd = decoded.split('/').skip(1).any(is_odd);
        has_odd.then_some("must not have an empty, `.` or `..` segment")
    }
}

/// Returns the part of a target that an error may show.
pub(crate) fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
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
