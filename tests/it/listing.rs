//! Both routes, both shapes, and paging: every member once, or an error.

use std::slice::from_ref;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::{Client, Error, ErrorKind, MembershipCounts};

use crate::{FULL, LITE, builder, client, each, rows, serving};

type Expected = Result<usize, String>;

/// The responses to the first request, to page 2, and so on, separated by commas. `0..30 count=35` is
/// a page of these rows with a `total_count`. Further words are `pages=2` for `total_pages`, `next` for
/// a link, and `array`; `404` is Mode's own. What stands before a colon applies to every page.
fn pages(text: &str) -> Vec<Reply> {
    let (all, pages) = text.split_once(": ").unwrap_or(("", text));
    let pages = pages.split(", ").map(|page| format!("{page} {all}"));
    pages.map(|page| page_of(&page)).collect()
}

fn page_of(text: &str) -> Reply {
    let (mut people, mut counters, mut links) = (0..0, Vec::new(), r#""self": {}"#);
    let mut is_array = false;
    for word in text.split_whitespace() {
        let number = |digits: &str| digits.parse::<usize>().unwrap();
        match word.split_once(['=', '.']) {
            Some(("count", total)) => counters.push(format!(r#""total_count": {total}"#)),
            Some(("pages", total)) => counters.push(format!(r#""total_pages": {total}"#)),
            Some((start, end)) => people = number(start)..number(&end[1..]),
            None if word == "next" => links = NEXT,
            None if word == "array" => is_array = true,
            None => return Reply::error(404, "not_found", "past the end"),
        }
    }
    if is_array {
        return array(&rows(people));
    }
    let counters = counters.join(",");
    let facts = format!(r#""pagination": {{{counters}}}, "_links": {{{links}}}"#);
    page(&facts, &rows(people))
}

const NEXT: &str = r#""next_page": {"href": "/x"}"#;

/// A page in the HAL shape; `facts` go beside the rows.
fn page(facts: &str, rows: &str) -> Reply {
    let body = format!(r#"{{{facts}, "_embedded": {{"memberships": [{rows}]}}}}"#);
    Reply::json(200, body)
}

fn array(rows: &str) -> Reply {
    Reply::json(200, format!("[{rows}]"))
}

/// Rows, separated by ` / `. A field is `name=text` or `name:JSON`, and `link` is the row's own link.
fn people(rows: &str) -> String {
    let row = |fields: &str| {
        let mut row = Vec::new();
        if !fields.contains("state") {
            row.push(r#""state": "active""#.into());
        }
        for field in fields.split(' ') {
            let (name, value) = field.split_once(['=', ':']).unwrap();
            let value = if field.contains('=') {
                format!(r#""{value}""#)
            } else {
                value.to_owned()
            };
            row.push(match name {
                "link" => format!(r#""_links": {{"self": {{"href": {value}}}}}"#),
                "token" => format!(r#""member_token": {value}"#),
                name => format!(r#""{name}": {value}"#),
            });
        }
        format!("{{{}}}", row.join(", "))
    };
    rows.split(" / ").map(row).collect::<Vec<_>>().join(",\n")
}

/// A page of `people` with a link to the next one.
fn linked(rows: &str) -> Reply {
    page(&format!(r#""_links": {{{NEXT}}}"#), &people(rows))
}

fn incomplete(how: &str) -> Expected {
    let advice = "the server's counters and its pages disagree: look at them with `get`";
    Err(format!("incomplete listing: {how} ({advice})"))
}

fn changed() -> Expected {
    Err("the listing changed while it was read: the counters differ (try again)".into())
}

/// The targets of the requests for the first pages of `route`.
fn targets(route: &str, pages: usize) -> Vec<String> {
    let further = (2..=pages).map(|page| format!("{route}?page={page}"));
    [route.to_owned()].into_iter().chain(further).collect()
}

/// A server that answers these in turn, whatever page is asked for, and then with a 400.
fn in_turn(replies: impl IntoIterator<Item = Reply>) -> FakeMode {
    let server = FakeMode::start();
    let end = Reply::json(400, "");
    server.script(FULL, replies.into_iter().chain([end]));
    server
}

/// Checks what `memberships()` and `membership_counts()` make of these responses to the first request,
/// to page 2, and so on, and that both ask for each of them once. An error must name the page, and
/// start as expected.
fn check(pages: &[Reply], expected: &Expected) {
    let server = in_turn([pages, pages].concat());
    let client = client(&server);
    let asked = targets(FULL, pages.len());
    let rows = client.memberships("acme");
    assert_eq!(server.targets(), asked);
    let counts = client.membership_counts("acme");
    assert_eq!(server.targets(), [&asked[..], &asked[..]].concat());
    if let (Ok(rows), Ok(counts)) = (&rows, &counts) {
        assert_eq!(*counts, rows.iter().collect());
    }
    for total in [rows.map(|rows| rows.len()), counts.map(|it| it.total)] {
        match (total, expected) {
            (Err(error), Err(start)) => check_error(&error, pages.len(), start),
            (total, _) => assert_eq!(total.map_err(|error| error.to_string()), *expected),
        }
    }
}

fn check_error(error: &Error, page: usize, start: &str) {
    let text = error.to_string();
    let place = if page > 1 {
        format!(", page {page}")
    } else {
        String::new()
    };
    let start = format!("GET {FULL}{place}: {start}");
    assert!(text.starts_with(&start), "{text}\nnot: {start}");
    let kind = match error.status() {
        Some(_) => ErrorKind::NotFound,
        None => ErrorKind::Decode,
    };
    assert_eq!(error.kind(), kind);
    assert_eq!(error.is_retryable(), text.contains("try again"), "{text}");
}

#[test]
fn both_shapes_hold_the_same_people() {
    let workspace = Workspace::new("acme", 50);
    let seen = [Shape::Hal, Shape::Array].map(|shape| {
        let workspace = workspace.clone().shape(shape);
        let server = FakeMode::start();
        workspace.serve(&server);
        let rows = client(&server).memberships("acme").unwrap();
        let counts = client(&server).membership_counts("acme").unwrap();
        assert_eq!(counts, rows.iter().collect::<MembershipCounts>());
        assert_eq!(counts.by_state, workspace.states().into_iter().collect());
        assert_eq!(server.targets(), [FULL, FULL]);
        let row = rows.into_iter().map(|row| (row.member_username, row.state));
        row.collect::<Vec<_>>()
    });
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_404_of_the_first_request_and_no_other_status_leads_to_the_lite_listing() {
    let missing = || Reply::error(404, "unauthorized", "the id decides nothing here");
    let one = || page_of("0..1");
    let forbidden = || Reply::error(403, "forbidden", "no");
    let mut cases = vec![
        (missing(), vec![one()], Ok(1), 2),
        (missing(), pages("next: 0..30, 30..40, 404"), Ok(40), 4),
        (missing(), vec![missing()], Err(404), 2),
        (missing(), vec![forbidden()], Err(403), 2),
        (one(), vec![forbidden()], Ok(1), 1),
    ];
    for status in [400, 401, 403, 410, 501] {
        let reply = Reply::error(status, "not_found", "the id decides nothing here");
        cases.push((reply, vec![one()], Err(status), 1));
    }
    each(cases, |(full, lite, expected, requests)| {
        let calls = [
            |client: &Client| client.memberships("acme").map(|rows| rows.len()),
            |client: &Client| client.membership_counts("acme").map(|it| it.total),
        ];
        for call in calls {
            let server = serving(full.clone());
            server.script(LITE, lite.clone());
            let total = call(&client(&server));
            assert_eq!(total.map_err(|error| error.status().unwrap()), *expected);
            let asked = [vec![FULL.into()], targets(LITE, lite.len())].concat();
            assert_eq!(server.targets(), asked[..*requests]);
        }
    });
}

#[test]
fn two_404s_are_not_found() {
    let server = FakeMode::start();
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    let start = "GET /api/acme/memberships/lite: 404 not_found: ";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn the_lite_listing_leads_nowhere_else() {
    let server = FakeMode::start();
    server.script(LITE, [page_of("0..2"), page_of("404")]);
    let client = client(&server);
    assert_eq!(client.memberships_lite("acme").unwrap().len(), 2);
    let error = client.memberships_lite("acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(server.targets(), [LITE, LITE]);
}

#[test]
fn more_pages_any_sign_counts() {
    let cases = [
        // Counters.
        ("count=65 pages=3: 0..30, 30..60, 60..65", Ok(65)),
        ("count=10: 0..4, 4..8, 8..10", Ok(10)),
        ("pages=2: 0..30, 30..60", Ok(60)),
        ("count=0 pages=1: 0..0", Ok(0)),
        ("count=0 pages=0: 0..0", Ok(0)),
        ("pages=1: 0..0", Ok(0)),
        // A link.
        ("0..30 next, 30..60 next, 60..70", Ok(70)),
        ("next: 0..2, 2..4, 404", Ok(4)),
        ("next: 0..2, 2..4, 4..4", Ok(4)),
        ("next: 0..2, 0..2", Ok(2)),
        ("next: 0..30, 30..60, 0..30", Ok(60)),
        ("next: 0..0", Ok(0)),
        // Exactly 30 rows.
        ("0..30, 30..60, 60..65", Ok(65)),
        ("array: 0..30, 30..60, 60..65", Ok(65)),
        ("array: 0..30, 0..30", Ok(30)),
        ("array: 0..30, 30..60, 60..60", Ok(60)),
        ("array: 0..30, 404", Ok(30)),
        ("array: 0..29", Ok(29)),
        ("array: 0..31", Ok(31)),
        ("pages=1: 0..30", Ok(30)),
        ("count=null pages=null: 0..30, 404", Ok(30)),
        // No sign outranks another.
        ("count=2 pages=1 next: 0..2, 404", Ok(2)),
        ("count=2 next: 0..2, 2..2", Ok(2)),
        ("count=65 pages=3: 0..65, 0..65", Ok(65)),
        ("count=30 pages=3 next: 0..30, 30..60, 60..80, 404", Ok(80)),
        ("count=30 next: 0..30, 30..60, 60..80, 80..80", Ok(80)),
        ("count=30 pages=3: 0..30, 30..60, 60..80", Ok(80)),
        ("pages=1 next: 0..30, 30..60, 404", Ok(60)),
        // What one page says holds for the next.
        ("0..2 count=6, 2..4, 4..6", Ok(6)),
        ("0..2 pages=3, 2..4, 4..6", Ok(6)),
        ("0..2 next, 2..4 count=5, 4..5 pages=3", Ok(5)),
    ];
    each(cases, |(text, expected)| check(&pages(text), expected));
}

#[test]
fn whole_or_an_error() {
    let cases = [
        (
            "count=65 pages=3: 0..30, 404",
            "page 2 is missing, after 30 of 65 members",
        ),
        (
            "count=65 pages=3: 0..30, 30..60, 60..60",
            "page 3 is empty, after 60 of 65 members",
        ),
        (
            "count=65 pages=3: 0..30, 0..30",
            "page 2 repeats earlier members, after 30 of 65 members",
        ),
        (
            "count=90 pages=3: 0..30, 30..60, 0..30",
            "page 3 repeats earlier members, after 60 of 90 members",
        ),
        (
            "count=30: 0..28, 0..28",
            "page 2 repeats earlier members, after 28 of 30 members",
        ),
        (
            "count=3 pages=1: 0..2, 2..2",
            "page 2 is empty, after 2 of 3 members",
        ),
        ("count=3: 0..0", "page 1 is empty, after 0 of 3 members"),
        (
            "0..30 next, 30..59 count=60, 404",
            "page 3 is missing, after 59 of 60 members",
        ),
        (
            "pages=3: 0..30, 404",
            "page 2 is missing, after 1 of 3 pages",
        ),
        (
            "pages=2: 0..30, 30..30",
            "page 2 is empty, after 1 of 2 pages",
        ),
        (
            "pages=3 next: 0..30, 30..60, 30..60",
            "page 3 repeats earlier members, after 2 of 3 pages",
        ),
        ("pages=3: 0..0", "page 1 is empty, after 1 of 3 pages"),
    ];
    each(cases, |(text, how)| check(&pages(text), &incomplete(how)));
}

#[test]
fn a_counter_that_differs_means_that_the_listing_changed() {
    let cases = [
        ("0..30 pages=2 count=60, 31..60 pages=2 count=59", changed()),
        ("0..30 count=60, 30..60 count=61", changed()),
        ("0..30 pages=3, 30..60 pages=2", changed()),
        ("next: 0..30 count=30, 0..31 count=31", changed()),
        ("pages=2: 0..30 count=31, 30..30 count=30", changed()),
        ("next: 0..2 count=6, 2..4, 4..5 count=5", changed()),
        ("next: 0..2, 2..4 pages=3, 4..6 pages=4", changed()),
        // Absence is no change.
        ("0..2 count=5 pages=3, 2..4 pages=3, 4..5 count=5", Ok(5)),
    ];
    each(cases, |(text, expected)| check(&pages(text), expected));
}

#[test]
fn only_modes_own_404_ends_a_listing() {
    let others = [
        Reply::bytes(404, "text/html", "<h1>Not Found</h1>"),
        Reply::bytes(404, "text/plain", "nginx"),
        Reply::json(404, ""),
        Reply::error(404, "gone", "not_found"),
    ];
    each(others, |other| {
        for first in ["0..30", "0..30 next", "0..30 count=65", "0..30 pages=3"] {
            check(&[page_of(first), other.clone()], &Err("404".into()));
        }
    });
}

#[test]
fn a_link_is_never_followed() {
    let elsewhere = FakeMode::start();
    let hrefs = [
        FULL.to_owned(),
        format!("{FULL}?page=1"),
        format!("{FULL}?page=99"),
        format!("{}{FULL}?page=2", elsewhere.origin()),
        String::new(),
    ];
    each(hrefs, |href| {
        let facts = format!(r#""_links": {{"next_page": {{"href": "{href}"}}}}"#);
        let first = page(&facts, &rows(0..2));
        check(&[first, page_of("2..3")], &Ok(3));
    });
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn only_the_link_to_the_next_page_matters() {
    let odd = [
        r#""groups": [{"href": "/a"}, {"href": "/b"}]"#,
        r#""groups": "/api/groups""#,
        r#""groups": null, "self": true"#,
        r#""groups": {"href": [1]}, "groups": 1e400"#,
    ];
    each(odd, |links| {
        let facts = format!(r#""_links": {{{links}}}"#);
        check(&[page(&facts, &rows(0..2))], &Ok(2));
        let facts = format!(r#""_links": {{{links}, {NEXT}}}"#);
        check(&[page(&facts, &rows(0..2)), page_of("2..3")], &Ok(3));
    });
    let no_sign = [
        r#""_links": {"next_page": null}"#,
        r#""_links": {"next_page": {"href": null}}"#,
        r#""_links": {"next_page": {"href": 7}}"#,
        r#""_links": {"next_page": "/x"}"#,
        r#""pagination": null, "_links": null"#,
        r#""pagination": {"page": 1, "per_page": "30", "last_page": []}"#,
        r#""next_page": {"href": "/x"}, "total_count": 3"#,
    ];
    each(no_sign, |facts| {
        check(&[page(facts, &rows(0..2))], &Ok(2));
    });
    // Beside the rows, and not at the top.
    let inner = [r#""pagination": {"total_pages": 3}"#, NEXT];
    each(inner, |inner| {
        let rows = rows(0..2);
        let body = format!(r#"{{"_embedded": {{{inner}, "memberships": [{rows}]}}}}"#);
        check(&[Reply::json(200, body)], &Ok(2));
    });
}

#[test]
fn what_identifies_a_member_has_an_order() {
    // A row, a row of the next page, and whether they are about one member.
    let cases = [
        // The token.
        ("token=t username=ada", "token=t username=bob email=b", true),
        ("token=t link=/1", "token=t link=/2", true),
        ("token=t username=ada", "token=u username=ada", false),
        ("token=t link=/1", "token=u link=/1", false),
        // User name and e-mail address together.
        ("username=ada link=/1", "username=ada link=/2", true),
        ("username=ada link=/1", "username=bob link=/1", false),
        ("username=ada email=a", "username=ada email=b", false),
        ("username=ada email=a", "username=bob email=a", false),
        ("username=ada email=a", "username=ada", false),
        ("email=a name=A", "email=a name=B", true),
        ("email=a name=A", "email=b name=A", false),
        ("username=ada", "member_username=ada", true),
        ("username=ada member_username=bob", "username=bob", true),
        ("username=ada member_username:null", "username=ada", true),
        // The row's own link.
        ("link=/1 name=A", "link=/1 name=B", true),
        ("link=/1 name=A", "link=/2 name=A", false),
        // Nothing: another page has other members.
        ("name=A", "name=A admin:true", false),
        ("activated_at=2024", "activated_at=2025", false),
        // Null and blank texts are absent.
        ("token:null username=ada", "token:null username=bob", false),
        ("token= username=ada", "token= username=bob", false),
        ("username= email=a", "username= email=b", false),
        ("link= a=0", "link= a=1", false),
        // One field's value does not stand for another's.
        ("token=x", "username=x", false),
        ("username=x", "email=x", false),
        ("email=x", "link=x", false),
    ];
    each(cases, |(first, second, is_same)| {
        let last = page(r#""_links": {}"#, &people(second));
        let members = if *is_same { 1 } else { 2 };
        check(&[linked(first), last], &Ok(members));
    });
    // What changes is what the first page said.
    let server = in_turn(["token=t state=invited", "token=t"].map(linked));
    let rows = client(&server).memberships("acme").unwrap();
    assert_eq!((rows.len(), rows[0].state.as_str()), (1, "invited"));
}

#[test]
fn what_is_not_a_text_identifies_nobody() {
    let cases = [
        "token:7",
        "token:[1e999]",
        "token:{}",
        "username:false",
        "email:7",
        "link:7",
        "link:null",
        "_links:[]",
        "_links:{\"self\":\"/1\"}",
    ];
    each(cases, |row| {
        // Other rows on the second page, and the very same page.
        for (second, members) in [("a=1", 4), ("a=0", 2)] {
            let pages = ["a=0", second].map(|odd| linked(&format!("{row} {odd} / {row}")));
            let server = in_turn([&pages[..], &pages[1..]].concat());
            let counts = client(&server).membership_counts("acme").unwrap();
            assert_eq!(counts.total, members);
        }
    });
}

#[test]
fn a_member_is_listed_once() {
    let tokens = "token=1 / token=2 / token=3";
    let links = "link=/1 / link=/2 / link=/3";
    let nobody = "name=A / name=A";
    let cases = [
        (vec![tokens, tokens], 3),
        (vec![tokens, "token=3 / token=2 / token=1"], 3),
        (vec![tokens, "token=1 / token=2 state=banned"], 3),
        (vec![tokens, "token=0 / token=1 / token=2", tokens], 4),
        (vec![links, "link=/3 state=banned / link=/1"], 3),
        (vec!["username=1 / username=2", "username=2"], 2),
        // Within a page rows stay as they come.
        (vec!["token=1 / token=1", "token=1"], 2),
        (vec!["token=1", "token=2 / token=2", "token=2"], 3),
        // A row without identity changes nothing for the others, and is not lost.
        (vec![nobody, nobody], 2),
        (vec![nobody, "name=B / name=A", "name=A", nobody], 5),
        (
            vec!["token=1 / name=A", "token=1 state=x / name=A", "token=1"],
            3,
        ),
        (vec!["token=1 / email=a", "token=1 state=x / email=a"], 2),
        (vec!["token=1 / email=a", "token=2 / email=a", "token=2"], 3),
    ];
    each(cases, |(pages, members)| {
        let pages: Vec<Reply> = pages.iter().map(|rows| linked(rows)).collect();
        check(&pages, &Ok(*members));
    });
}

#[test]
fn a_listing_that_comes_twice_is_one_listing() {
    // An array of 30 rows, without a sign: a row for each number, and the last ones.
    let thirty = |row: &str, last: &str| {
        let others = 30 - last.split(" / ").count();
        let others = (0..others).map(|n| row.replace('#', &n.to_string()) + " / ");
        array(&people(&(others.collect::<String>() + last)))
    };
    let invited = "username=invited link=/api/acme email=#";
    let cases = [
        ("token=#", "token=a state=invited"),
        ("link=/#", "link=/a state=invited"),
        ("token=#", "email=a"),
        (invited, "email=a"),
    ];
    each(cases, |(row, last)| {
        let pages = [*last, last.trim_end_matches(" state=invited")];
        check(&pages.map(|last| thirty(row, last)), &Ok(30));
    });
    // Two invitees with the same name and the same link, but not the same address.
    let [first, second] = ["1", "2"].map(|email| invited.replace('#', email));
    let pages = [thirty("token=#", &first), array(&people(&second))];
    check(&pages, &Ok(31));
    // What nobody reads cannot change who is who.
    let odd = [
        r#"title:"\ud83d""#,
        "title:1e999",
        &format!("title:{}", "9".repeat(400)),
        &format!("title:{}{}", "[".repeat(100), "]".repeat(100)),
        r#"_links:{"user":{"href":"\ud83d"}}"#,
        r#"_links:{"member":{"href":"\ud83d"}}"#,
    ];
    each(odd, |odd| {
        let last = ["token=a state=invited", "token=a"];
        let last = last.map(|last| format!("{last} / token=b {odd}"));
        check(&last.map(|last| thirty("token=#", &last)), &Ok(30));
    });
}

#[test]
fn counting_looks_at_state_alone() {
    let deep = format!("x:{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_link = format!("_links:{}{}", "[".repeat(200), "]".repeat(200));
    // What `memberships()` makes of it does not matter, unless it can do without the field, too.
    let fields = [
        ("member_username:7", false),
        ("username:[]", false),
        ("username=1 username=2", false),
        ("token:{}", false),
        ("token:1e999", false),
        ("email:1.5", false),
        ("email=a email=b", false),
        (r#"email:"\ud83d""#, false),
        ("name:false", false),
        (r#"name:"\ud800""#, false),
        ("name:1e400", false),
        ("admin=yes", false),
        ("invited:1", false),
        ("managed_by_scim=no", false),
        ("activated_at:0", false),
        ("x:1e400", true),
        (r#"x:"\ud800""#, true),
        ("x:1 x:2", true),
        (&deep, true),
        (r#"link:"\ud83d""#, true),
        ("link=/1 _links:1e999", true),
        (r#"_links:{"user":{"href":"\ud83d"}}"#, true),
        (&deep_link, true),
    ];
    each(fields, |(field, is_listed)| {
        let [one, two] = ["1", "2"].map(|name| linked(&format!("{field} y={name} / {field}")));
        let last = page(r#""_links": {}"#, &people(&format!("{field} / {field}")));
        // One page, two pages, and a page that comes twice.
        let cases = [
            (vec![last.clone()], 2),
            (vec![one.clone(), two, last], 6),
            (vec![one.clone(), one], 2),
        ];
        for (pages, members) in cases {
            let server = in_turn(pages.clone());
            let counts = client(&server).membership_counts("acme").unwrap();
            assert_eq!((counts.total, counts.active), (members, members));
            assert_eq!(server.targets(), targets(FULL, pages.len()));
            if *is_listed {
                check(&pages, &Ok(members));
            } else {
                let server = serving(pages[0].clone());
                let error = client(&server).memberships("acme").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Decode);
            }
        }
    });
}

#[test]
fn an_answer_without_a_listing_is_an_error_and_an_empty_listing_is_nobody() {
    let no_listing = [
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
        r#"{"_embedded": {"memberships": []}, "pagination": []}"#,
        r#"{"_embedded": {"memberships": []}, "pagination": {"total_pages": "2"}}"#,
        r#"{"_embedded": {"memberships": []}, "pagination": {"total_pages": -1}}"#,
        "<!DOCTYPE html><title>Sign in</title>",
        "\u{feff}[]",
        "\u{feff}{\"_embedded\": {\"memberships\": []}}",
    ];
    each(no_listing, |body| {
        let page = Reply::json(200, *body);
        let error = Err("cannot read the response: ".into());
        check(from_ref(&page), &error);
        check(&[page_of("0..2 next"), page], &error);
    });
    let nobody = [
        "[]",
        " \n[ ]\t",
        r#"{"_embedded": {"memberships": []}}"#,
        r#"{"_embedded": {"memberships": []}, "_links": 7}"#,
        r#"{"_embedded": {"memberships": []}, "_links": [{"next_page": {"href": "/x"}}]}"#,
    ];
    each(nobody, |body| check(&[Reply::json(200, *body)], &Ok(0)));
}

#[test]
fn a_decode_error_names_the_page_and_the_row() {
    const OBJECT: &str = "unexpected JSON: expected an object";
    const STATE: &str = "unexpected JSON: expected a string";
    let cases = [
        ("{}", "missing field `state`", "line 2 column 2"),
        (
            r#"{"name": "A"}"#,
            "missing field `state`",
            "line 2 column 13",
        ),
        (r#"{"state": null}"#, STATE, "line 2 column 14"),
        (r#"{"state": 1}"#, STATE, "line 2 column 11"),
        (
            r#"{"state": "a", "state": "b"}"#,
            "unexpected JSON",
            "line 2 column 22",
        ),
        ("null", OBJECT, "line 2 column 5"),
        (r#"["active"]"#, OBJECT, "line 2 column 11"),
    ];
    each(cases, |(row, what, place)| {
        let rows = format!("{},\n{row}", people("token=1"));
        let text = format!("cannot read the response: row 2: {what} at {place} (");
        for bad in [array(&rows), page(r#""_links": {}"#, &rows)] {
            check(from_ref(&bad), &Err(text.clone()));
            check(&[page_of("0..30 next"), bad], &Err(text.clone()));
        }
    });
}

#[test]
fn a_failure_on_any_page_fails_the_call() {
    use ErrorKind::*;
    let cases = [
        (Reply::json(400, ""), BadRequest, 1),
        (Reply::json(401, ""), Unauthorized, 1),
        (Reply::json(403, ""), Forbidden, 1),
        (Reply::json(410, ""), UnexpectedStatus, 1),
        (Reply::json(429, ""), RateLimited, 4),
        (Reply::json(500, ""), Server, 4),
        (Reply::json(501, ""), Server, 1),
        (Reply::json(200, "<html>"), Decode, 1),
        (Reply::json(200, " ".repeat(10_000)), TooLarge, 1),
        (Reply::close(), Transport, 4),
    ];
    each(cases, |(reply, kind, attempts)| {
        for first in ["next: 0..30, 30..60", "count=90 pages=3: 0..30, 30..60"] {
            let calls = [
                |client: &Client| client.memberships("acme").map(drop).unwrap_err(),
                |client: &Client| client.membership_counts("acme").map(drop).unwrap_err(),
            ];
            for call in calls {
                let server = FakeMode::start();
                server.script(FULL, [pages(first), vec![reply.clone()]].concat());
                let client = builder(&server).max_response_bytes(9_999).build();
                let error = call(&client.unwrap());
                assert_eq!((error.kind(), error.attempts()), (*kind, *attempts));
                assert_eq!(server.targets().len(), 2 + *attempts as usize);
                let start = format!("GET {FULL}, page 3: ");
                assert!(error.to_string().starts_with(&start), "{error}");
            }
        }
    });
}

#[test]
fn a_page_that_fails_once_is_asked_again() {
    let [first, second] = ["0..30 count=35", "30..35 count=35"].map(page_of);
    let server = in_turn([first, Reply::reset(), Reply::json(503, ""), second]);
    assert_eq!(client(&server).memberships("acme").unwrap().len(), 35);
    assert_eq!(server.targets().len(), 4);
}

#[test]
fn hundreds_of_pages_are_one_listing() {
    let server = FakeMode::start();
    server.route(FULL, |request| {
        let number = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        let first: usize = 30 * (number - 1);
        page_of(&format!("{first}..{} count=12000 pages=400", first + 30))
    });
    let counts = client(&server).membership_counts("acme").unwrap();
    assert_eq!(counts.active, 12_000);
    assert_eq!((server.targets().len(), server.connections()), (400, 1));
}
