//! Turns the bytes of a listing into rows or counts, and finds out which page comes next and what
//! a missing page means. Pure.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, Visitor};
use serde::de::{MapAccess, SeqAccess, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Object, Text};
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

/// Two digests of each row: of its token, its own link, its user name or its e-mail address, whichever
/// it has first, and of the whole row without its links. If it has none of these, both are the second.
impl Rows for (Vec<u64>, Vec<u64>) {
    type Row<'de> = Value;

    fn push(&mut self, mut row: Value) {
        let is_plain = |it: &&Value| it.is_string() || it.is_number();
        let at = |path| row.pointer(path).filter(is_plain);
        let text = |path| at(path).map(json::words).filter(|it| !it.trim().is_empty());
        let name = text("/member_username").or(text("/username"));
        let (token, link) = (text("/member_token"), text("/_links/self/href"));
        let fields = [token, link, name, text("/email")];
        let field = fields.iter().enumerate().find(|(_, text)| text.is_some());
        let field = field.map(digest);
        let _ = row.as_object_mut().map(|row| row.remove("_links"));
        let whole = digest(row);
        self.0.push(field.unwrap_or(whole));
        self.1.push(whole);
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

#[derive(Deserialize)]
struct PageLinks {
    next_page: Option<Link>,
}

/// The link to the next page. `{"href": null}` is none; anything else may lead to a page that exists.
#[derive(Deserialize)]
#[serde(untagged)]
enum Link {
    Absent { href: () },
    Present(IgnoredAny),
}

/// Where the rows are in a whole page, unless the page is an array.
const ROWS_PATH: &[&str] = &["_embedded", "memberships"];

/// Reads the rows that are at the end of this path. If it is empty, they are right here.
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
        f.write_str("memberships, in an array or in `_embedded.memberships`")
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
                listing.members += 1;
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
                    let next = links.and_then(|Object(links)| links.next_page);
                    listing.has_next_link = !matches!(next, None | Some(Link::Absent { href: () }));
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
    /// Which rows of the current page were on an earlier one. A single entry stands for all rows.
    repeated: Vec<bool>,
    rows_read: usize,
    is_in_row: bool,
    has_next_link: bool,
}

impl<R: Rows> Listing<R> {
    /// Adds the next page, which is its body or the error of its request. Returns the number of the page
    /// to request after it, or `None` if the listing is complete.
    pub(crate) fn add(&mut self, page: Result<Vec<u8>>) -> Result<Option<u64>> {
        let is_counted = self.total_pages.or(self.total_count).is_some();
        let body = match page {
            // The client knows what a 404 for the first page means.
            Err(error) if self.page == 0 || error.status() != Some(404) => return Err(error),
            Err(_) if is_counted => return Err(self.incomplete()),
            // If there are no counters, a 404 of Mode's own ends the listing.
            Err(error) if error.api_id() == Some("not_found") => return Ok(None),
            page => &page?,
        };
        let on_page = (self.page > 0).then(|| identities(body));
        let repeated = on_page.iter().flatten().map(|it| self.earlier.contains(it));
        self.repeated = repeated.collect();
        let members_before = self.members;
        self.read(body)?;
        let has_newcomers = self.members > members_before;
        self.page += 1;

        let has_all = self.total_count.is_some_and(|total| self.members >= total);
        let has_sign_of_more = self.has_next_link || self.rows_read == PAGE_SIZE;
        let is_before_end = |pages| self.page < pages;
        let has_more = !has_all && self.total_pages.map_or(has_sign_of_more, is_before_end);
        if has_more && has_newcomers {
            let on_page = on_page.unwrap_or_else(|| identities(body));
            self.earlier.extend(on_page);
            return Ok(Some(self.page + 1));
        }
        let is_all_old = self.rows_read > 0 && !has_newcomers;
        let lacks_pages = self.total_pages.is_some() && (has_more || is_all_old);
        match self.total_count {
            Some(_) if !has_all => Err(self.incomplete()),
            None if lacks_pages => Err(self.incomplete()),
            _ => Ok(None),
        }
    }

    fn read(&mut self, body: &[u8]) -> Result<()> {
        (self.rows_read, self.has_next_link) = (0, false);
        json::read_with(body, Reader(ROWS_PATH, self)).map_err(|mut error| {
            if self.is_in_row {
                error.0.text += &format!(", in row {}", self.rows_read + 1);
            }
            error
        })
    }

    /// The error for a listing that ends before the server's counters say so.
    fn incomplete(&self) -> Error {
        let pages = self.total_pages.unwrap_or_default();
        let text = match self.total_count {
            Some(total) => format!("incomplete listing: {} of {total}", self.members),
            None => format!("incomplete listing: page {} of {pages}", self.page),
        };
        let advice = "the listing changed or the server lost a page: try again";
        Error::new(ErrorKind::Decode, text).with_advice(advice)
    }
}

/// Reads the identity of each row. If that is not possible, the page itself stands for all of its rows.
fn identities(body: &[u8]) -> Vec<u64> {
    let mut page: Listing<(Vec<u64>, Vec<u64>)> = Listing::default();
    let read = json::guarded(body).and_then(|text| page.read(text.as_bytes()));
    let (fields, wholes) = page.rows;
    let count = |digests: &[u64]| HashSet::<&u64>::from_iter(digests).len();
    match read {
        // A field that different rows share, such as a link to the listing, identifies none of them.
        Ok(()) if count(&fields) < count(&wholes) => wholes,
        Ok(()) => fields,
        Err(_) => vec![digest(body)],
    }
}
