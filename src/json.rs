//! Turns bytes into values, and decides what an error may say about the bytes. Pure.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::error::{Error, Result};

/// Reads a body that must be one JSON object.
pub(crate) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    read(body).map(|Object(fields)| fields)
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(body).map_err(|_| Error::unreadable("it is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| decode_error(body, &error))
}

/// Says what was expected, and where. Never quotes the body.
fn decode_error(body: &[u8], error: &serde_json::Error) -> Error {
    if is_markup(body) {
        let advice = "a sign-in page or something else in between answered: check the base URL";
        return Error::unreadable("it is an HTML page, not JSON").with_advice(advice);
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        let fault = if error.is_eof() {
            "JSON that ends too early"
        } else {
            "not JSON"
        };
        return Error::unreadable(format!("{fault}{}", position(&error)));
    }
    let position = position(error);
    let words = error.to_string();
    let words = words.strip_suffix(&position).unwrap_or(&words);
    // In an array, the number of the row comes first.
    let is_number = |row: &str| row.bytes().all(|b| b.is_ascii_digit());
    let rest = words.strip_prefix("row ").unwrap_or_default();
    let row = rest.split_once(": ").filter(|(row, _)| is_number(row));
    let sentence = row.map_or(words, |(_, sentence)| sentence);
    let row = row.map_or(String::new(), |(number, _)| format!("row {number}: "));
    // A type of the caller's may have made up the position. No real one lies outside the body.
    let is_real = error.line() > 0 && error.column() <= body.len() + 1;
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

pub(crate) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Returns whether a body is HTML or XML.
pub(crate) fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

/// Any JSON, of which strings, objects that are read into `T` and arrays of `R` are kept.
#[derive(Default)]
pub(crate) enum Json<T = IgnoredAny, R = IgnoredAny> {
    Text(String),
    Object(T),
    Array(Vec<R>),
    #[default]
    Other,
}

impl<T, R> Json<T, R> {
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn object(self) -> Option<T> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn array(self) -> Option<Vec<R>> {
        match self {
            Self::Array(rows) => Some(rows),
            _ => None,
        }
    }
}

impl<'de, T: Deserialize<'de>, R: Deserialize<'de>> Deserialize<'de> for Json<T, R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson(PhantomData))
    }
}

struct AnyJson<T, R>(PhantomData<(T, R)>);

impl<'de, T: Deserialize<'de>, R: Deserialize<'de>> Visitor<'de> for AnyJson<T, R> {
    type Value = Json<T, R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<T, R>, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json<T, R>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Json::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<T, R>, A::Error> {
        let mut rows = Vec::new();
        let in_row = |number, error| A::Error::custom(format!("row {number}: {error}"));
        while let Some(row) = seq
            .next_element()
            .map_err(|it| in_row(rows.len() + 1, it))?
        {
            rows.push(row);
        }
        Ok(Json::Array(rows))
    }

    fn visit_unit<E>(self) -> Result<Json<T, R>, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<T, R>, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json<T, R>, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<T, R>, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<T, R>, E> {
        Ok(Json::Other)
    }
}

/// An object that is read into `T`. A derived `Deserialize` alone would also accept an array of the
/// fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Json::<T>::deserialize(deserializer)?.object();
        let error = || D::Error::invalid_type(Unexpected::Other("JSON"), &"an object");
        object.map(Object).ok_or_else(error)
    }
}

/// An object, of which only the links to others are kept.
#[derive(Deserialize)]
pub(crate) struct Linked {
    #[serde(default, rename = "_links")]
    pub(crate) links: Json<Links>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    pub(crate) own: Json<Link>,
    pub(crate) member: Json<Link>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    href: Json,
}

impl Json<Link> {
    pub(crate) fn href(self) -> Option<String> {
        self.object()?.href.text()
    }
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
