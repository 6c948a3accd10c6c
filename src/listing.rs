//! Reads the pages of a listing and puts them together: who is new on a page, which page comes next,
//! and whether the listing is whole. Pure.
//!
//! If no counter shows it, a member who moves to another page between two requests can be missed, and two
//! things can be listed twice: a member without a token who accepts an invitation between two requests,
//! and rows without any identity, or on a page where one cannot be read, if that page changes.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Json, Link, Links, Object};

/// How many rows Mode puts on a page. Some of its collections have pages of this size that carry
/// neither counters nor a link, so a page of exactly this size may not be the last one.
const PAGE_SIZE: usize = 30;
const EXPECTED: &str = "unexpected JSON: expected an array or `_embedded.memberships`";

/// How far a listing has been read.
#[derive(Default)]
pub(crate) struct Progress {
    pages: u64,
    members: u64,
    counters: Counters,
    /// Digests of the identities on the pages so far, once another page is to be requested.
    earlier: HashSet<u64>,
}

impl Progress {
    /// Adds the next page to `members`. `page` is its body or the error of its request. Returns the number of
    /// the page to request after it, or `None` if the listing is complete.
    pub(crate) fn add<R: DeserializeOwned>(
        &mut self,
        members: &mut Vec<R>,
        page: Result<Vec<u8>>,
    ) -> Result<Option<u64>> {
        let number = self.pages + 1;
        let is_first = number == 1;
        let body = match page {
            Err(error) if !is_first && is_missing(&error) => return self.end(number, "is missing"),
            page => page?,
        };
        let page = Page::<R>::read(&body)?;
        // Where both pages state a counter, it must be the same.
        let counters = page.counters.or(self.counters);
        if counters != self.counters.or(page.counters) {
            let text = "the listing changed while it was read: the counters differ";
            let error = Error::new(ErrorKind::Decode, text).with_advice("try again");
            return Err(error.retryable(true));
        }
        self.counters = counters;

        let rows_on_page = page.rows.len();
        if is_first {
            // Usually there is only one page, which needs no identities.
            *members = page.rows;
        } else {
            let identities = identify(&body, rows_on_page);
            let rows = page.rows.into_iter().zip(&identities);
            let new = rows.filter(|(_, identity)| !self.earlier.contains(identity));
            members.extend(new.map(|(row, _)| row));
            self.earlier.extend(identities);
        }
        if members.len() as u64 == self.members {
            return match rows_on_page {
                0 => self.end(number, "is empty"),
                _ => self.end(number, "repeats earlier members"),
            };
        }
        self.members = members.len() as u64;
        self.pages = number;

        let is_silent = page.counters == Counters::default() && !page.has_next_link;
        let may_have_more = page.has_next_link
            || counters.total_count > Some(self.members)
            || counters.total_pages > Some(self.pages)
            || is_silent && rows_on_page == PAGE_SIZE;
        if is_first && may_have_more {
            self.earlier.extend(identify(&body, rows_on_page));
        }
        Ok(may_have_more.then_some(number + 1))
    }

    /// Ends a listing at a page that brings nothing, which is an error if something is missing.
    fn end(&self, page: u64, how: &str) -> Result<Option<u64>> {
        // The first page counts as reached even if nobody is on it.
        let pages = self.pages.max(1);
        let (reached, total, unit) = match (self.counters.total_count, self.counters.total_pages) {
            (Some(total), _) => (self.members, total, "members"),
            (None, Some(total)) => (pages, total, "pages"),
            (None, None) => return Ok(None),
        };
        if reached >= total {
            return Ok(None);
        }
        let text =
            format!("incomplete listing: page {page} {how}, after {reached} of {total} {unit}");
        let advice = "the server's counters and its pages disagree: look at them with `get`";
        Err(Error::new(ErrorKind::Decode, text).with_advice(advice))
    }
}

/// Returns whether this is how Mode says that there is no such page.
fn is_missing(error: &Error) -> bool {
    error.status() == Some(404) && error.api_id() == Some("not_found")
}

/// An array of rows, or an object that has them in `_embedded.memberships`.
struct Page<R> {
    rows: Vec<R>,
    counters: Counters,
    has_next_link: bool,
}

/// What a server says about the size of a listing.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
struct Counters {
    #[serde(default, deserialize_with = "json::scalar")]
    total_count: Option<u64>,
    #[serde(default, deserialize_with = "json::scalar")]
    total_pages: Option<u64>,
}

impl Counters {
    fn or(self, other: Self) -> Self {
        Self {
            total_count: self.total_count.or(other.total_count),
            total_pages: self.total_pages.or(other.total_pages),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<R> {
    #[serde(rename = "_embedded")]
    embedded: Option<Json<Embedded<R>>>,
    pagination: Option<Object<Counters>>,
    #[serde(default, rename = "_links")]
    links: Json<Links>,
}

#[derive(Deserialize)]
struct Embedded<R> {
    memberships: Option<Json<IgnoredAny, R>>,
}

impl<R: DeserializeOwned> Page<R> {
    fn read(body: &[u8]) -> Result<Self> {
        let (mut counters, mut has_next_link) = (Counters::default(), false);
        let rows = match json::read::<Json<Envelope<R>, R>>(body)? {
            Json::Object(envelope) => {
                counters = envelope.pagination.map_or(counters, |Object(it)| it);
                has_next_link = json::href(envelope.links, |links| links.next_page).is_some();
                let embedded = envelope.embedded.and_then(Json::object);
                embedded.and_then(|it| it.memberships?.array())
            }
            other => other.array(),
        };
        Ok(Self {
            rows: rows.ok_or_else(|| Error::unreadable(EXPECTED))?,
            counters,
            has_next_link,
        })
    }
}

/// The only fields of a row that say who it is about.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Identity {
    member_token: Json,
    member_username: Json,
    username: Json,
    email: Json,
    #[serde(rename = "_links")]
    links: Json<RowLinks>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RowLinks {
    #[serde(rename = "self")]
    own: Json<Link>,
}

/// All that is kept of them: a digest, if the row says who it is about.
#[derive(Deserialize)]
#[serde(from = "Identity")]
struct Known(Option<u64>);

impl From<Identity> for Known {
    fn from(row: Identity) -> Self {
        // What is not a string, or is blank, counts as absent.
        let text = |value: Option<String>| value.filter(|text| !text.trim().is_empty());
        let token = text(row.member_token.text()).map(|token| digest(("token", token)));
        let name = text(row.member_username.text()).or(text(row.username.text()));
        let email = text(row.email.text());
        let is_named = name.is_some() || email.is_some();
        let names = is_named.then(|| digest(("names", name, email)));
        let href = text(json::href(row.links, |links| links.own));
        let link = href.map(|href| digest(("link", href)));
        Self(token.or(names).or(link))
    }
}

/// Returns a digest for each row of a page, the same one for rows about the same member. A row that does
/// not say who it is about is known by the page and its place there. If any row cannot be read, all are.
fn identify(body: &[u8], rows: usize) -> Vec<u64> {
    let page = digest(body);
    let mut known = Page::<Known>::read(body).map_or(Vec::new(), |page| page.rows);
    known.resize_with(rows, || Known(None));
    let rows = known.into_iter().enumerate();
    let digests = rows.map(|(row, Known(known))| known.unwrap_or(digest(("place", page, row))));
    digests.collect()
}

fn digest(value: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
