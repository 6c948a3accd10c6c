//! Both routes, both shapes, and paging: the whole listing or an error.

use std::ops::Range;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::ErrorKind;

use crate::{FULL, LITE, client, rows, serving};

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

/// What `memberships()` returns, having seen that `membership_counts()` agrees and asks the same.
fn listed(server: &FakeMode) -> Result<usize, (ErrorKind, String)> {
    let client = client(server);
    let rows = client.memberships("acme").map(|rows| rows.len());
    let asked = server.targets();
    let counts = client.membership_counts("acme").map(|counts| counts.total);
    assert_eq!(server.targets(), [&asked[..], &asked[..]].concat());
    let plain = |error: mode_analytics::Error| (error.kind(), error.to_string());
    let (rows, counts) = (rows.map_err(plain), counts.map_err(plain));
    assert_eq!(rows, counts);
    rows
}

fn incomplete(text: &str) -> Result<usize, (ErrorKind, String)> {
    Err((
        ErrorKind::Decode,
        format!("GET {FULL}: incomplete listing: {text}"),
    ))
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
    let (kind, text) = listed(&server).unwrap_err();
    assert_eq!(kind, ErrorKind::NotFound);
    assert_eq!(
        text,
        format!("GET {FULL}: 404 not_found: gone (a page that the server counts is missing)")
    );
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
fn a_repeated_page_is_seen_even_if_counting_cannot_read_it() {
    let odd = |href: &str| {
        let rows = r#"[{"state": "active", "name": 7}, {"state": "active", "admin": "yes"}]"#;
        let links = format!(r#"{{"next_page": {{"href": "{href}"}}}}"#);
        Reply::json(
            200,
            format!(r#"{{"_links": {links}, "_embedded": {{"memberships": {rows}}}}}"#),
        )
    };
    let server = paged([odd("/1"), odd("/2")]);
    assert_eq!(client(&server).membership_counts("acme").unwrap().total, 2);
    assert_eq!(
        client(&server).memberships("acme").unwrap_err().kind(),
        ErrorKind::Decode
    );
}

#[test]
fn pages_that_go_in_circles_are_an_error() {
    let circle = paged([
        linked(0..30, "/1"),
        linked(30..60, "/2"),
        linked(0..30, "/3"),
    ]);
    assert_eq!(
        listed(&circle),
        incomplete("page 3 is an earlier one again")
    );
    let server = paged([
        counted(1, 3, 0..30, 90),
        counted(2, 3, 30..60, 90),
        counted(3, 3, 0..30, 90),
    ]);
    assert_eq!(listed(&server), incomplete("60 of 90"));
}

#[test]
fn rows_are_compared_not_bytes() {
    let page = |row: &str| {
        let links = r#""_links": {"next_page": {"href": "/x"}}"#;
        Reply::json(
            200,
            format!(r#"{{{links}, "_embedded": {{"memberships": [{row}]}}}}"#),
        )
    };
    let first = r#"{"member_username": "ada", "state": "active", "_links": {"self": "?page=1"}}"#;
    for again in [
        r#"{"member_username": "ada", "state": "active", "_links": {"self": "?page=2"}}"#,
        r#"{"state":"active","member_username":"ada"}"#,
        r#"{"member_username": "\u0061da", "state": "active", "x": [[[1]]]}"#,
    ] {
        let server = paged([page(first), page(again)]);
        assert_eq!(listed(&server), Ok(1), "{again}");
        assert_eq!(server.targets().len(), 4);
    }
    for other in ["username", "member_token", "email", "name"] {
        let second = format!(r#"{{"member_username": "ada", "state": "active", "{other}": "x"}}"#);
        let server = paged([
            page(first),
            page(&second),
            Reply::error(404, "not_found", ""),
        ]);
        assert_eq!(listed(&server), Ok(2), "{other}");
    }
    let server = paged([
        page(first),
        page(r#"{"member_username": "ada", "state": "banned"}"#),
        Reply::json(404, ""),
    ]);
    assert_eq!(listed(&server), Ok(2));
}

#[test]
fn a_failure_on_any_page_fails_the_call() {
    for (reply, kind) in [
        (Reply::error(403, "forbidden", "no"), ErrorKind::Forbidden),
        (Reply::error(500, "", ""), ErrorKind::Server),
        (Reply::json(200, "<html>"), ErrorKind::Decode),
        (Reply::json(200, "{}"), ErrorKind::Decode),
        (Reply::close(), ErrorKind::Transport),
    ] {
        let pages = (1..=9).map(|n| match n {
            7 => reply.clone(),
            n => counted(n, 9, (n as usize - 1) * 30..n as usize * 30, 270),
        });
        let server = paged(pages);
        assert_eq!(listed(&server).unwrap_err().0, kind);
    }
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
    for field in [
        r#""member_username": 7"#,
        r#""username": []"#,
        r#""member_token": {}"#,
        r#""name": false"#,
        r#""email": 1.5"#,
        r#""admin": "yes""#,
        r#""invited": 1"#,
        r#""managed_by_scim": "no""#,
        r#""activated_at": 0"#,
    ] {
        let server = serving(Reply::json(
            200,
            format!(r#"[{{{field}, "state": "active"}}]"#),
        ));
        assert_eq!(
            client(&server).memberships("acme").unwrap_err().kind(),
            ErrorKind::Decode,
            "{field}"
        );
        assert_eq!(
            client(&server).membership_counts("acme").unwrap().active,
            1,
            "{field}"
        );
    }
}
