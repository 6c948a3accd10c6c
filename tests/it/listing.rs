//! Both routes, both shapes, and paging: every member once, or an error.

use std::ops::Range;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::{Client, ErrorKind, MembershipCounts};

use crate::{FULL, LITE, client, each, rows, serving};

/// A page in the HAL shape; `facts` go beside the rows.
fn page(people: Range<usize>, facts: &str) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{{facts}, "_embedded": {{"memberships": [{}]}}}}"#,
            rows(people)
        ),
    )
}

fn counted(number: u64, pages: u64, people: Range<usize>, total: usize) -> Reply {
    let facts = format!(
        r#""pagination": {{"page": {number}, "total_pages": {pages}, "total_count": {total}}}"#
    );
    page(people, &facts)
}

fn linked(people: Range<usize>, href: &str) -> Reply {
    page(
        people,
        &format!(r#""_links": {{"self": {{}}, "next_page": {{"href": "{href}"}}}}"#),
    )
}

fn last(people: Range<usize>) -> Reply {
    page(people, r#""_links": {"self": {}}"#)
}

fn paged(pages: impl IntoIterator<Item = Reply>) -> FakeMode {
    let server = FakeMode::start();
    for (number, reply) in (1..).zip(pages) {
        let target = if number == 1 {
            FULL.to_owned()
        } else {
            format!("{FULL}?page={number}")
        };
        server.on(&target, reply);
    }
    server
}

/// A server that answers these in turn, whatever `page` is asked for, and then once more.
fn in_turn(replies: &[Reply]) -> FakeMode {
    let server = FakeMode::start();
    server.script(FULL, [replies, replies].concat());
    server
}

/// A page of these rows. It has a link to the next one if `links` says so.
fn page_of(rows: &[&str], links: &str) -> Reply {
    let rows = rows.join(",");
    let body = format!(r#"{{"_links": {{{links}}}, "_embedded": {{"memberships": [{rows}]}}}}"#);
    Reply::json(200, body)
}

const NEXT: &str = r#""next_page": {"href": "/x"}"#;

/// What `memberships()` returns, having seen that `membership_counts()` agrees and asks the same.
fn listed(server: &FakeMode) -> Result<usize, (ErrorKind, String)> {
    let plain = |error: mode_analytics::Error| (error.kind(), error.to_string());
    let client = client(server);
    let rows = client.memberships("acme").map_err(plain);
    let asked = server.targets();
    let counts = client.membership_counts("acme").map_err(plain);
    assert_eq!(server.targets(), [&asked[..], &asked[..]].concat());
    let counted = rows.as_ref().map(|rows| rows.iter().collect());
    assert_eq!(counted.map_err(Clone::clone), counts);
    counts.map(|counts: MembershipCounts| counts.total)
}

fn incomplete(text: &str) -> Result<usize, (ErrorKind, String)> {
    let advice = "the listing changed or the server lost a page: try again";
    let text = format!("GET {FULL}: incomplete listing: {text} ({advice})");
    Err((ErrorKind::Decode, text))
}

#[test]
fn both_shapes_hold_the_same_people() {
    let people = Workspace::new("acme", 50);
    let mut seen = Vec::new();
    for shape in [Shape::Hal, Shape::Array] {
        let people = people.clone().shape(shape);
        let server = FakeMode::start();
        people.serve(&server);
        let rows = client(&server).memberships("acme").unwrap();
        let counts = client(&server).membership_counts("acme").unwrap();
        assert_eq!(counts, rows.iter().collect());
        assert_eq!(counts.by_state, people.states().into_iter().collect());
        assert_eq!(server.targets(), [FULL, FULL]);
        seen.push(
            rows.into_iter()
                .map(|row| (row.member_username, row.state))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_404_leads_to_the_lite_listing() {
    let server = FakeMode::start();
    server.on(
        FULL,
        Reply::error(404, "unauthorized", "the id decides nothing here"),
    );
    server.on(
        LITE,
        Reply::json(
            200,
            r#"{"_embedded": {"memberships": [{"username": "ada", "state": "active"}]}}"#,
        ),
    );
    assert_eq!(
        client(&server).memberships("acme").unwrap()[0]
            .member_username
            .as_deref(),
        Some("ada")
    );
    assert_eq!(client(&server).membership_counts("acme").unwrap().active, 1);
    assert_eq!(client(&server).memberships_lite("acme").unwrap().len(), 1);
    assert_eq!(server.targets(), [FULL, LITE, FULL, LITE, LITE]);
}

#[test]
fn two_404s_are_not_found_and_another_failure_of_lite_is_itself() {
    let server = FakeMode::start();
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::NotFound, Some(404))
    );
    assert!(
        error
            .to_string()
            .starts_with("GET /api/acme/memberships: 404 not_found: "),
        "{error}"
    );
    assert_eq!(server.targets(), [FULL, LITE]);
    let error = client(&server).memberships_lite("acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(server.targets()[2..], [LITE]);

    server.on(LITE, Reply::error(403, "forbidden", "no"));
    assert_eq!(
        client(&server).memberships("acme").unwrap_err().kind(),
        ErrorKind::Forbidden
    );
    assert_eq!(
        client(&server).memberships_lite("acme").unwrap_err().kind(),
        ErrorKind::Forbidden
    );
}

#[test]
fn only_a_404_of_the_first_request_leads_to_lite() {
    for status in [400, 401, 403, 410, 501] {
        let server = serving(Reply::error(
            status,
            "not_found",
            "the id decides nothing here",
        ));
        assert_eq!(
            client(&server).memberships("acme").unwrap_err().status(),
            Some(status)
        );
        assert_eq!(server.targets(), [FULL]);
    }
    let gone = Reply::error(404, "not_found", "gone");
    let server = paged([counted(1, 3, 0..30, 65), counted(2, 3, 30..60, 65), gone]);
    assert_eq!(listed(&server), incomplete("60 of 65"));
    assert!(!server.targets().contains(&LITE.to_owned()));
}

#[test]
fn lite_has_pages_too() {
    let server = FakeMode::start();
    server
        .on(LITE, linked(0..30, "/x"))
        .on(&format!("{LITE}?page=2"), last(30..40));
    assert_eq!(client(&server).memberships("acme").unwrap().len(), 40);
    assert_eq!(
        server.targets(),
        [FULL.to_owned(), LITE.to_owned(), format!("{LITE}?page=2")]
    );
}

#[test]
fn counters_lead_through_all_pages() {
    let server = paged([
        counted(1, 3, 0..30, 65),
        counted(2, 3, 30..60, 65),
        counted(3, 3, 60..65, 65),
    ]);
    assert_eq!(listed(&server), Ok(65));
    assert_eq!(
        server.targets()[..3],
        [
            FULL.to_owned(),
            format!("{FULL}?page=2"),
            format!("{FULL}?page=3")
        ]
    );
    // A last page without rows brings no one new, but it repeats no one either.
    let pages = r#""pagination": {"total_pages": 2}"#;
    let server = paged([page(0..30, pages), page(0..0, pages)]);
    assert_eq!(listed(&server), Ok(30));
}

#[test]
fn counters_decide_not_the_link() {
    let both = r#""pagination": {"total_pages": 1, "total_count": 2}, "_links": {"next_page": {"href": "/x"}}"#;
    assert_eq!(listed(&paged([page(0..2, both)])), Ok(2));
    // A route that ignores `page` and has sent everything.
    assert_eq!(listed(&paged([counted(1, 3, 0..65, 65)])), Ok(65));
    assert_eq!(listed(&paged([counted(1, 1, 0..0, 0)])), Ok(0));
    let all_in = r#""pagination": {"total_count": 2}, "_links": {"next_page": {"href": "/x"}}"#;
    assert_eq!(
        listed(&paged([page(0..2, all_in), Reply::json(404, "")])),
        Ok(2)
    );
    assert_eq!(
        listed(&paged([page(
            0..2,
            r#""pagination": null, "_links": null"#
        )])),
        Ok(2)
    );
    assert_eq!(
        listed(&paged([page(
            0..2,
            r#""pagination": {}, "_links": {"next_page": {"href": null}}"#
        )])),
        Ok(2)
    );
}

#[test]
fn fewer_rows_than_counted_are_an_error() {
    let second = |reply| paged([counted(1, 3, 0..30, 65), reply]);
    assert_eq!(
        listed(&second(counted(1, 3, 0..30, 65))),
        incomplete("30 of 65")
    );
    assert_eq!(
        listed(&second(counted(2, 3, 0..0, 65))),
        incomplete("30 of 65")
    );
    let short = paged([
        counted(1, 3, 0..30, 65),
        counted(2, 3, 30..60, 65),
        counted(3, 3, 60..60, 65),
    ]);
    assert_eq!(listed(&short), incomplete("60 of 65"));
    assert_eq!(
        listed(&paged([counted(1, 1, 0..2, 3)])),
        incomplete("2 of 3")
    );
    assert_eq!(
        listed(&paged([page(0..2, r#""pagination": {"total_count": 3}"#)])),
        incomplete("2 of 3")
    );

    let two = |n| page(n, r#""pagination": {"total_pages": 2}"#);
    let whole = paged([two(0..30), two(30..60), Reply::json(500, "")]);
    assert_eq!(listed(&whole), Ok(60));
    assert_eq!(whole.targets().len(), 4);
    let uncounted = |n| page(n, r#""pagination": {"total_pages": 3}"#);
    assert_eq!(
        listed(&paged([uncounted(0..30), uncounted(0..30)])),
        incomplete("page 2 of 3")
    );
    assert_eq!(listed(&paged([uncounted(0..0)])), incomplete("page 1 of 3"));
    let doubled = |n| page(n, r#""pagination": {"total_pages": 2}"#);
    assert_eq!(
        listed(&paged([doubled(0..30), doubled(0..30)])),
        incomplete("page 2 of 2")
    );
}

#[test]
fn links_lead_on_until_there_is_none() {
    let server = paged([linked(0..30, "/y"), linked(30..60, "/y"), last(60..70)]);
    assert_eq!(listed(&server), Ok(70));
}

#[test]
fn a_link_is_never_followed_and_always_ends() {
    let elsewhere = FakeMode::start();
    let hrefs = [
        FULL.to_owned(),
        format!("{FULL}?page=1"),
        format!("{FULL}?page=99"),
        format!("{}{FULL}?page=2", elsewhere.origin()),
        String::new(),
    ];
    for href in hrefs {
        // Page 2 is a 404, empty, or the first page once more under a link that has changed.
        let again = linked(0..30, &format!("{href}#again"));
        for second in [
            Reply::error(404, "not_found", "past the end"),
            linked(0..0, &href),
            again,
        ] {
            let server = paged([linked(0..30, &href), second]);
            assert_eq!(listed(&server), Ok(30), "{href}");
            assert_eq!(
                server.targets()[..2],
                [FULL.to_owned(), format!("{FULL}?page=2")]
            );
            assert_eq!(server.targets().len(), 4);
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_member_is_listed_once_if_the_route_ignores_the_page() {
    let member = |n: u32, state: &str| format!(r#"{{"member_token": "t{n}", "state": "{state}"}}"#);
    let all = |members: &[(u32, &str)], links: &str| {
        let rows: Vec<String> = members.iter().map(|(n, state)| member(*n, state)).collect();
        page_of(&rows.iter().map(|row| &**row).collect::<Vec<_>>(), links)
    };
    let five = [1, 2, 3, 4, 5].map(|n| (n, "active"));
    let mut before = five;
    before[2].1 = "invited";
    let mut reversed = five;
    reversed.reverse();
    let mut six = vec![(6, "active")];
    six.extend(five);
    let own_links = |ids: &[u32]| {
        let row = |id| {
            format!(r#"{{"state": "active", "_links": {{"self": {{"href": "/api/m/{id}"}}}}}}"#)
        };
        let rows: Vec<String> = ids.iter().map(row).collect();
        page_of(&rows.iter().map(|row| &**row).collect::<Vec<_>>(), NEXT)
    };
    let thirty = Reply::json(200, format!("[{}]", rows(0..30)));
    let cases = [
        ("nothing changes", vec![all(&five, NEXT); 2], 5),
        (
            "one is activated meanwhile",
            vec![all(&before, NEXT), all(&five, NEXT)],
            5,
        ),
        (
            "the order changes",
            vec![all(&five, NEXT), all(&reversed, NEXT)],
            5,
        ),
        (
            "one joins",
            vec![all(&five, NEXT), all(&six, NEXT), all(&six, NEXT)],
            6,
        ),
        (
            "one leaves",
            vec![all(&five, NEXT), all(&five[1..], NEXT)],
            5,
        ),
        ("a link of its own", vec![own_links(&[1, 2, 3]); 2], 3),
        (
            "the same, in another order",
            vec![own_links(&[1, 2, 3]), own_links(&[3, 1, 2])],
            3,
        ),
        ("30 rows without a link", vec![thirty; 2], 30),
    ];
    each(cases, |(_, replies, members)| {
        let server = in_turn(replies);
        assert_eq!(listed(&server), Ok(*members));
        assert_eq!(server.targets().len(), 2 * replies.len());
        assert_eq!(server.targets()[..2], [FULL, &format!("{FULL}?page=2")]);
    });
}

#[test]
fn nobody_is_lost_if_rows_do_not_say_who_they_are() {
    let dated = |days: [u32; 2], links: &str| {
        let row = |day| format!(r#"{{"state": "active", "activated_at": "2024-05-{day:02}"}}"#);
        let rows = days.map(row);
        page_of(&rows.each_ref().map(|row| &**row), links)
    };
    let unknown = |values: [&str; 2], links: &str| {
        let row = |value| format!(r#"{{"state": "active", "name": null, "x": {value}}}"#);
        let rows = values.map(row);
        page_of(&rows.each_ref().map(|row| &**row), links)
    };
    let cases = [
        (
            "another date",
            vec![dated([1, 2], NEXT), dated([3, 4], "")],
            4,
        ),
        (
            "another unknown field",
            vec![
                unknown(["1", "2"], NEXT),
                unknown(["[1]", r#"{"a": {"b": 1.5}}"#], ""),
            ],
            4,
        ),
        (
            "a boolean, a text and a null differ",
            vec![
                unknown(["true", "null"], NEXT),
                unknown([r#""true""#, r#""null""#], ""),
            ],
            4,
        ),
        (
            "alike on two pages",
            vec![dated([1, 2], NEXT), dated([2, 1], NEXT)],
            2,
        ),
    ];
    each(cases, |(_, pages, members)| {
        let server = paged(pages.clone());
        assert_eq!(listed(&server), Ok(*members));
        assert_eq!(server.targets().len(), 4);
    });
    let row = r#"{"member_username": "ada", "state": "active"}"#;
    let server = paged([page_of(&[row, row], "")]);
    assert_eq!(listed(&server), Ok(2), "alike on one page");
    assert_eq!(server.targets().len(), 2);
    let server = paged([page_of(&[row, row], NEXT), page_of(&[row], "")]);
    assert_eq!(listed(&server), Ok(2), "alike on one page, and repeated");
}

#[test]
fn a_full_page_without_a_sign_is_not_the_last_one() {
    let array = |members| Reply::json(200, format!("[{}]", rows(members)));
    let past_the_end = || Reply::error(404, "not_found", "past the end");
    let cases = [
        ("65", vec![array(0..30), array(30..60), array(60..65)], 65),
        (
            "65 in envelopes",
            vec![last(0..30), last(30..60), last(60..65)],
            65,
        ),
        (
            "60, then nobody",
            vec![array(0..30), array(30..60), array(60..60)],
            60,
        ),
        ("30, then 404", vec![array(0..30), past_the_end()], 30),
        (
            "30, a link, then 404",
            vec![linked(0..30, "/x"), past_the_end()],
            30,
        ),
        ("29", vec![array(0..29)], 29),
        ("31", vec![array(0..31)], 31),
        (
            "A, B, A, B",
            vec![
                linked(0..30, "/x"),
                linked(30..60, "/x"),
                linked(0..30, "/x"),
                linked(30..60, "/x"),
            ],
            60,
        ),
    ];
    each(cases, |(name, pages, members)| {
        let server = paged(pages.clone());
        assert_eq!(listed(&server), Ok(*members));
        let requests = if *name == "A, B, A, B" {
            3
        } else {
            pages.len()
        };
        assert_eq!(server.targets().len(), 2 * requests);
    });
}

#[test]
fn only_modes_own_404_ends_a_listing() {
    for first in [linked(0..30, "/x"), last(0..30)] {
        each(
            [
                Reply::bytes(404, "text/html", "<h1>Not Found</h1>"),
                Reply::bytes(404, "text/plain", "nginx"),
                Reply::json(404, ""),
                Reply::error(404, "gone", "not_found"),
            ],
            |other| {
                let server = paged([first.clone(), other.clone()]);
                let (kind, text) = listed(&server).unwrap_err();
                assert_eq!(kind, ErrorKind::NotFound);
                assert!(text.starts_with(&format!("GET {FULL}: 404")), "{text}");
                assert_eq!(server.targets().len(), 4);
            },
        );
    }
}

#[test]
fn a_counted_page_that_is_missing_is_an_incomplete_listing() {
    each(
        [
            Reply::error(404, "not_found", "gone"),
            Reply::bytes(404, "text/html", "<h1>Not Found</h1>"),
        ],
        |gone| {
            let server = paged([counted(1, 3, 0..30, 65), gone.clone()]);
            assert_eq!(listed(&server), incomplete("30 of 65"));
            assert_eq!(server.targets().len(), 4);
            let pages = page(0..30, r#""pagination": {"total_pages": 3}"#);
            let server = paged([pages, gone.clone()]);
            assert_eq!(listed(&server), incomplete("page 1 of 3"));
            let total = page(0..30, r#""pagination": {"total_count": 65}"#);
            let server = paged([total, gone.clone()]);
            assert_eq!(listed(&server), incomplete("30 of 65"));
        },
    );
}

#[test]
fn only_the_link_to_the_next_page_matters() {
    let odd = [
        r#""groups": [{"href": "/a"}, {"href": "/b"}]"#,
        r#""groups": "/api/groups""#,
        r#""groups": 7"#,
        r#""groups": null, "self": true"#,
        r#""groups": {"href": [1]}, "groups": 1e400"#,
        r#""self": "\ud800""#,
        r#""next_page": null"#,
        r#""next_page": {"href": null}"#,
    ];
    each(odd, |links| {
        let server = paged([page(0..2, &format!(r#""_links": {{{links}}}"#))]);
        assert_eq!(listed(&server), Ok(2));
        assert_eq!(server.targets().len(), 2);
        if !links.contains("next_page") {
            let links = format!(r#""_links": {{{links}, {NEXT}}}"#);
            let server = paged([page(0..2, &links), last(2..3)]);
            assert_eq!(listed(&server), Ok(3));
            assert_eq!(server.targets().len(), 4);
        }
    });
}

#[test]
fn what_identifies_a_member_has_an_order() {
    const SELF: &str = r#""_links": {"self": {"href": "/api/m/1"}}"#;
    const OTHER: &str = r#""_links": {"self": {"href": "/api/m/2"}}"#;
    let link = |link: &str, rest: &str| format!("{link}, {rest}");
    // The fields of a row, those of a row on the next page, and whether they are one member.
    let cases: Vec<(String, String, bool)> = [
        // The token.
        (
            r#""member_token": "t", "username": "ada""#.into(),
            r#""member_token": "t", "username": "bob", "email": "b""#.into(),
            true,
        ),
        (
            link(SELF, r#""member_token": "t""#),
            link(OTHER, r#""member_token": "t""#),
            true,
        ),
        (
            link(SELF, r#""member_token": "t", "username": "ada""#),
            link(SELF, r#""member_token": "u", "username": "ada""#),
            false,
        ),
        // The row's own link.
        (
            link(SELF, r#""username": "ada""#),
            link(SELF, r#""username": "bob""#),
            true,
        ),
        (
            link(SELF, r#""member_token": null, "email": "a""#),
            link(SELF, r#""member_token": null, "email": "b""#),
            true,
        ),
        (
            link(SELF, r#""username": "ada""#),
            link(OTHER, r#""username": "ada""#),
            false,
        ),
        // The user name, in either field.
        (
            r#""member_username": "ada", "email": "a""#.into(),
            r#""username": "ada", "email": "b""#.into(),
            true,
        ),
        (
            r#""username": "ada", "member_username": "bob""#.into(),
            r#""username": "bob""#.into(),
            true,
        ),
        (
            r#""username": "ada", "member_username": null, "name": "A""#.into(),
            r#""username": "ada", "name": "B""#.into(),
            true,
        ),
        (
            r#""username": "ada", "email": "a""#.into(),
            r#""username": "bob", "email": "a""#.into(),
            false,
        ),
        // The e-mail address.
        (
            r#""email": "a", "name": "A""#.into(),
            r#""email": "a", "name": "B""#.into(),
            true,
        ),
        (
            r#""email": "a", "name": "A""#.into(),
            r#""email": "b", "name": "A""#.into(),
            false,
        ),
        // Everything else besides the links.
        (
            r#""name": "A", "admin": true"#.into(),
            r#""admin": true, "name": "\u0041""#.into(),
            true,
        ),
        (
            r#""name": "A", "_links": {"groups": "/1"}"#.into(),
            r#""name": "A", "_links": {"groups": "/2"}"#.into(),
            true,
        ),
        (
            r#""name": "A", "_links": ["/1"]"#.into(),
            r#""name": "A""#.into(),
            true,
        ),
        (
            r#""name": "A", "email": null"#.into(),
            r#""name": "B", "email": null"#.into(),
            false,
        ),
        // One field's value does not stand for another's.
        (
            r#""member_token": "x""#.into(),
            r#""username": "x""#.into(),
            false,
        ),
        (r#""username": "x""#.into(), r#""email": "x""#.into(), false),
    ]
    .into();
    each(cases, |(first, second, is_same)| {
        let row = |fields: &str| format!(r#"{{{fields}, "state": "active"}}"#);
        let first = page_of(&[&row(first)], NEXT);
        let server = paged([first, page_of(&[&row(second)], "")]);
        assert_eq!(listed(&server), Ok(if *is_same { 1 } else { 2 }));
        assert_eq!(server.targets().len(), 4);
    });
    // What changes is what the first page said.
    let row = |state: &str| format!(r#"{{"username": "ada", "state": "{state}"}}"#);
    let pages = [
        page_of(&[&row("invited")], NEXT),
        page_of(&[&row("active")], ""),
    ];
    let rows = client(&paged(pages)).memberships("acme").unwrap();
    assert_eq!((rows.len(), rows[0].state.as_str()), (1, "invited"));
}

#[test]
fn circles_among_counted_pages_are_an_error() {
    let server = paged([
        counted(1, 3, 0..30, 90),
        counted(2, 3, 30..60, 90),
        counted(3, 3, 0..30, 90),
    ]);
    assert_eq!(listed(&server), incomplete("60 of 90"));
}

#[test]
fn a_failure_on_any_page_fails_the_call() {
    let cases = [
        (
            Reply::error(400, "bad_request", "no"),
            ErrorKind::BadRequest,
            1,
        ),
        (
            Reply::error(401, "unauthorized", "no"),
            ErrorKind::Unauthorized,
            1,
        ),
        (
            Reply::error(403, "forbidden", "no"),
            ErrorKind::Forbidden,
            1,
        ),
        (
            Reply::error(410, "gone", "no"),
            ErrorKind::UnexpectedStatus,
            1,
        ),
        (Reply::json(429, ""), ErrorKind::RateLimited, 4),
        (Reply::error(500, "", ""), ErrorKind::Server, 4),
        (Reply::json(501, ""), ErrorKind::Server, 1),
        (Reply::json(200, "<html>"), ErrorKind::Decode, 1),
        (Reply::json(200, "{}"), ErrorKind::Decode, 1),
        (
            Reply::json(200, r#"[{"state": "active"}, {}]"#),
            ErrorKind::Decode,
            1,
        ),
        (Reply::json(200, " ".repeat(10_000)), ErrorKind::TooLarge, 1),
        (Reply::close(), ErrorKind::Transport, 4),
    ];
    each(cases, |(reply, kind, attempts)| {
        for is_counted in [true, false] {
            let pages = (1..=9).map(|n| match (n, is_counted) {
                (7, _) => reply.clone(),
                (n, true) => counted(n, 9, (n as usize - 1) * 30..n as usize * 30, 270),
                (n, false) => linked((n as usize - 1) * 30..n as usize * 30, "/x"),
            });
            let server = paged(pages);
            let client = crate::builder(&server).max_response_bytes(9_999).build();
            let client = client.unwrap();
            for call in [
                |client: &Client| client.memberships("acme").map(drop).unwrap_err(),
                |client: &Client| client.membership_counts("acme").map(drop).unwrap_err(),
            ] {
                let before = server.targets().len();
                let error = call(&client);
                assert_eq!((error.kind(), error.attempts()), (*kind, *attempts));
                assert_eq!(server.targets().len() - before, 6 + *attempts as usize);
            }
        }
    });
}

#[test]
fn a_page_that_fails_once_is_asked_again() {
    let server = paged([counted(1, 2, 0..30, 35)]);
    server.script(
        &format!("{FULL}?page=2"),
        [
            Reply::reset(),
            Reply::json(503, ""),
            counted(2, 2, 30..35, 35),
        ],
    );
    assert_eq!(client(&server).memberships("acme").unwrap().len(), 35);
    assert_eq!(server.targets().len(), 4);
}

#[test]
fn a_thousand_pages_are_one_listing() {
    let server = FakeMode::start();
    server.route(FULL, |request| {
        let number = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        counted(
            number,
            1000,
            (number as usize - 1) * 30..number as usize * 30,
            30_000,
        )
    });
    assert_eq!(
        client(&server).membership_counts("acme").unwrap().active,
        30_000
    );
    assert_eq!((server.targets().len(), server.connections()), (1000, 1));
}

#[test]
fn an_answer_without_a_listing_is_an_error_and_an_empty_listing_is_nobody() {
    for body in [
        "",
        "null",
        "{}",
        "\"memberships\"",
        "7",
        r#"{"_embedded": null}"#,
        r#"{"_embedded": {}}"#,
        r#"{"_embedded": []}"#,
        r#"{"_embedded": [[{"state": "active"}]]}"#,
        r#"{"_embedded": {"memberships": null}}"#,
        r#"{"_embedded": {"memberships": {}}}"#,
        r#"{"memberships": []}"#,
        r#"{"_embedded": {"memberships": []}} {}"#,
        "[] []",
        "[null]",
        "[[\"active\"]]",
        "[{}]",
        r#"[{"member_username": "ada"}]"#,
        r#"[{"state": null}]"#,
        r#"[{"state": 1}]"#,
        r#"[{"state": "active", "state": "banned"}]"#,
        r#"{"_embedded": {"memberships": []}, "pagination": []}"#,
        r#"{"_embedded": {"memberships": []}, "pagination": {"total_pages": "2"}}"#,
        r#"{"_embedded": {"memberships": []}, "pagination": {"total_pages": -1}}"#,
        r#"{"_embedded": {"memberships": []}, "_links": 7}"#,
        "<!DOCTYPE html><title>Sign in</title>",
        "\u{feff}[]",
        "\u{feff}{\"_embedded\": {\"memberships\": []}}",
    ] {
        assert_eq!(
            listed(&serving(Reply::json(200, body))).unwrap_err().0,
            ErrorKind::Decode,
            "{body}"
        );
    }
    for body in ["[]", " \n[ ]\t", r#"{"_embedded": {"memberships": []}}"#] {
        assert_eq!(listed(&serving(Reply::json(200, body))), Ok(0), "{body}");
    }
}

#[test]
fn counting_looks_at_state_alone() {
    let deep = format!(r#""x": {}{}"#, "[".repeat(10_000), "]".repeat(10_000));
    // What `memberships()` makes of it does not matter, unless it can do without the field, too.
    let fields = [
        (r#""member_username": 7"#, false),
        (r#""username": []"#, false),
        (r#""member_token": {}"#, false),
        (r#""email": 1.5"#, false),
        (r#""name": false"#, false),
        (r#""name": "\ud800""#, false),
        (r#""name": 1e400"#, false),
        (r#""name": "a", "name": "b""#, false),
        (r#""admin": "yes""#, false),
        (r#""invited": 1"#, false),
        (r#""managed_by_scim": "no""#, false),
        (r#""activated_at": 0"#, false),
        (r#""x": 1e400"#, true),
        (r#""x": "\ud800""#, true),
        (r#""x": 1, "x": 2"#, true),
        (&deep, true),
    ];
    each(fields, |(field, is_listed)| {
        let row = |n| {
            format!(r#"{{{field}, "_links": {{"self": {{"href": "/{n}"}}}}, "state": "active"}}"#)
        };
        let one = paged([page_of(&[&row(1), &row(2)], "")]);
        let two = paged([
            page_of(&[&row(1), &row(2)], NEXT),
            page_of(&[&row(3), &row(4)], ""),
        ]);
        for (server, members) in [(one, 2), (two, 4)] {
            let client = client(&server);
            let counts = client.membership_counts("acme").unwrap();
            assert_eq!((counts.total, counts.active), (members, members));
            let listed = client.memberships("acme").map(|rows| rows.len());
            let listed = listed.map_err(|error| error.kind());
            assert_eq!(
                listed,
                is_listed.then_some(members).ok_or(ErrorKind::Decode)
            );
        }
    });
}

#[test]
fn what_all_members_share_identifies_nobody() {
    let row = |n: usize, shared: &str| {
        format!(r#"{{"state": "active", "member_username": "user{n}", {shared}}}"#)
    };
    let page = |members: Range<usize>, shared: &str| {
        let rows: Vec<String> = members.map(|n| row(n, shared)).collect();
        let rows = rows.join(",");
        Reply::json(
            200,
            format!(r#"{{"_embedded": {{"memberships": [{rows}]}}}}"#),
        )
    };
    let cases = [
        r#""member_token": "  ", "_links": {"self": {"href": ""}}"#,
        r#""member_token": null, "_links": []"#,
        r#""_links": {"self": {"href": "/api/acme/memberships"}}"#,
        r#""member_token": "the same""#,
    ];
    each(cases, |shared| {
        // Two pages, and a route that ignores the number of the page.
        let server = paged([page(0..30, shared), page(30..45, shared)]);
        assert_eq!(listed(&server), Ok(45));
        let server = paged([page(0..30, shared), page(0..30, shared)]);
        assert_eq!(listed(&server), Ok(30));
    });
}

#[test]
fn a_number_identifies_a_member_too() {
    let page = |state: &str, links: &str| {
        let row = |n: u32, field: &str| format!(r#"{{"{field}": {n}, "state": "{state}"}}"#);
        page_of(&[&row(1, "member_token"), &row(2, "username")], links)
    };
    let server = paged([page("active", NEXT), page("banned", "")]);
    let counts = client(&server).membership_counts("acme").unwrap();
    assert_eq!((counts.total, counts.active), (2, 2));
}

#[test]
fn an_identity_that_cannot_be_read_never_fails_a_count() {
    let page = |members: Range<usize>, odd: &str| {
        let row = |n| format!(r#"{{"state": "active", "member_token": "m{n}", {odd}}}"#);
        let rows: Vec<String> = members.map(row).collect();
        Reply::json(200, format!("[{}]", rows.join(",")))
    };
    let deep = format!(r#""_links": {}{}"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        r#""email": "a", "email": "b""#,
        r#""username": 1, "username": 2"#,
        r#""_links": {"user": {"href": "\ud83d"}}"#,
        r#""email": 1e999"#,
        &deep,
    ];
    each(cases, |odd| {
        let server = paged([page(0..30, odd), page(30..45, odd)]);
        let counts = client(&server).membership_counts("acme").unwrap();
        assert_eq!((counts.total, server.targets().len()), (45, 2));
        let server = paged([page(0..30, odd), page(0..30, odd)]);
        let counts = client(&server).membership_counts("acme").unwrap();
        assert_eq!((counts.total, server.targets().len()), (30, 2));
    });
}

#[test]
fn counters_and_links_count_only_at_the_top_of_a_page() {
    let cases = [
        r#""pagination": {"total_pages": 3}"#,
        r#""_links": {"next_page": {"href": "/x"}}"#,
    ];
    each(cases, |inner| {
        let rows = rows(0..2);
        let body = format!(r#"{{"_embedded": {{{inner}, "memberships": [{rows}]}}}}"#);
        let server = serving(Reply::json(200, body));
        assert_eq!(listed(&server), Ok(2));
        assert_eq!(server.targets().len(), 2);
    });
}
