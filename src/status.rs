//! The status table, and what the body of an error response says. Pure.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{Error, ErrorKind};
use crate::json::{self, Json, Object};
use crate::redact::Redactor;
use crate::retry;

#[derive(Default, Deserialize)]
struct Body {
    id: Option<Json>,
    message: Option<Json>,
}

/// Turns a response whose status is not 200 into an error. Its body may be anything.
pub(crate) fn error(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    redactor: &Redactor,
) -> Error {
    let parsed = json::read(body).map(|Object(body)| body);
    let Body { id, message } = parsed.unwrap_or_default();
    let id = id.map(|id| id.words());
    let message = message.map_or_else(|| plain_text(body), |message| Some(message.words()));
    let kind = kind(status, id.as_deref());
    let clean = |text: String| Some(redactor.clean(&text)).filter(|text| !text.is_empty());
    let (id, message) = (id.and_then(clean), message.and_then(clean));

    let mut text = status.to_string();
    text.extend(id.iter().flat_map(|id| [" ", id]));
    text.extend(message.iter().flat_map(|message| [": ", message]));
    let mut error = Error::new(kind, text).retryable(retry::is_retried_status(status));
    if let (ErrorKind::RateLimited, Some(wait)) = (kind, retry_after) {
        error = error.with_advice(format!("wait {} s", wait.as_secs_f64().ceil()));
    }
    error.0.status = Some(status);
    error.0.api_id = id;
    error.0.api_message = message;
    error.0.retry_after = retry_after;
    error
}

fn kind(status: u16, id: Option<&str>) -> ErrorKind {
    match (id, status) {
        (Some("bad_request"), _) => ErrorKind::BadRequest,
        (Some("unauthorized"), _) => ErrorKind::Unauthorized,
        (Some("forbidden"), _) => ErrorKind::Forbidden,
        (Some("not_found"), _) => ErrorKind::NotFound,
        (_, 400) => ErrorKind::BadRequest,
        (_, 401) => ErrorKind::Unauthorized,
        (_, 403) => ErrorKind::Forbidden,
        (_, 404) => ErrorKind::NotFound,
        (_, 429) => ErrorKind::RateLimited,
        (_, 500..=599) => ErrorKind::Server,
        _ => ErrorKind::UnexpectedStatus,
    }
}

/// The text of a body that is neither HTML nor JSON, not even broken JSON.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = body.utf8_chunks().next()?.valid().trim();
    let is_json = text.starts_with(['{', '[']) || json::read::<IgnoredAny>(body).is_ok();
    let is_text = !text.is_empty() && !is_json && !json::is_markup(body);
    is_text.then(|| text.to_owned())
}
