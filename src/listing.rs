//! From the bytes of a listing to rows or counts, and to what page comes next. Pure.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Linked, Links, Object, Text, Words};
use crate::model::{Membership, MembershipCounts};

/// What the rows of a page are read into.
pub(crate) trait Collect: Default {
    type Row<'de>: Deserialize<'de>;
    fn add(&mut self, row: Self::Row<'_>);
}

/// What a listing is read into, page by page.
pub(crate) trait Rows: Collect {
    fn append(&mut self, page: Self);
    fn len(&self) -> usize;
}

impl Collect for Vec<Membership> {
    type Row<'de> = Membership;

    fn add(&mut self, row: Membership) {
        self.push(row);
    }
}

impl Rows for Vec<Membership> {
    fn append(&mut self, mut page: Self) {
        if self.is_empty() {
            *self = page
        } else {
            self.append(&mut page)
        }
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

impl Collect for MembershipCounts {
    type Row<'de> = Object<State<'de>>;

    fn add(&mut self, Object(row): Object<State<'_>>) {
        self.add(&row.state.0, 1);
    }
}

impl Rows for MembershipCounts {
    fn append(&mut self, page: Self) {
        page.by_state
            .iter()
            .for_each(|(state, people)| self.add(state, *people));
    }

    fn len(&self) -> usize {
        self.total
    }
}

/// What tells a row from others, of whatever type it is. Not its links: they may change from page to page.
#[derive(Deserialize, Hash)]
pub(crate) struct Identity {
    member_username: Option<Words>,
    username: Option<Words>,
    member_token: Option<Words>,
    email: Option<Words>,
    name: Option<Words>,
    state: Option<Words>,
}

impl Collect for DefaultHasher {
    type Row<'de> = Object<Identity>;

    fn add(&mut self, Object(row): Object<Identity>) {
        row.hash(self);
    }
}

/// An array of rows, read into `R`.
struct Collected<R>(R);

impl<'de, R: Collect> Deserialize<'de> for Collected<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array<R>(PhantomData<R>);

        impl<'de, R: Collect> Visitor<'de> for Array<R> {
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

        deserializer.deserialize_seq(Array(PhantomData))
    }
}

#[derive(Deserialize)]
struct Envelope<Rows> {
    #[serde(rename = "_embedded")]
    embedded: Object<Embedded<Rows>>,
    pagination: Option<Object<Counters>>,
    #[serde(rename = "_links")]
    links: Option<Object<Links>>,
}

#[derive(Deserialize)]
struct Embedded<Rows> {
    memberships: Rows,
}

#[derive(Default, Deserialize)]
struct Counters {
    total_pages: Option<u64>,
    total_count: Option<u64>,
}

/// One page: its rows, its counters, whether it links to a next one.
fn page<R: Collect>(body: &[u8]) -> Result<(R, Counters, bool)> {
    if body.trim_ascii_start().starts_with(b"[") {
        let Collected(rows) = json::read(body)?;
        return Ok((rows, Counters::default(), false));
    }
    let Object(Envelope {
        embedded,
        pagination,
        links,
    }) = json::read(body)?;
    let Object(Embedded {
        memberships: Collected(rows),
    }) = embedded;
    let counters = pagination
        .map(|Object(counters)| counters)
        .unwrap_or_default();
    let has_next = Linked { links }.href(|links| links.next_page).is_some();
    Ok((rows, counters, has_next))
}

/// A listing as it comes in, page by page.
#[derive(Default)]
pub(crate) struct Listing<R> {
    pub(crate) rows: R,
    page: u64,
    counters: Counters,
    /// The digests of the pages so far, where there is more than one.
    seen: Vec<u64>,
}

impl<R: Rows> Listing<R> {
    /// Takes the next page. Returns the number of the page to ask for after it, or `None` where the listing is whole.
    pub(crate) fn add(&mut self, body: &[u8]) -> Result<Option<u64>> {
        let (rows, counters, has_next) = page::<R>(body)?;
        self.page += 1;
        self.counters.total_pages = counters.total_pages.or(self.counters.total_pages);
        self.counters.total_count = counters.total_count.or(self.counters.total_count);

        let is_empty = rows.len() == 0;
        let (mut again, mut circles) = (false, false);
        if !self.seen.is_empty() {
            let digest = digest(body)?;
            again = self.seen.contains(&digest);
            circles = again && self.seen.last() != Some(&digest);
        }
        if !again {
            self.rows.append(rows);
        }

        let all_in = self
            .counters
            .total_count
            .is_some_and(|total| self.rows.len() as u64 >= total);
        let more = !all_in
            && self
                .counters
                .total_pages
                .map_or(has_next, |pages| self.page < pages);
        if more && !is_empty && !again {
            self.seen.push(digest(body)?);
            return Ok(Some(self.page + 1));
        }
        let is_short = match self.counters.total_count {
            Some(_) => !all_in,
            None => circles || (self.is_counted() && (more || again)),
        };
        if is_short {
            Err(self.incomplete())
        } else {
            Ok(None)
        }
    }

    /// Whether the server counts the pages: a missing one is then an error, and otherwise the end.
    pub(crate) fn is_counted(&self) -> bool {
        self.counters
            .total_pages
            .or(self.counters.total_count)
            .is_some()
    }

    fn incomplete(&self) -> Error {
        let text = match (self.counters.total_count, self.counters.total_pages) {
            (Some(total), _) => format!("incomplete listing: {} of {total}", self.rows.len()),
            (None, Some(pages)) => format!("incomplete listing: page {} of {pages}", self.page),
            (None, None) => format!(
                "incomplete listing: page {} is an earlier one again",
                self.page
            ),
        };
        Error::new(ErrorKind::Decode, text)
    }
}

fn digest(body: &[u8]) -> Result<u64> {
    page::<DefaultHasher>(body).map(|(hasher, ..)| hasher.finish())
}
