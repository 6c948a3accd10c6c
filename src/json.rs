//! Turns bytes into values, and decides what an error may say about the bytes. Pure.

use std::{any::type_name, borrow::Cow, fmt, str::FromStr};

use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny};
use serde::de::{MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, de::value::MapAccessDeserializer};

use crate::error::{Error, Result};

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    if is_markup(body) {
        let what = "it is an HTML page, not JSON: perhaps a sign-in page, or one from a proxy";
        return Err(Error::unreadable(what));
    }
    let text = std::str::from_utf8(body).map_err(|_| Error::unreadable("it is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| decode_error(text, &error))
}

/// Says what was expected, and where. Never quotes the text.
fn decode_error(text: &str, error: &serde_json::Error) -> Error {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Error::unreadable(format!("it is not JSON{}", position(&error)));
    }
    let position = position(error);
    let words = error.to_string();
    let words = words.strip_suffix(&position).unwrap_or(&words);
    // In an array, the number of the row comes first.
    let row = words.strip_prefix("row ").unwrap_or_default();
    let (row, sentence) = match row.split_once(": ") {
        Some((row, sentence)) if row.parse::<u64>().is_ok() => (format!("row {row}: "), sentence),
        _ => (String::new(), words),
    };
    // A type of the caller's may have made up the position. No real one lies outside the body.
    let is_real = error.line() > 0 && error.column() <= text.len();
    let position = if is_real { &*position } else { "" };
    Error::unreadable(format!("{row}{}{position}", without_quotes(sentence)))
}

fn position(error: &serde_json::Error) -> String {
    format!(" at line {} column {}", error.line(), error.column())
}

/// Returns what one of serde's sentences says about the type that was expected. What they say about
/// the body is left out, because it quotes the body.
fn without_quotes(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split(' ').take(2).collect();
    match (&*words.join(" "), sentence.rsplit_once(", expected ")) {
        ("missing field", _) => sentence.into(),
        (start @ ("unknown field" | "unknown variant"), _) => format!("unexpected JSON: {start}"),
        ("invalid type:" | "invalid value:" | "invalid length", Some((_, expected))) => {
            format!("unexpected JSON: expected {expected}")
        }
        _ => "unexpected JSON".into(),
    }
}

/// Returns whether a body is HTML or XML.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// Any JSON. An object is read into `T`, and the items of an array are read into `R`.
#[derive(Default)]
pub(crate) enum Json<T = IgnoredAny, R = IgnoredAny> {
    Text(String),
    /// A number or a boolean.
    Scalar(Cow<'static, str>),
    Object(T),
    Array(Vec<R>),
    #[default]
    Null,
}

impl<T, R> Json<T, R> {
    pub(crate) fn text(self) -> Option<String> {
        let Self::Text(text) = self else { return None };
        Some(text)
    }

    pub(crate) fn object(self) -> Option<T> {
        let Self::Object(it) = self else { return None };
        Some(it)
    }

    pub(crate) fn array(self) -> Option<Vec<R>> {
        let Self::Array(rows) = self else { return None };
        Some(rows)
    }
}

impl<'de, T: Deserialize<'de>, R: Deserialize<'de>> Deserialize<'de> for Json<T, R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self::Null)
    }
}

