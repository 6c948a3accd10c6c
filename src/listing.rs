//! Turns the bytes of a listing into rows or counts, and finds out which page comes next. Pure.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, Visitor};
use serde::de::{Deserializer, MapAccess, SeqAccess, Unexpected};

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Json, Object, Text};
use crate::model::{Membership, MembershipCounts};

/// How many rows Mode puts on a page. Some of its collections have pages of this size that carry
/// neither counters nor a link, so a page of exactly this size may not be the last one.
const PAGE_SIZE: usize = 30;

/// What the rows of a listing are read into.
pub(crate) trait Rows: Default {
    type Row<'de>: Deserialize<'de>;
    fn push(&mut self, row: Self::Row<'_>);
}

impl Rows for Vec<Membership> {
    type Row<'de> = Membership;

    fn push(&mut self, row: Membership) {
        self.push(row);
    }
}

/// The only field that counting looks at.
#[derive(Deserialize)]
pub(crate) struct State<'a> {
    #[serde(borrow)]
    state: Text<'a>,
}

impl Rows for MembershipCounts {
    type Row<'de> = Object<State<'de>>;

    fn push(&mut self, Object(row): Object<State<'_>>) {
        self.add(&row.state.0);
    }
}

/// The fields that tell members apart. The first of them that a row has, and does not share with
/// another member on its page, is its identity.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Identity {
    member_token: Json,
    #[serde(rename = "_links")]
    links: Json,
    member_username: Json,
    username: Json,
    email: Json,
}

impl Rows for Vec<Vec<u64>> {
    type Row<'de> = Object<Identity>;

    fn push(&mut self, Object(row): Object<Identity>) {
        let name = row.member_username.text().or(row.username.text());
        let link = row.links.href("self");
        let fields = [row.member_token.text(), link, name, row.email.text()];
        let fields = fields.into_iter().enumerate();
        let present = fields.filter(|(_, text)| text.is_some());
        self.push(present.map(digest).collect());
    }
}

/// The identity of rows without such a field: everything that they say, except their links.
impl Rows for Vec<u64> {
    type Row<'de> = Json;

    fn push(&mut self, mut row: Json) {
        if let Json::Object(fields) = &mut row {
            fields.remove("_links");
        }
        self.push(digest(row));
    }
}

fn digest(identity: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(identity)
}

#[derive(Deserialize)]
struct Counters {
    total_pages: Option<u64>,
    total_count: Option<u64>,
}

#[derive(Default, Deserialize)]
struct PageLinks {
    #[serde(default)]
    next_page: Json,
}

/// Where the rows are in a whole page, unless the page is an array.
const PATH: &[&str] = &["_embedded", "memberships"];

/// Reads the part of a page that consists of the rows or has them at the end of this path.
struct Reader<'a, R>(&'static [&'static str], &'a mut Listing<R>);

