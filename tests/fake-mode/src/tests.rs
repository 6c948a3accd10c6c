use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::reply::quoted;
use crate::workspace::Member;
use crate::{FakeMode, Framing, Reply, Shape, Workspace};

fn connect(server: &FakeMode) -> TcpStream {
    let client = TcpStream::connect(server.addr()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
}

fn ask(mut client: &TcpStream, target: &str) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: mode\r\n\r\n");
    client.write_all(head.as_bytes()).unwrap();
}

fn read_until(mut client: &TcpStream, end: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(end.as_bytes()) {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
}

#[test]
fn a_connection_is_kept_and_a_script_goes_in_order() {
    let server = FakeMode::start();
    let first = Reply::json(200, "first");
    let second = Reply::json(200, "second").framing(Framing::Chunked);
    server.script("/api/verify", [first, second, Reply::close()]);

    let mut client = connect(&server);
    ask(&client, "/api/verify?n=1");
    read_until(&client, "\r\n\r\nfirst");
    ask(&client, "/api/verify?n=2");
    read_until(&client, "\r\n\r\n6\r\nsecond\r\n0\r\n\r\n");
    ask(&client, "/api/verify?n=3");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);

    assert_eq!(server.connections(), 1);
    assert_eq!(
        server.targets(),
        ["/api/verify?n=1", "/api/verify?n=2", "/api/verify?n=3"]
    );
    let last = server.requests().pop().unwrap();
    assert_eq!((last.path(), last.query("n")), ("/api/verify", Some("3")));
    assert_eq!((last.header("host"), last.connection), (Some("mode"), 0));
}

#[test]
fn a_reply_is_exactly_these_bytes() {
    const HEAD: &str = "HTTP/1.1 200 \r\nContent-Type: application/hal+json\r\n";
    let json = Reply::json(200, "[1]");
    let framed = |framing| json.clone().framing(framing).then_close();
    let cases = [
        (framed(Framing::Length), "Content-Length: 3\r\n\r\n[1]"),
        (
            framed(Framing::LyingLength(9)),
            "Content-Length: 9\r\n\r\n[1]",
        ),
        (
            framed(Framing::CutChunk),
            "Transfer-Encoding: chunked\r\n\r\n4\r\n[1]",
        ),
        (framed(Framing::UntilClose), "Connection: close\r\n\r\n[1]"),
        (framed(Framing::None).header("A", "b"), "A: b\r\n\r\n"),
        (json.clone().cut(13), "HTTP/1.1 200 "),
        (json.clone().drip(Duration::ZERO).cut(13), "HTTP/1.1 200 "),
        (Reply::raw("ab").endless().cut(5), "ababa"),
        (Reply::close(), ""),
    ];
    // One comparison for all, so that every case that differs is shown.
    let expected = cases
        .each_ref()
        .map(|(_, after_head)| after_head.to_string());
    let sent = cases.map(|(reply, _)| {
        let server = FakeMode::start();
        server.on("/", reply);
        let mut client = connect(&server);
        ask(&client, "/");
        let mut response = String::new();
        client.read_to_string(&mut response).unwrap();
        response.replace(HEAD, "")
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_reset_reaches_the_client_and_its_request_is_recorded() {
    let server = FakeMode::start();
    server.on("/", Reply::reset());
    for _ in 0..100 {
        let mut client = connect(&server);
        ask(&client, "/");
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(server.requests().len(), 100);
}

#[test]
fn dropping_the_server_ends_every_wait() {
    let hour = Duration::from_secs(3600);
    for reply in [
        Reply::silence(),
        Reply::json(200, "").delay(hour),
        Reply::json(200, "").drip(hour),
    ] {
        let server = FakeMode::start();
        server.on("/", reply);
        let mut client = connect(&server);
        ask(&client, "/");
        while server.requests().is_empty() {
            std::thread::yield_now();
        }
        drop(server);
        match client.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn a_row_is_about_as_long_as_a_real_one() {
    for number in (1..=2_000).chain(99_000..=100_000) {
        let length = Member::new(number).hal_row("acme").len();
        assert!((800..=900).contains(&length), "{number}: {length}");
    }
}

#[test]
fn text_is_escaped_for_json() {
    assert_eq!(quoted("a\"b\\c\n\u{e9}"), "\"a\\\"b\\\\c\\u000a\u{e9}\"");
}

#[test]
fn every_listing_has_the_same_members() {
    let workspace = Workspace::new("acme", 8);
    let array = workspace.clone().shape(Shape::Array).memberships_json();
    let states = [("active", 6), ("banned", 1), ("invited", 1)];
    assert_eq!(workspace.states(), states.map(|(s, n)| (s.to_owned(), n)));
    let listings = [
        (workspace.memberships_json(), "member_username"),
        (workspace.lite_json(), "username"),
        (array, "member_username"),
    ];
    // In each listing: how many members are in each state, and how many have no user name.
    let counted = listings.map(|(listing, field)| {
        let in_state = |state| listing.matches(&format!(r#""state":"{state}""#)).count();
        let nameless = listing.matches(&format!(r#""{field}":null"#)).count();
        (states.map(|(state, _)| in_state(state)), nameless)
    });
    assert_eq!(counted, [(states.map(|(_, count)| count), 1); 3]);
}

#[test]
fn only_the_right_authorization_is_let_in() {
    let status = |workspace: Workspace, header: &str| {
        let server = FakeMode::start();
        workspace.serve(&server);
        let mut client = connect(&server);
        let head = format!("GET /api/verify HTTP/1.1\r\n{header}\r\n");
        client.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        client.read_exact(&mut start).unwrap();
        String::from_utf8_lossy(&start[9..]).into_owned()
    };
    let any = Workspace::new("acme", 1);
    let one = any.clone().authorization("Basic right");
    let cases = [
        (&any, "", "401"),
        (&any, "Authorization: Bearer right\r\n", "401"),
        (&any, "Authorization: Basic any\r\n", "200"),
        (&one, "", "401"),
        (&one, "Authorization: Basic wrong\r\n", "401"),
        (&one, "Authorization: Basic right\r\n", "200"),
    ];
    let statuses = cases.map(|(workspace, header, _)| status(workspace.clone(), header));
    assert_eq!(statuses, cases.map(|(_, _, status)| status));
}

#[test]
fn an_observer_sees_every_reply() {
    let server = FakeMode::start();
    Workspace::new("acme", 1).serve(&server);
    let (sender, seen) = std::sync::mpsc::channel();
    server.on_reply(move |request, reply| {
        let _ = sender.send((request.target.clone(), reply.status()));
    });
    server.on("/reset", Reply::close());
    for target in ["/api/acme", "/api/acme/groups?page=2", "/other", "/reset"] {
        let mut client = connect(&server);
        let head = format!(
            "GET {target} HTTP/1.1\r\nAuthorization: Basic any\r\nConnection: close\r\n\r\n"
        );
        client.write_all(head.as_bytes()).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }
    let expected = [
        ("/api/acme", Some(200)),
        ("/api/acme/groups?page=2", Some(200)),
        ("/other", Some(404)),
        ("/reset", None),
    ];
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        expected.map(|(target, status)| (target.to_owned(), status))
    );
}
