//! Which status means which error, and what the body of an error response says. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Number;

use crate::error::{Error, ErrorKind};
use crate::json;
use crate::redact::Redactor;
use crate::retry;

const SAME_AGAIN_ADVICE: &str = "the same would come again: check the base URL";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    id: Words,
    message: Words,
}

/// Any JSON, because Mode's messages are not always strings.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    Number(Number),
    Boolean(bool),
    List(Vec<Words>),
    Fields(BTreeMap<String, Words>),
    #[default]
    Null,
}

impl Words {
    /// Writes JSON for people to read: `{"field": ["wrong", "short"]}` is `field: wrong, short`.
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::List(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(", "),
            Self::Fields(fields) => {
                let field = |(name, it): (&String, &Self)| format!("{name}: {}", it.text());
                fields.iter().map(field).collect::<Vec<_>>().join("; ")
            }
            Self::Null => String::new(),
        }
    }
}

/// Turns a response whose status is not 200 into an error. Its body may be anything.
pub(crate) fn error(status: u16, body: &[u8], redactor: &Redactor) -> Error {
    let Body { id, message } = json::read_object(body).unwrap_or_default();
    let id = id.text();
    let message = match message {
        Words::Null => plain_text(body),
        message => message.text(),
    };
    let clean = |text: &str| Some(redactor.clean(text)).filter(|text| !text.is_empty());
    let kind = kind(status, &id);
    let (id, message) = (clean(&id), clean(&message));

    let mut text = status.to_string();
    text.extend(id.iter().flat_map(|id| [" ", id]));
    text.extend(message.iter().flat_map(|message| [": ", message]));
    let is_retried = retry::is_retried_status(status);
    let error = Error::of_status(kind, status, text).with_api_words(id, message);
    if kind == ErrorKind::Server && !is_retried {
        return error.retryable(false).with_advice(SAME_AGAIN_ADVICE);
    }
    error.retryable(is_retried)
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
    if is_json || body.contains(&0) || json::is_markup(body) {
        return String::new();
    }
    text.into()
}