impl<'de, R: Rows> DeserializeSeed<'de> for Reader<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Rows> Visitor<'de> for Reader<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.len() {
            2 => "an array of memberships or an object with `_embedded`",
            1 => "an object with `memberships`",
            _ => "an array of memberships",
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        if self.0.len() == 1 {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let Self(_, listing) = self;
        listing.is_in_row = true;
        while let Some(row) = rows.next_element()? {
            let repeated = listing.repeated.get(listing.rows_read);
            if repeated.or(listing.repeated.last()) != Some(&true) {
                listing.rows.push(row);
                listing.newcomers += 1;
            }
            listing.rows_read += 1;
        }
        listing.is_in_row = false;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self([field, below @ ..], listing) = self else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        let is_whole_page = below.len() == 1;
        let mut rows = None;
        while let Some(Text(name)) = fields.next_key()? {
            match &*name {
                name if name == *field => match rows {
                    None => rows = Some(fields.next_value_seed(Reader(below, listing))?),
                    Some(()) => return Err(A::Error::duplicate_field(field)),
                },
                "pagination" if is_whole_page => {
                    if let Some(Object::<Counters>(counters)) = fields.next_value()? {
                        listing.total_pages = counters.total_pages.or(listing.total_pages);
                        listing.total_count = counters.total_count.or(listing.total_count);
                    }
                }
                "_links" if is_whole_page => {
                    let links: Option<Object<PageLinks>> = fields.next_value()?;
                    let Object(PageLinks { next_page }) = links.unwrap_or_default();
                    // To be safe, a link that is not an object counts, too: its page may exist.
                    let target = next_page.get("href").unwrap_or(&next_page);
                    listing.has_next_link = !matches!(target, Json::Null);
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        rows.ok_or_else(|| A::Error::missing_field(field))
    }
}

/// A listing as it arrives, page by page.
#[derive(Default)]
pub(crate) struct Listing<R> {
    pub(crate) rows: R,
    members: u64,
    page: u64,
    total_pages: Option<u64>,
    total_count: Option<u64>,
    /// The identities on the pages so far, once another page is to be requested.
    earlier: HashSet<u64>,
    /// Which rows of the current page were on an earlier one.
    repeated: Vec<bool>,
    rows_read: usize,
    newcomers: usize,
    is_in_row: bool,
    has_next_link: bool,
}

impl<R: Rows> Listing<R> {
    /// Adds the next page. Returns the number of the page to request after it, or `None` if the
    /// listing is complete.
    pub(crate) fn add(&mut self, body: &[u8]) -> Result<Option<u64>> {
        let digests = (self.page > 0).then(|| read_digests(body));
        let repeated = digests.iter().flatten().map(|it| self.earlier.contains(it));
        self.repeated = repeated.collect();
        self.read(body)?;
        self.members += self.newcomers as u64;
        self.page += 1;

        let has_all = self.total_count.is_some_and(|total| self.members >= total);
        let has_sign_of_more = self.has_next_link || self.rows_read == PAGE_SIZE;
        let is_before_end = |pages| self.page < pages;
        let more = !has_all && self.total_pages.map_or(has_sign_of_more, is_before_end);
        if more && self.newcomers > 0 {
            let digests = digests.unwrap_or_else(|| read_digests(body));
            self.earlier.extend(digests);
            return Ok(Some(self.page + 1));
        }
        let is_all_old = self.rows_read > 0 && self.newcomers == 0;
        let is_incomplete = match self.total_count {
            Some(_) => !has_all,
            None => self.total_pages.is_some() && (more || is_all_old),
        };
        match is_incomplete {
            true => Err(self.incomplete()),
            false => Ok(None),
        }
    }

    fn read(&mut self, body: &[u8]) -> Result<()> {
        (self.rows_read, self.newcomers, self.has_next_link) = (0, 0, false);
        json::read_with(body, Reader(PATH, self)).map_err(|mut error| {
            if self.is_in_row {
                error.0.text += &format!(", in row {}", self.rows_read + 1);
            }
            error
        })
    }

    /// Ends the listing at a missing page, or fails if that page must exist. `error` is the page's
    /// 404.
    pub(crate) fn end_at(&self, error: Error) -> Result<Option<u64>> {
        if self.total_pages.or(self.total_count).is_some() {
            let mut incomplete = self.incomplete();
            incomplete.0.request = error.0.request;
            incomplete.0.attempts = error.0.attempts;
            return Err(incomplete);
        }
        // If there are no counters, a 404 of Mode's own ends the listing.
        match error.api_id() {
            Some("not_found") => Ok(None),
            _ => Err(error),
        }
    }

    /// The error for a listing that ends before the server's counters say so.
    fn incomplete(&self) -> Error {
        let pages = self.total_pages.unwrap_or_default();
        let text = match self.total_count {
            Some(total) => format!("{} of {total}", self.members),
            None => format!("page {} of {pages}", self.page),
        };
        let text = format!("incomplete listing: {text}");
        let advice = "the listing changed or the server lost a page: try again";
        Error::new(ErrorKind::Decode, text).with_advice(advice)
    }
}

/// Reads a digest of the identity of each row. If that cannot be read, returns a digest of the page,
/// which stands for all of its rows.
fn read_digests(body: &[u8]) -> Vec<u64> {
    let mut named: Listing<Vec<Vec<u64>>> = Listing::default();
    let mut whole: Listing<Vec<u64>> = Listing::default();
    let is_named = named.read(body).is_ok();
    // A field identifies nobody if rows share it and differ in another of these fields.
    let mut owners = HashMap::new();
    let mut shared = HashSet::new();
    for row in &named.rows {
        for field in row {
            if owners.insert(*field, row).is_some_and(|other| other != row) {
                shared.insert(*field);
            }
        }
    }
    let own = |row: &Vec<u64>| row.iter().copied().find(|field| !shared.contains(field));
    let own: Vec<Option<u64>> = named.rows.iter().map(own).collect();
    if !is_named || own.contains(&None) && whole.read(body).is_err() {
        return vec![digest(body)];
    }
    let rows = own.into_iter().enumerate();
    let digests = rows.map(|(row, own)| own.or(whole.rows.get(row).copied()));
    digests.flatten().collect()
}
