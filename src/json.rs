//! Turns bytes into values, and decides what an error may say about the bytes. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use crate::error::{Error, Result};

/// Reads a whole body into a type of this crate.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T> {
    read_with(body, PhantomData)
}

/// Reads a whole body into what `seed` makes of it. Its types must belong to this crate, because the
/// text of their errors is shown.
pub(crate) fn read_with<'a, S: DeserializeSeed<'a>>(body: &'a [u8], seed: S) -> Result<S::Value> {
    let mut json = serde_json::Deserializer::from_str(as_text(body)?);
    let value = seed.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| decode_error(body, &error, |_| true))
}

/// Reads a whole body into a type of the caller's. Its errors may quote the body, so what they say is
/// shown only if they say it of a body without values, too, or if no value contains a word of it.
pub(crate) fn read_foreign<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let text = as_text(body)?;
    serde_json::from_str(text).map_err(|error| {
        let without_values = serde_json::from_str::<T>(&mask(text)).err();
        let said = without_values.map(|error| error.to_string());
        let said = said.unwrap_or_default();
        // A type may change the case of what it quotes.
        let text = text.to_lowercase();
        let is_absent = |word: &str| {
            let keys = text.matches(&format!("{word}\":")).count();
            word.is_empty() || word == "a" || text.matches(word).count() == keys
        };
        let is_shown = |words: &str| {
            let lower = words.to_lowercase();
            let mut lower = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
            // An escape may hide a word.
            said.contains(words) || text.is_ascii() && !text.contains("\\u") && lower.all(is_absent)
        };
        let error = decode_error(body, &error, is_shown);
        error.with_advice("the type that `get` reads into must fit the response")
    })
}

/// Overwrites all strings and numbers in some JSON, except the names of fields.
fn mask(json: &str) -> String {
    let json = json.replace(r"\\", "xx").replace("\\\"", "xx");
    let parts: Vec<&str> = json.split('"').collect();
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_key = |after: &&str| after.trim_start().starts_with(':');
    let masked = parts.iter().enumerate().map(|(n, part)| match n % 2 {
        0 => part.replace(|c: char| c.is_ascii_digit(), "1"),
        _ if is_name(part) && parts.get(n + 1).is_some_and(is_key) => part.to_string(),
        _ => "x".repeat(part.len()),
    });
    masked.collect::<Vec<String>>().join("\"")
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
    // One of the caller's types may have made up the position.
    let place = line
        .checked_sub(1)
        .and_then(|line| body.split(|b| *b == b'\n').nth(line));
    let is_real = place.is_some_and(|line| column <= line.len() + 1);
    let position = if is_real { &*position } else { "" };
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
#[derive(Default)]
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

/// The links of any object.
#[derive(Deserialize)]
pub(crate) struct Linked {
    #[serde(default, rename = "_links")]
    pub(crate) links: Json,
}

/// Any JSON. `serde_json::Value` would not be safe: if another crate switches on serde_json's
/// `raw_value`, a response of 20 kB overflows the stack with it.
#[derive(Default, Hash)]
pub(crate) enum Json {
    #[default]
    Null,
    /// A string or a whole number.
    Plain(String),
    /// A fraction or a boolean.
    Other(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// The field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(fields) => fields.get(name),
            _ => None,
        }
    }

    /// The text of a whole number or of a string that is not blank.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    fn number(text: &str) -> Self {
        let is_whole = text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok();
        let json = if is_whole { Self::Plain } else { Self::Other };
        json(text.into())
    }

    /// The `href` of the link with this name, in HAL's notation.
    pub(crate) fn href(&self, link: &str) -> Option<&str> {
        self.get(link)?.get("href")?.text()
    }

    /// Writes it for people to read: `{"field": ["wrong", "short"]}` is `field: wrong, short`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Plain(text) | Self::Other(text) => text.clone(),
            Self::Array(items) => items.iter().map(Self::words).collect::<Vec<_>>().join(", "),
            Self::Object(fields) => {
                let field = |(name, value): (&String, &Self)| format!("{name}: {}", value.words());
                fields.iter().map(field).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Plain(text.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Plain(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Plain(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Other(number.to_string()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Other(truth.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Json, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Json::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Json, A::Error> {
        let fields = BTreeMap::deserialize(MapAccessDeserializer::new(entries))?;
        // If another crate has switched on `arbitrary_precision`, this is how a number arrives.
        if let Some(Json::Plain(number)) = fields.get("$serde_json::private::Number") {
            return Ok(Json::number(number));
        }
        Ok(Json::Object(fields))
    }
}