/// A `Json` is its own visitor. Its value does not matter.
impl<'de, T: Deserialize<'de>, R: Deserialize<'de>> Visitor<'de> for Json<T, R> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self, E> {
        Ok(Self::Text(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Self::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        let rows = std::iter::from_fn(|| seq.next_element().transpose()).zip(1..);
        let rows = rows.map(|(row, number): (Result<R, A::Error>, u64)| {
            row.map_err(|error| A::Error::custom(format!("row {number}: {error}")))
        });
        rows.collect::<Result<_, _>>().map(Self::Array)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self, E> {
        Ok(Self::Scalar(if value { "true" } else { "false" }.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self, E> {
        Ok(Self::Scalar(value.to_string().into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self, E> {
        Ok(Self::Scalar(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self, E> {
        Ok(Self::Scalar(format!("{value:?}").into()))
    }
}

/// An object that is read into `T`. A derived `Deserialize` alone would also accept an array of the
/// fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Json::<T>::deserialize(deserializer)?.object();
        object.map(Object).ok_or_else(|| expected("an object"))
    }
}

/// The error for JSON of another type. serde's own would quote a string, however long it is.
fn expected<E: serde::de::Error>(what: &str) -> E {
    E::invalid_type(Unexpected::Other("JSON"), &what)
}

/// Reads a boolean or a number, whichever `T` is, or null.
pub(crate) fn scalar<'de, D: Deserializer<'de>, T: FromStr>(it: D) -> Result<Option<T>, D::Error> {
    let text = match Json::<serde_json::Number>::deserialize(it)? {
        Json::Null => return Ok(None),
        Json::Scalar(text) => text,
        // This is how a number arrives with serde_json's feature `arbitrary_precision`.
        Json::Object(number) => number.to_string().into(),
        _ => Cow::default(),
    };
    let value = text.parse().map(Some);
    value.map_err(|_| expected(type_name::<T>()))
}

/// A HAL link. What is not an object with a text `href` is not a link.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    href: Json,
}

/// The links of a page or a record that matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    pub(crate) own: Json<Link>,
    pub(crate) member: Json<Link>,
    pub(crate) next_page: Json<Link>,
}

/// Returns where one of these links leads.
pub(crate) fn href<T>(links: Json<T>, link: impl FnOnce(T) -> Json<Link>) -> Option<String> {
    link(links.object()?).object()?.href.text()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::net::IpAddr;

    use super::*;
    use crate::redact::tests::random_rounds;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Closed {
        #[serde(rename = "a")]
        _a: Option<bool>,
    }

    #[derive(Deserialize, PartialEq, Eq, Hash)]
    enum State {
        Active,
        Banned(u8),
    }

    #[derive(Deserialize)]
    #[serde(tag = "a")]
    enum Tagged {
        B { _b: (u8, u8) },
    }

    /// Strings that imitate what serde says, each with the word that must not get out.
    const TEXTS: [&str; 8] = [
        "hunter2",
        "x, expected hunter2",
        "x`, expected `hunter2` at line 1 column 1",
        "missing field `hunter2`",
        "invalid type: hunter2, expected hunter2",
        "row 1: missing field `hunter2`",
        "\u{1b}hunter2\n\"",
        "127.0.0.1 hunter2",
    ];

    fn random_json(random: &mut fastrand::Rng, depth: u32) -> serde_json::Value {
        use serde_json::Value;
        let text = |random: &mut fastrand::Rng| TEXTS[random.usize(..TEXTS.len())].to_owned();
        let len = random.usize(..4);
        match random.u32(..if depth > 3 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => random.bool().into(),
            2 => random.i32(-300..300).into(),
            3 => text(random).into(),
            4 => (0..len).map(|_| random_json(random, depth + 1)).collect(),
            _ => (0..len)
                .map(|_| {
                    let names = ["a", "_b", "memberships", &text(random)].map(String::from);
                    let name = names[random.usize(..names.len())].clone();
                    (name, random_json(random, depth + 1))
                })
                .collect(),
        }
    }

    #[test]
    fn no_decode_error_quotes_the_body() {
        fn text_of<T: DeserializeOwned>(body: &[u8]) -> String {
            read::<T>(body).map_or_else(|error| format!("{error} {error:?}"), |_| String::new())
        }
        let readers: [fn(&[u8]) -> String; 12] = [
            text_of::<bool>,
            text_of::<u8>,
            text_of::<(u8, State)>,
            text_of::<Vec<State>>,
            text_of::<Closed>,
            text_of::<Tagged>,
            text_of::<IpAddr>,
            text_of::<HashMap<State, u8>>,
            text_of::<BTreeMap<String, Closed>>,
            text_of::<BTreeMap<i8, String>>,
            text_of::<Object<Closed>>,
            text_of::<Json<Closed, Tagged>>,
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..random_rounds(1_000) {
            let mut body = random_json(&mut random, 0).to_string().into_bytes();
            if random.u8(..4) == 0 {
                body.truncate(random.usize(..=body.len()));
            }
            for reader in readers {
                let text = reader(&body);
                assert!(!text.contains("hunter2"), "round {round}: {text}");
            }
        }
    }
}
