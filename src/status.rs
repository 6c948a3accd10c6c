//! Which status means which error, and what the body of an error response says. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::json;
use crate::redact::Redactor;
use crate::retry;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    id: Value,
    message: Value,
}

/// Turns a response whose status is not 200 into an error. Its body may be anything.
pub(crate) fn error(status: u16, body: &[u8], redactor: &Redactor) -> Error {
    let Body { id, message } = json::read_with_values(body).unwrap_or_default();
    let id = json::words(&id);
    let message = match message {
        Value::Null => plain_text(body),
        message => json::words(&message),
    };
    let kind = kind(status, &id);
    let clean = |text: &str| Some(redactor.clean(text)).filter(|text| !text.is_empty());
    let (id, message) = (clean(&id), clean(&message));

    let mut text = status.to_string();
    text.extend(id.iter().flat_map(|id| [" ", id]));
    text.extend(message.iter().flat_map(|message| [": ", message]));
    let mut error = Error::new(kind, text).retryable(retry::is_retried_status(status));
    error.0.status = Some(status);
    error.0.api_id = id;
    error.0.api_message = message;
    error
}

fn kind(status: u16, id: &str) -> ErrorKind {
    match (id, status) {
        ("bad_request", _) => ErrorKind::BadRequest,
        ("unauthorized", _) => ErrorKind::Unauthorized,
        ("forbidden", _) => ErrorKind::Forbidden,
        ("not_found", _) => ErrorKind::NotFound,
        (_, 400) => ErrorKind::BadRequest,
        (_, 401) => ErrorKind::Unauthorized,
        (_, 403) => ErrorKind::Forbidden,
        (_, 404) => ErrorKind::NotFound,
        (_, 429) => ErrorKind::RateLimited,
        (_, 500..=599) => ErrorKind::Server,
        _ => ErrorKind::UnexpectedStatus,
    }
}

/// The text of a body that is neither HTML nor JSON nor broken JSON. It may be empty.
fn plain_text(body: &[u8]) -> String {
    let text = body.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let text = text.trim();
    let is_json = text.starts_with('{') || text.starts_with("[{") || json::is_json(body);
    match is_json || body.contains(&0) || json::is_markup(body) {
        true => String::new(),
        false => text.into(),
    }
}
