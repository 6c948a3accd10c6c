//! Random servers, and an oracle that knows nothing of the rules by which the crate reads them.
//!
//! The oracle knows who is who, because each row has the member's number in `activated_at`, where the
//! crate does not look for an identity. It demands that
//!
//! * a listing has nobody twice, nobody who never was a member, and everybody who was one throughout;
//! * a truthful server on which nothing but a state changes is listed without an error, within two
//!   requests more than it has pages;
//! * list and count agree, in what they return and in how many requests they make.
//!
//! What nobody could notice is left out, and so is what the crate does not promise:
//!
//! * If somebody leaves a page that has been read, the first row of the next page moves to where it is
//!   not read any more. So members leave such a page, or change places with it, only if a counter on
//!   every page tells, or if every page is the whole listing.
//! * A page has at least two rows. If it had one, somebody who joins in front would make the second
//!   page look like the first.
//! * Nobody looks like somebody else: each member has a token, a user name or an e-mail address that
//!   no other has, or just a link of its own. If an invitee got a token, that would be somebody else.
//! * Rows without any of these may be listed twice if their page changes. They are only on servers where
//!   at most a state changes, and where a page that is sent again has the same counters.
//! * A server without a true counter and without a link has 30 rows a page, or everything at once.
//! * A `total_count` that counts the rows of each page may be taken for a listing that changes.
//! * A server that counts members but never sends them changes no more than a state, and only if it says
//!   who everybody is: its last page, sent again with somebody who has joined, or with a row that looks
//!   like another, would look like the page that is missing.
//!
//! `SIMULATION_SERVERS=100000 cargo test --test it simulation -- --nocapture` runs for longer.
//! `SIMULATION_SEED` is the seed of the first server. A single server is shown in full if it fails.

use std::collections::HashSet;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fake_mode::{FakeMode, Reply, Request};
use fastrand::Rng;
use mode_analytics::{Client, ErrorKind, MembershipCounts};

use crate::{FULL, client};

const SERVERS: u64 = 500;
/// A fake server remembers every request, so another one takes over after so many servers.
const SERVERS_AT_ONCE: usize = 500;
/// More than the pages of any server. Further requests are refused.
const MAX_REQUESTS: usize = 50;

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Absent,
    Shared,
    Own,
}

