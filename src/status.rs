//! Which status means which error, and what the body of an error response says. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind};
use crate::json::{self, Json};
use crate::redact::Redactor;
use crate::retry;

const SAME_AGAIN_ADVICE: &str = "a retry would fail the same way: check the base URL";
/// If a crate enables serde_json's feature `arbitrary_precision`, a number arrives as an object with one
/// field, and this is how the name of the field is written out.
const NUMBER: &str = "$serde_json::private::Number: ";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    id: Words,
    message: Words,
}

/// Any JSON, written for people to read: `{"field": ["wrong", "short"]}` is `field: wrong, short`. Mode's
/// messages are not always strings.
#[derive(Default)]
struct Words(String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Json::<BTreeMap<String, Self>, Self>::deserialize(deserializer)? {
            Json::Text(text) => text,
            Json::Scalar(text) => text.into(),
            Json::Array(items) => {
                let items: Vec<String> = items.into_iter().map(|Self(text)| text).collect();
                items.join(", ")
            }
            Json::Object(fields) => {
                let field = |(name, Self(text)): (String, Self)| format!("{name}: {text}");
                let fields: Vec<String> = fields.into_iter().map(field).collect();
                fields.join("; ").replace(NUMBER, "")
            }
            Json::Null => String::new(),
        };
        Ok(Self(text))
    }
}

/// Turns a response whose status is not 200 into an error. Its body may be anything.
pub(crate) fn error(status: u16, body: &[u8], redactor: &Redactor) -> Error {
    let json = json::read::<Json<Body>>(body);
    let plain = if json.is_err() { plain_text(body) } else { "" };
    let Body { id, message } = json.ok().and_then(Json::object).unwrap_or_default();
    let kind = kind(status, &id.0);
    let id = redactor.clean(&id.0);
    // Only one of the two has a text.
    let message = redactor.clean(&(message.0 + plain));
    let is_retried = retry::is_retried_status(status);
    let error = Error::of_status(kind, status, id, message).retryable(is_retried);
    match kind {
        ErrorKind::Server if !is_retried => error.with_advice(SAME_AGAIN_ADVICE),
        _ => error,
    }
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

/// Returns the text of a body that is not JSON. HTML, broken JSON and what is not UTF-8 count as having
/// none.
fn plain_text(body: &[u8]) -> &str {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let is_code = json::is_markup(body) || text.starts_with('{') || text.starts_with("[{");
    if is_code { "" } else { text }
}
