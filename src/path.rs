//! What may stand in the path of a request. Pure.

use crate::credentials::MAX_HEADER;
use crate::error::{Error, ErrorKind, Result};

/// The path of a workspace's listing.
pub(crate) fn memberships(workspace: &str) -> Result<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if workspace.len() > 255
        || !workspace.bytes().all(is_plain)
        || matches!(workspace, "" | "." | ".." | "account" | "verify")
    {
        let text = "the workspace must be the name in app.mode.com/<workspace>: ASCII letters, digits, `-`, `_`, `.`";
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(format!("/api/{workspace}/memberships"))
}

/// Refuses what is not a plain absolute path below `/api/`, with or without a query.
pub(crate) fn check(target: &str) -> Result<()> {
    let path = target
        .split('?')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let decoded = path
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    let fault = if !target
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\' | b'"' | b'<' | b'>' | b'`'))
    {
        "be printable ASCII without space, quotation marks, `#`, `<`, `>` and `\\`"
    } else if target.len() > MAX_HEADER {
        "not be longer than 8192 characters"
    } else if !target.starts_with("/api/") {
        "start with /api/"
    } else if decoded
        .split('/')
        .skip(1)
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        "have no empty, `.` or `..` segment"
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("the path must {fault}"),
    ))
}
