//! From the bytes of a listing to rows or counts, and to what page comes next. Pure.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Membership, MembershipCounts, Object, Text};

/// What a listing is read into.
pub(crate) trait Rows: Default {
    type Row<'de>: Deserialize<'de>;
    fn add(&mut self, row: Self::Row<'_>);
    fn append(&mut self, page: Self);
    fn len(&self) -> usize;
}

impl Rows for Vec<Membership> {
    type Row<'de> = Membership;

    fn add(&mut self, row: Membership) {
        self.push(row);
    }

    fn append(&mut self, mut page: Self) {
        if self.is_empty() { *self = page } else { self.append(&mut page) }
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// All that counting looks at.
#[derive(Deserialize)]
pub(crate) struct State<'a> {
    #[serde(borrow)]
    state: Text<'a>,
}

impl Rows for MembershipCounts {
    type Row<'de> = Object<State<'de>>;

    fn add(&mut self, Object(row): Object<State<'_>>) {
        self.add(&row.state.0, 1);
    }

    fn append(&mut self, page: Self) {
        page.by_state.iter().for_each(|(state, people)| self.add(state, *people));
    }

    fn len(&self) -> usize {
        self.total
    }
}

/// An array of rows, read into `R`.
struct Collected<R>(R);

impl<'de, R: Rows> Deserialize<'de> for Collected<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<R>(PhantomData<R>);

        impl<'de, R: Rows> Visitor<'de> for Collect<R> {
            type Value = Collected<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of memberships")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Collected<R>, A::Error> {
                let mut rows = R::default();
                while let Some(row) = seq.next_element()? {
                    rows.add(row);
                }
                Ok(Collected(rows))
            }
        }

        deserializer.deserialize_seq(Collect(PhantomData))
    }
}

#[derive(Deserialize)]
struct Envelope<M> {
    #[serde(rename = "_embedded")]
    embedded: Object<Embedded<M>>,
    pagination: Option<Object<Counters>>,
    #[serde(rename = "_links")]
    links: Option<Object<Links>>,
}

#[derive(Deserialize)]
struct Embedded<M> {
    memberships: M,
}

#[derive(Default, Deserialize)]
struct Counters {
    total_pages: Option<u64>,
    total_count: Option<u64>,
}

#[derive(Deserialize)]
struct Links {
    next_page: Option<Object<Link>>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<IgnoredAny>,
}

/// One page: its memberships, its counters, whether it links to a next one.
fn page<'de, M: Deserialize<'de>>(body: &'de [u8]) -> Result<(M, Counters, bool)> {
    let decode = |error| Error::decode(&error);
    if body.trim_ascii_start().starts_with(b"[") {
        return Ok((serde_json::from_slice(body).map_err(decode)?, Counters::default(), false));
    }
    let Object(Envelope { embedded, pagination, links }) = serde_json::from_slice(body).map_err(decode)?;
    let counters = pagination.map(|Object(counters)| counters).unwrap_or_default();
    let has_next = links.and_then(|links| links.0.next_page).and_then(|link| link.0.href).is_some();
    Ok((embedded.0.memberships, counters, has_next))
}

/// A listing as it comes in, page by page.
#[derive(Default)]
pub(crate) struct Listing<R> {
    pub(crate) rows: R,
    page: u64,
    counters: Counters,
    /// The digests of the pages so far, where there is more than one.
    seen: HashSet<u64>,
}

impl<R: Rows> Listing<R> {
    /// Takes the next page. Returns the number of the page to ask for after it, or `None` where the listing is whole.
    pub(crate) fn add(&mut self, body: &[u8]) -> Result<Option<u64>> {
        let (Collected(rows), counters, has_next) = page::<Collected<R>>(body)?;
        self.page += 1;
        self.counters.total_pages = counters.total_pages.or(self.counters.total_pages);
        self.counters.total_count = counters.total_count.or(self.counters.total_count);

        let is_empty = rows.len() == 0;
        let repeats = self.page > 1 && self.seen.contains(&digest(body)?);
        if !repeats {
            self.rows.append(rows);
        }

        let all_in = self.counters.total_count.is_some_and(|total| self.rows.len() as u64 >= total);
        let more = match self.counters.total_pages {
            Some(pages) => self.page < pages && !all_in,
            None => has_next,
        };
        if more && !is_empty && !repeats {
            self.seen.insert(digest(body)?);
            return Ok(Some(self.page + 1));
        }
        let is_short = match self.counters.total_count {
            Some(_) => !all_in,
            None => self.is_counted() && (more || repeats),
        };
        if is_short { Err(self.incomplete()) } else { Ok(None) }
    }

    /// Whether the server counts the pages: a missing one is then an error, and otherwise the end.
    pub(crate) fn is_counted(&self) -> bool {
        self.counters.total_pages.or(self.counters.total_count).is_some()
    }

    fn incomplete(&self) -> Error {
        let text = match (self.counters.total_count, self.counters.total_pages) {
            (Some(total), _) => format!("incomplete listing: {} of {total}", self.rows.len()),
            (None, pages) => format!("incomplete listing: page {} of {}", self.page, pages.unwrap_or_default()),
        };
        Error::new(ErrorKind::Decode, text)
    }
}

/// Tells one page's rows from another's. Only the rows: the links around them change from page to page.
fn digest(body: &[u8]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    page::<&RawValue>(body)?.0.get().hash(&mut hasher);
    Ok(hasher.finish())
}