#[derive(Clone, Debug)]
struct Member {
    number: usize,
    is_known: bool,
    fields: String,
    state: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Counter {
    Absent,
    True,
    /// The number of rows on the first page; for pages, 1.
    OfFirstPage,
    /// The number of rows on each page; for pages, 1.
    OfEachPage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Absent,
    True,
    /// Also past the end.
    Always,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Empty,
    LastPage,
    NotFound,
}

/// A server that has other members after its first requests.
#[derive(Debug)]
struct Server {
    /// If it is absent, every page is the whole listing.
    page_size: Option<usize>,
    is_array: bool,
    total_count: Counter,
    total_pages: Counter,
    counts_once: bool,
    next_page: Link,
    past_end: End,
    /// How many members are counted but never sent.
    withheld: usize,
    requests_before: usize,
    requests: AtomicUsize,
    before: Vec<Member>,
    after: Vec<Member>,
}

fn pick<T: Copy>(random: &mut Rng, values: &[T]) -> T {
    values[random.usize(..values.len())]
}

impl Member {
    fn random(random: &mut Rng, number: usize, may_be_unknown: bool) -> Member {
        use Field::{Absent, Own, Shared};
        let is_known = !may_be_unknown || random.u8(..8) > 0;
        let [token, name, email, link] = loop {
            let token = pick(random, &[Absent, Own]);
            let [name, email, link] = [(); 3].map(|()| pick(random, &[Absent, Shared, Own]));
            let fields = [token, name, email, link];
            if !is_known {
                break [Absent; 4];
            } else if fields[..3].contains(&Own) || fields == [Absent, Absent, Absent, Own] {
                break fields;
            }
        };
        // The same texts are in other fields of other members.
        let text = |field, offset| match field {
            Absent => None,
            Shared => Some(r#""invited""#.to_owned()),
            Own => Some(format!(r#""{}""#, number + offset)),
        };
        let odd = match random.u8(..40) {
            0 => r#""\ud83d""#.to_owned(),
            1 => "1e999".to_owned(),
            2 => "7".repeat(400),
            3 => "[".repeat(100) + &"]".repeat(100),
            _ => "{}".to_owned(),
        };
        let links = |href| format!(r#"{{"user": {odd}, "self": {{"href": {href}}}}}"#);
        let name_key = pick(random, &["member_username", "username"]);
        let mut fields = format!(r#""activated_at": "{number}", "title": {odd}"#);
        for (key, value) in [
            ("member_token", text(token, 0)),
            (name_key, text(name, 1)),
            ("email", text(email, 2)),
            ("_links", text(link, 3).map(links)),
        ] {
            if value.is_some() || random.bool() {
                let value = value.as_deref().unwrap_or("null");
                fields += &format!(r#", "{key}": {value}"#);
            }
        }
        let state = pick(random, &["active", "invited", "banned"]);
        Member {
            number,
            is_known,
            fields,
            state,
        }
    }

    fn row(&self) -> String {
        format!(r#"{{"state": "{}", {}}}"#, self.state, self.fields)
    }
}

impl Server {
    fn random(seed: u64) -> Server {
        use Counter::{Absent, OfEachPage, OfFirstPage, True};
        let random = &mut Rng::with_seed(seed);
        let mut total_count = pick(random, &[Absent, True, OfFirstPage, OfEachPage]);
        let mut total_pages = pick(random, &[Absent, True, OfFirstPage]);
        let next_page = pick(random, &[Link::Absent, Link::True, Link::Always]);
        let has_link = next_page != Link::Absent;
        let mut rows = pick(random, &[2, 3, 5, 30]);
        if !has_link && total_count != True && total_pages != True {
            (total_count, total_pages, rows) = (Absent, Absent, 30);
        }
        let has_signs = has_link || total_count != Absent || total_pages != Absent;
        let page_size = (random.u8(..3) > 0).then_some(rows);
        let some = random.usize(..8 * rows).min(70);
        let size = pick(random, &[30, 2 * rows, 2 * rows + 1, some, some]);
        let pages = size.div_ceil(rows);
        let has_true_pages = page_size.is_some() && total_pages == True && total_count == Absent;

        let change = random.u8(..10);
        let counts_once = change > 5 && random.u8(..3) == 0;
        let may_be_unknown = change > 4 && !counts_once && random.bool();
        let before: Vec<_> = (0..size)
            .map(|number| Member::random(random, number, may_be_unknown))
            .collect();
        let requests_before = match change {
            7.. => MAX_REQUESTS,
            _ => random.usize(1..=pages.max(1)),
        };
        let unread = match page_size {
            Some(rows) if total_count != True => size.min(rows * requests_before),
            _ => 0,
        };
        let is_last_alone = has_true_pages && size % rows == 1;
        let may_leave = if is_last_alone { 0 } else { unread };
        let mut after = before.clone();
        match change {
            0 => after.insert(0, Member::random(random, size, false)),
            1 => after.push(Member::random(random, size, false)),
            2..4 if may_leave < size => drop(after.remove(random.usize(may_leave..size))),
            4 => random.shuffle(&mut after[unread..]),
            5..7 if size > 0 => after[random.usize(..size)].state = "left",
            _ => {}
        }
        let is_at_rest = change > 6 || change > 4 && !may_be_unknown;
        let may_withhold = is_at_rest && size > rows && (total_count == True || has_true_pages);
        let withholds = may_withhold && random.u8(..4) == 0;
        Server {
            page_size,
            is_array: !has_signs && random.bool(),
            total_count,
            total_pages,
            counts_once,
            next_page,
            past_end: pick(random, &[End::Empty, End::LastPage, End::NotFound]),
            withheld: if withholds { rows } else { 0 },
            requests_before,
            requests: AtomicUsize::new(0),
            before,
            after,
        }
    }

    fn reply(&self, request: &Request) -> Reply {
        let members = match self.requests.fetch_add(1, Ordering::Relaxed) {
            MAX_REQUESTS.. => return Reply::error(403, "forbidden", "too many requests"),
            requests if requests < self.requests_before => &self.before,
            _ => &self.after,
        };
        let page = request.query("page").map_or(1, |it| it.parse().unwrap());
        let size = self.page_size.unwrap_or(usize::MAX);
        let sent = &members[..members.len() - self.withheld];
        let pages: Vec<_> = sent.chunks(size).collect();
        let at = self.page_size.map_or(0, |_| page - 1);
        let rows = match (pages.get(at), self.past_end) {
            (Some(rows), _) => rows,
            (None, End::NotFound) if at > 0 => {
                return Reply::error(404, "not_found", "past the end");
            }
            (None, End::LastPage) if at > 0 => pages.last().copied().unwrap_or_default(),
            (None, _) => &[],
        };
        let listing: Vec<_> = rows.iter().map(Member::row).collect();
        let listing = listing.join(",");
        if self.is_array {
            return Reply::json(200, format!("[{listing}]"));
        }
        let count = |counter, all, of_first, of_each| match counter {
            _ if page > 1 && self.counts_once => "null".to_owned(),
            Counter::Absent => "null".to_owned(),
            Counter::True => format!("{all}"),
            Counter::OfFirstPage => format!("{of_first}"),
            Counter::OfEachPage => format!("{of_each}"),
        };
        let members = members.len();
        let total_count = count(self.total_count, members, members.min(size), rows.len());
        let total_pages = count(self.total_pages, members.div_ceil(size).max(1), 1, 1);
        let next = match self.next_page {
            Link::True if at + 1 < pages.len() => r#""/api""#,
            Link::Always => r#""/api""#,
            _ => "null",
        };
        let body = format!(
            r#"{{"pagination": {{"total_count": {total_count}, "total_pages": {total_pages}}},
            "_embedded": {{"memberships": [{listing}]}},
            "_links": {{"next_page": {{"href": {next}}}}}}}"#
        );
        Reply::json(200, body)
    }

    /// Fails with what is wrong with the listing.
    fn check(&self, client: &Client) -> Result<(), String> {
        let plain = |error: mode_analytics::Error| (error.kind(), error.to_string());
        let rows = client.memberships("acme").map_err(plain);
        let requests = self.requests.swap(0, Ordering::Relaxed);
        let counts = client.membership_counts("acme").map_err(plain);
        let counted: Result<MembershipCounts, _> = rows.clone().map(|rows| rows.iter().collect());
        if counted != counts || requests != self.requests.swap(0, Ordering::Relaxed) {
            return Err(format!("the list has {counted:?}, the count {counts:?}"));
        }
        let numbers = |members: &[Member]| Vec::from_iter(members.iter().map(|it| it.number));
        let before = numbers(&self.before);
        let mut after = numbers(&self.after);
        if requests <= self.requests_before {
            after.clone_from(&before);
        }
        let is_truthful = self.withheld == 0 && self.total_count != Counter::OfEachPage;
        let must_be_listed = is_truthful && before == after;
        let rows = match rows {
            Ok(rows) => rows,
            Err((ErrorKind::Decode, _)) if !must_be_listed => return Ok(()),
            Err((_, text)) => return Err(text),
        };
        let mut listed = HashSet::new();
        for row in rows {
            let number: usize = row.activated_at.unwrap().parse().unwrap();
            if !before.contains(&number) && !after.contains(&number) {
                return Err(format!("{number} never was a member"));
            }
            let is_known = self.before.get(number).is_none_or(|it| it.is_known);
            if !listed.insert(number) && (is_known || requests <= self.requests_before) {
                return Err(format!("{number} is listed twice"));
            }
        }
        let mut throughout = before.iter().filter(|it| after.contains(it));
        if let Some(lost) = throughout.find(|it| !listed.contains(it)) {
            return Err(format!("{lost} is not listed"));
        }
        let pages = self.page_size.map_or(1, |rows| before.len().div_ceil(rows));
        if must_be_listed && requests > pages.max(1) + 2 {
            return Err(format!("{requests} requests for {pages} pages"));
        }
        Ok(())
    }
}

#[test]
fn every_member_is_listed_once_or_there_is_an_error() {
    let variable = |name| env::var(name).ok().map(|it| it.parse().expect(name));
    let servers = variable("SIMULATION_SERVERS").unwrap_or(SERVERS);
    let first = variable("SIMULATION_SEED").unwrap_or(0);
    let shown = if servers == 1 { usize::MAX } else { 800 };
    let mut failures = Vec::new();
    let seeds: Vec<u64> = (first..first + servers).collect();
    for seeds in seeds.chunks(SERVERS_AT_ONCE) {
        let mode = FakeMode::start();
        let client = client(&mode);
        for seed in seeds {
            let server = Arc::new(Server::random(*seed));
            let route = server.clone();
            mode.route(FULL, move |request| route.reply(request));
            if let Err(problem) = server.check(&client) {
                let server: String = format!("{server:?}").chars().take(shown).collect();
                failures.push(format!("SIMULATION_SEED={seed}: {problem}\n{server}"));
            }
        }
    }
    println!("{servers} servers, {} failed", failures.len());
    assert!(
        failures.is_empty(),
        "{} of {servers} servers, the first of them:\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n")
    );
}
