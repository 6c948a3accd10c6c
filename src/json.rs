//! Turns bytes into values, and decides what an error may say about the bytes. Pure.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::error::{Error, Result};

/// Reads a body that must be one JSON object into a type of this crate.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    read_with(body, PhantomData).map(|Object(fields)| fields)
}

/// Reads a whole body into what `seed` makes of it. Its types must belong to this crate, because the
/// text of their errors is shown.
pub(crate) fn read_with<'a, S: DeserializeSeed<'a>>(body: &'a [u8], seed: S) -> Result<S::Value> {
    let mut json = serde_json::Deserializer::from_str(as_text(body)?);
    let value = seed.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| decode_error(body, &error, |_| true))
}

/// Stands for a `$` at the start of a string in a guarded text. Its first part is not a character.
const GUARD: &str = "\u{fdd0}$";

/// Returns the body in a form that can safely be read into `Value`: no string starts with `$`. If another
/// crate switches on serde_json's `raw_value`, `Value` parses the string under the key
/// `$serde_json::private::RawValue` as JSON, and so on, until the stack overflows.
pub(crate) fn guarded(body: &[u8]) -> Result<String> {
    let text = as_text(body)?.replace(r#""\u0024"#, "\"$");
    Ok(text.replace("\"$", &format!("\"{GUARD}")))
}

/// Reads a body that must be one JSON object into a type of this crate that contains `Value`.
pub(crate) fn read_with_values<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    read(guarded(body)?.as_bytes())
}

/// Reads a whole body into a type of the caller's, whose errors may quote the body. Their words are shown
/// only if no value contains one of them, or if they stay the same when all such values are overwritten.
pub(crate) fn read_foreign<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_str(as_text(body)?).map_err(|error| {
        let text = guarded(body).unwrap_or_default();
        let whole: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_shown = |words: &str| {
            let mut value = whole.clone();
            overwrite(&mut value, &words.to_uppercase());
            // Of two fields with the same name, `Value` has only one.
            let has_all = text.matches(':').count() == value.to_string().matches(':').count();
            let is_apart = has_all && value == whole && !whole.is_null();
            let said = format!("d {words} at "); // The "d" ends "missing field" and "expected".
            let again = serde_json::from_str::<T>(&value.to_string());
            is_apart || again.is_err_and(|error| format!("{error} at ").contains(&said))
        };
        let error = decode_error(body, &error, is_shown);
        error.with_advice("the type that `get` reads into must fit the response")
    })
}

/// Overwrites the strings and numbers that contain one of these words, which are in capitals. Removes
/// the fields whose names are not plain ASCII identifiers, because such names may be data.
fn overwrite(value: &mut Value, words: &str) {
    let has_word = |text: &str| {
        let text = text.to_uppercase();
        let mut each = words.split(|c: char| !c.is_alphanumeric());
        words.contains(&text) || each.any(|it| !matches!(it, "" | "A") && text.contains(it))
    };
    match value {
        Value::String(text) if has_word(text) => text.clear(),
        // A type may write a fraction, a negative or a huge number in another way than it came.
        Value::Number(it) if !it.is_u64() || has_word(&it.to_string()) => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(|item| overwrite(item, words)),
        Value::Object(fields) => {
            fields.retain(|name, _| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            fields.values_mut().for_each(|it| overwrite(it, words));
        }
        _ => {}
    }
}

fn as_text(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|_| Error::unreadable("it is not UTF-8"))
}

/// Says what serde_json refused, without the part of its text that quotes the body.
fn decode_error(body: &[u8], error: &serde_json::Error, is_shown: impl Fn(&str) -> bool) -> Error {
    if is_markup(body) {
        let advice = "a sign-in page or something else in between answered: check the base URL";
        return Error::unreadable("it is an HTML page, not JSON").with_advice(advice);
    }
    let (line, column) = (error.line(), error.column());
    let position = format!(" at line {line} column {column}");
    let words = error.to_string();
    let words = words.strip_suffix(&position).unwrap_or(&words);
    // A type of the caller's may have made up the position. No real one lies outside the body.
    let may_be_real = line > 0 && line.saturating_add(column) <= body.len() + 1;
    let position = if may_be_real { &*position } else { "" };
    let missing = words.strip_prefix("missing field ");
    let expected = words.rsplit_once(", expected ");
    let what: String = match (error.classify(), missing, expected) {
        (Category::Eof, ..) => "JSON that ends too early".into(),
        (Category::Syntax | Category::Io, ..) if !is_json(body) => "not JSON".into(),
        (_, Some(it), _) if is_shown(it) => format!("missing field {it}"),
        (_, None, Some((_, it))) if is_shown(it) => format!("unexpected JSON: expected {it}"),
        _ => "unexpected JSON".into(),
    };
    Error::unreadable(what + position)
}

pub(crate) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Returns whether a body is HTML or XML.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// A string that is borrowed from the body if possible.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// An object that is read into `T`. Without this wrapper, a derived `Deserialize` would also accept
/// an array of the fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Writes JSON for people to read: `{"field": ["wrong", "short"]}` is `field: wrong, short`.
pub(crate) fn words(json: &Value) -> String {
    match json {
        Value::Null => String::new(),
        Value::String(text) => text.replace(GUARD, "$"),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name}: {}", words(value));
            let mut fields: Vec<String> = fields.iter().map(field).collect();
            fields.sort();
            fields.join("; ").replace(GUARD, "$")
        }
        other => other.to_string(),
    }
}
