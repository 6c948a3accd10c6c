//! Reading JSON where serde's derive would be too lenient, or too strict. Pure.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind, Result};

/// Reads a whole body.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::new(ErrorKind::Decode, "cannot read the answer: it is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| Error::decode(&error))
}

/// A text that is borrowed from the body where it can be.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// An object read into `T`. Alone, a derived `Deserialize` would also take an array for a struct, field by field.
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

/// Whatever has links, as HAL writes them.
#[derive(Deserialize)]
pub(crate) struct Linked {
    #[serde(rename = "_links")]
    pub(crate) links: Option<Object<Links>>,
}

#[derive(Deserialize)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    pub(crate) this: Option<Object<Link>>,
    pub(crate) member: Option<Object<Link>>,
    pub(crate) next_page: Option<Object<Link>>,
}

#[derive(Deserialize)]
pub(crate) struct Link {
    href: Option<Words>,
}

impl Linked {
    /// Where the link leads that `choose` picks.
    pub(crate) fn href(self, choose: impl FnOnce(Links) -> Option<Object<Link>>) -> Option<String> {
        let Object(links) = self.links?;
        Some(choose(links)?.0.href?.text)
    }
}

/// Any JSON as a text for people: `{"field": ["wrong", "short"]}` is `field: wrong, short`.
#[derive(Default, Hash)]
pub(crate) struct Words {
    pub(crate) text: String,
    /// Whether it is a text or a whole number, and nothing else.
    pub(crate) is_plain: bool,
}

impl Words {
    fn plain(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            is_plain: true,
        }
    }

    fn other(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            is_plain: false,
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words::plain(text))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Words, E> {
                Ok(Words::plain(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Words, E> {
                Ok(Words::plain(number))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Words, E> {
                Ok(Words::other(number))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Words, E> {
                Ok(Words::other(truth))
            }

            fn visit_unit<E>(self) -> Result<Words, E> {
                Ok(Words::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
                let mut texts = Vec::new();
                while let Some(Words { text, .. }) = items.next_element()? {
                    texts.push(text);
                }
                Ok(Words::other(texts.join(", ")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Words, A::Error> {
                let mut texts = Vec::new();
                while let Some((name, Words { text, .. })) = fields.next_entry::<String, _>()? {
                    // How a number looks where another crate has switched on serde_json's `arbitrary_precision`.
                    if name == "$serde_json::private::Number" {
                        return Ok(Words::plain(text));
                    }
                    texts.push(format!("{name}: {text}"));
                }
                Ok(Words::other(texts.join("; ")))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
