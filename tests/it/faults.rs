//! What a connection, a server or a body can do wrong: the kind of the error, how many requests it
//! took, and how long.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Client, ClientBuilder, Error, ErrorKind};

use crate::{FULL, LITE, builder, builder_at, client, each, failing, rows, serving};

const GOOD: &str = r#"[{"member_username": "ada", "state": "active"}]"#;

fn good() -> Reply {
    Reply::json(200, GOOD)
}

fn broken_connections() -> [Reply; 12] {
    let lying = |length| good().framing(Framing::LyingLength(length));
    [
        Reply::close(),
        Reply::reset(),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Len"),
        lying(1000),
        lying(u64::MAX),
        good().framing(Framing::CutChunk),
        // Amid a chunk's size, before a chunk, behind a chunk, amid the last chunk.
        chunked("1a"),
        chunked("1a\r"),
        chunked("2\r\n[]\r"),
        chunked("2\r\n[]\r\n0"),
        // Amid the header, amid the body.
        good().cut(20),
        good().cut(good_length() - 5),
    ]
}

fn chunked(body: &str) -> Reply {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    Reply::raw([head, body].concat())
}

/// How long `GOOD` is on the wire.
fn good_length() -> usize {
    let server = serving(good());
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    let request = format!("GET {FULL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap()
}

/// The error that this reply leads to after so many requests.
fn failing_after(requests: usize, kind: ErrorKind, reply: &Reply) -> Error {
    let server = serving(reply.clone());
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(
        (error.kind(), server.targets().len()),
        (kind, requests),
        "{error}"
    );
    assert_eq!(
        (error.attempts() as usize, error.status()),
        (requests, None)
    );
    error
}

fn assert_one_row(client: &Client) {
    assert_eq!(client.memberships("acme").unwrap().len(), 1);
}

#[test]
fn broken_connections_are_tried_four_times() {
    each(broken_connections(), |reply| {
        let error = failing_after(4, ErrorKind::Transport, reply);
        let is_told = error.to_string().contains(": lost the connection (");
        assert!(error.is_retryable() && is_told, "{error}");
    });
}

#[test]
fn a_refused_port_is_tried_four_times() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = builder_at(format!("http://{address}")).build().unwrap();
    let error = client.verify().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 4));
    // Loopback is not told about proxies.
    let text = "GET /api/verify: cannot connect";
    let advice = " (check the base URL, and that a server runs there)";
    assert_eq!(error.to_string(), format!("{text}{advice}"));
    // The cause is in the system's own words, which are others on Windows.
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{text}{advice}: {refused}"));
}

#[test]
fn what_breaks_once_is_made_good() {
    each(broken_connections(), |reply| {
        let server = serving(good());
        server.script(FULL, [reply.clone(), good()]);
        assert_one_row(&client(&server));
        assert_eq!(server.targets().len(), 2);
    });
}

#[test]
fn a_pooled_connection_that_dies_is_replaced() {
    each([Reply::close(), Reply::reset()], |second| {
        let server = serving(good());
        server.script(FULL, [good(), second.clone(), good()]);
        let client = client(&server);
        (0..2).for_each(|_| assert_one_row(&client));
        assert_eq!((server.targets().len(), server.connections()), (3, 2));
    });
    // Closed while idle.
    let server = serving(good().then_close());
    let client = client(&server);
    (0..3).for_each(|_| assert_one_row(&client));
}

#[test]
fn what_is_no_http_is_not_tried_again() {
    let many_headers = (0..500).fold(good(), |reply, n| reply.header(&format!("X-{n}"), "x"));
    let cases = [
        Reply::raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        Reply::raw(vec![0xff; 500]),
        good().header("X-Large", &"x".repeat(70_000)),
        many_headers,
        // Two different lengths.
        good().header("Content-Length", "7"),
        // The size of a chunk is not a number.
        chunked("xyz\r\n"),
    ];
    each(cases, |reply| {
        let error = failing_after(1, ErrorKind::Transport, reply);
        assert!(!error.is_retryable());
    });
}

#[cfg(feature = "rustls")]
#[test]
fn a_name_that_does_not_resolve_is_named_and_tried_again() {
    let name = "faults::a_name_that_does_not_resolve_is_named_and_tried_again";
    if crate::in_own_process(name, &[]) {
        let client = builder_at("https://no-such-host.invalid".into()).build();
        let error = client.unwrap().verify().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 4));
        assert!(error.is_retryable());
        let text = "GET /api/verify: cannot look up no-such-host.invalid (check the network, the \
            base URL and the proxy variables)";
        assert_eq!(error.to_string(), text);
    }
}

/// The `timeout` of the tests below: long, so that a busy machine does not matter.
const TIMEOUT: Duration = Duration::from_secs(2);
/// 80 % to 120 % of it, in milliseconds.
const IN_TIME: RangeInclusive<u128> = 1600..=2400;

/// Starts a call that must fail at `TIMEOUT`.
fn failing_in_time(server: &FakeMode, builder: ClientBuilder) -> Error {
    let client = builder.timeout(TIMEOUT).build().unwrap();
    let start = Instant::now();
    let error = client.memberships("acme").unwrap_err();
    let took = start.elapsed().as_millis();
    assert!(
        IN_TIME.contains(&took),
        "{took} ms: {error}, {:?}",
        server.targets()
    );
    error
}

#[test]
fn silence_and_dripping_end_at_the_timeout() {
    let drip = Duration::from_millis(5);
    let large = Reply::json(200, format!("[{}]", rows(0..1000)));
    let dripping_body = large.clone().drip_body(drip);
    let cases = [
        Reply::silence(),
        large.drip(drip),
        dripping_body.clone(),
        dripping_body.framing(Framing::Chunked),
    ];
    thread::scope(|scope| {
        for reply in &cases {
            for attempt_timeout in [30_000, 800].map(Duration::from_millis) {
                scope.spawn(move || {
                    let server = serving(reply.clone());
                    let builder = builder(&server).attempt_timeout(attempt_timeout);
                    let error = failing_in_time(&server, builder);
                    assert_eq!(error.kind(), ErrorKind::Timeout, "{reply:.200?}: {error}");
                    assert!(server.targets().len() <= 4 && error.is_retryable());
                });
            }
        }
    });
}

/// The origin of a server that sends these bytes to everybody and then nothing more.
fn stalling(bytes: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes.as_bytes());
            open.push(stream);
        }
    });
    origin
}

/// An error that is reported in time. By the contract that is 3 s; the rest is for a busy machine.
const AT_ONCE: u128 = 6_000;

#[test]
fn an_error_whose_body_stalls_or_drips_is_told_at_once() {
    const JSON: &str = r#"{"id": "unauthorized", "message": "who?"}"#;
    let headers = [
        "Content-Length: 1000",
        "Transfer-Encoding: chunked",
        "Connection: close",
    ];
    let times = [
        (60_000, 30_000, AT_ONCE),
        (600, 30_000, 1_800),
        (60_000, 600, 1_800),
    ];
    let framings = [Framing::Length, Framing::Chunked, Framing::UntilClose];
    // In parallel, since each takes its time.
    thread::scope(|scope| {
        scope.spawn(|| {
            let server = serving(good());
            let stalls = Reply::json(503, "x").framing(Framing::LyingLength(9));
            let stalls = stalls.drip_body(Duration::from_secs(3_600));
            server.script(FULL, [stalls, good()]);
            assert_one_row(&client(&server));
            assert_eq!(server.targets().len(), 2);
        });
        for framing in framings {
            scope.spawn(move || {
                let reply = Reply::json(401, JSON).framing(framing);
                let server = serving(reply.drip_body(Duration::from_millis(300)));
                let error = failing_within(AT_ONCE, &client(&server));
                assert_eq!((error.status(), error.attempts()), (Some(401), 1));
                assert_eq!(error.api_message(), None);
            });
        }
        for header in headers {
            for body in ["", &JSON[..20], JSON, "who"] {
                let body = match (header.contains("chunked"), body.len()) {
                    (true, 1..) => format!("{:x}\r\n{body}\r\n", body.len()),
                    _ => body.to_owned(),
                };
                let response = format!("HTTP/1.1 401 x\r\n{header}\r\n\r\n{body}");
                for (timeout, attempt_timeout, limit) in times {
                    let client = builder_at(stalling(response.clone()))
                        .timeout(Duration::from_millis(timeout))
                        .attempt_timeout(Duration::from_millis(attempt_timeout));
                    scope.spawn(move || {
                        let error = failing_within(limit, &client.build().unwrap());
                        assert_eq!(error.kind(), ErrorKind::Unauthorized);
                        assert_eq!((error.status(), error.attempts()), (Some(401), 1));
                    });
                }
            }
        }
    });
}

/// The error of a listing that must come before so many milliseconds are over.
fn failing_within(limit: u128, client: &Client) -> Error {
    let start = Instant::now();
    let error = client.memberships("acme").unwrap_err();
    let took = start.elapsed().as_millis();
    assert!(took < limit, "{took} ms, {error}");
    error
}

#[test]
fn the_timeout_covers_pages_waits_and_fallbacks_together() {
    let slow = Duration::from_millis(300);
    let endless = FakeMode::start();
    endless.route(FULL, move |request| {
        let page = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        Reply::json(200, linked(&rows(page..page + 1))).delay(slow)
    });
    let fallback = serving(Reply::error(404, "not_found", "").delay(slow));
    fallback.on(LITE, Reply::silence());
    let retries = serving(Reply::json(503, "").delay(slow));
    thread::scope(|scope| {
        for server in [&endless, &fallback, &retries] {
            scope.spawn(move || {
                let builder = builder(server).max_retries(u32::MAX);
                let builder = builder.max_retry_delay(Duration::from_millis(1));
                let kind = failing_in_time(server, builder).kind();
                assert!(
                    matches!(kind, ErrorKind::Timeout | ErrorKind::Server),
                    "{kind}"
                );
            });
        }
    });
}

/// A page with a link to the next one.
fn linked(rows: &str) -> String {
    let links = r#""_links": {"next_page": {"href": "/x"}}"#;
    format!(r#"{{{links}, "_embedded": {{"memberships": [{rows}]}}}}"#)
}

#[test]
fn bodies_that_are_no_answer_are_refused_at_once() {
    let encoded = |encoding| good().header("Content-Encoding", encoding);
    let cases = [
        Reply::json(200, &GOOD[..20]).framing(Framing::UntilClose),
        Reply::json(200, ""),
        Reply::json(200, "").framing(Framing::Chunked),
        Reply::json(200, "null"),
        Reply::bytes(200, "text/html", "<!DOCTYPE html>"),
        Reply::bytes(200, "x", b"[{\"state\": \"\xff\"}]"),
        // Not UTF-8 where nobody looks.
        Reply::bytes(200, "x", b"[{\"state\": \"active\", \"x\": \"\xff\"}]"),
        encoded("identity").header("Content-Encoding", "br"),
        encoded("\u{e4}"),
        encoded("br"),
        encoded("GZIP"),
        encoded("gzip, gzip"),
    ];
    each(cases, |reply| {
        failing_after(1, ErrorKind::Decode, reply);
    });
    assert_one_row(&client(&serving(encoded("Identity"))));
}

#[test]
fn the_limit_counts_and_is_inclusive() {
    let size = GOOD.len();
    let limits = [size - 1, size, size + 1, 0, usize::MAX];
    each(
        [Framing::Length, Framing::Chunked, Framing::UntilClose],
        |&framing| {
            let server = serving(good().framing(framing));
            each(limits, |&limit| {
                let client = builder(&server).max_response_bytes(limit).build().unwrap();
                let rows = client.memberships("acme").map(|rows| rows.len());
                let expected = if limit < size {
                    Err(ErrorKind::TooLarge)
                } else {
                    Ok(1)
                };
                assert_eq!(rows.map_err(|error| error.kind()), expected);
            });
            assert_eq!(server.targets().len(), limits.len());
        },
    );
}

/// The limit is what the body takes, to the byte.
fn assert_connection_stays(reply: Reply) {
    let server = serving(reply);
    let builder = builder(&server).max_response_bytes(GOOD.len());
    let client = builder.build().unwrap();
    (0..3).for_each(|_| assert_one_row(&client));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_whole_body_leaves_the_connection_usable() {
    each([Framing::Length, Framing::Chunked], |&framing| {
        assert_connection_stays(good().framing(framing));
    });
}

#[test]
fn an_error_leaves_the_connection_usable() {
    each([Framing::Length, Framing::Chunked], |&framing| {
        let server = serving(Reply::error(403, "forbidden", "no").framing(framing));
        let client = client(&server);
        (0..5).for_each(|_| drop(client.memberships("acme").unwrap_err()));
        assert_eq!((server.targets().len(), server.connections()), (5, 1));
    });
}

#[test]
fn endless_bodies_end_at_the_limit() {
    let lying = Framing::LyingLength(u64::MAX);
    each([Framing::Chunked, Framing::UntilClose, lying], |&framing| {
        let reply = Reply::json(200, " ".repeat(1000)).endless();
        let server = serving(reply.framing(framing));
        let builder = builder(&server).max_response_bytes(1_000_000);
        let error = builder.build().unwrap().memberships("acme").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1));
        let text = "the response is larger than 1000000 bytes (raise `max_response_bytes`)";
        assert_eq!(error.to_string(), format!("GET {FULL}: {text}"));
    });
}

#[cfg(feature = "gzip")]
mod gzip {
    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zipped(body: impl Into<Vec<u8>>) -> Reply {
        Reply::bytes(200, "application/json", body).header("Content-Encoding", "gzip")
    }

    #[test]
    fn gzip_is_read_and_keeps_the_connection() {
        each([Framing::Length, Framing::Chunked], |&framing| {
            assert_connection_stays(zipped(gzip(GOOD.as_bytes())).framing(framing));
        });
    }

    #[test]
    fn broken_gzip_is_no_answer_but_a_broken_connection_is_tried_again() {
        let body = gzip(format!("[{}]", rows(0..1000)).as_bytes());
        let size = body.len();
        let damaged = |at: usize| {
            let mut damaged = body.clone();
            damaged[at] ^= 0xff;
            zipped(damaged)
        };
        let half = || zipped(&body[..size / 2]);
        let broken = [
            damaged(60),
            // The checksum.
            damaged(size - 6),
            half(),
            // The trailer is missing.
            zipped(&body[..size - 8]),
            zipped(GOOD),
            zipped(""),
        ];
        each(broken, |reply| {
            failing_after(1, ErrorKind::Decode, reply);
        });
        let cut = [
            half().framing(Framing::LyingLength(size as u64)),
            half().framing(Framing::CutChunk),
            zipped(&body[..5]).framing(Framing::LyingLength(100)),
        ];
        each(cut, |reply| {
            failing_after(4, ErrorKind::Transport, reply);
        });
        let server = serving(zipped(body.clone()).drip_body(Duration::from_millis(20)));
        let builder = builder(&server).timeout(Duration::from_millis(300));
        let error = builder.build().unwrap().memberships("acme").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}

#[cfg(not(feature = "gzip"))]
#[test]
fn gzip_that_nobody_asked_for_is_no_answer() {
    let zipped = good().header("Content-Encoding", "gzip");
    failing_after(1, ErrorKind::Decode, &zipped);
}

#[test]
fn depth_does_not_overflow_the_stack() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let row = |field: &str| format!(r#"[{{"{field}": {deep}, "state": "active"}}]"#);
    let beside = format!(r#"{{"x": {deep}, "_embedded": {{"memberships": {GOOD}}}}}"#);
    let inside = format!(r#"{{"_embedded": {deep}}}"#);
    let ignored = [row("_links"), beside].map(|body| (body, Ok(1)));
    let read = [row("name"), row("state"), deep.clone(), inside];
    let read = read.map(|body| (body, Err(ErrorKind::Decode)));
    for (body, expected) in ignored.into_iter().chain(read) {
        let server = serving(Reply::json(200, body));
        let client = client(&server);
        let call = move || client.memberships("acme");
        let small_stack = thread::Builder::new().stack_size(256 * 1024);
        let rows = small_stack.spawn(call).unwrap().join().unwrap();
        let result = rows.map(|rows| rows.len()).map_err(|error| error.kind());
        assert_eq!(result, expected);
    }
    let server = FakeMode::start();
    server.on("/api/x", Reply::json(200, deep));
    let error = client(&server)
        .get::<serde_json::Value>("/api/x")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn extreme_settings_work_or_are_refused() {
    const ZERO: Duration = Duration::ZERO;
    const MAX: Duration = Duration::MAX;
    let durations = [ZERO, Duration::from_nanos(1), Duration::from_secs(5), MAX];
    let server = serving(good());
    let mut cases = Vec::new();
    for timeout in durations {
        for attempt in durations {
            for waits in [(ZERO, ZERO), (MAX, ZERO), (ZERO, MAX)] {
                let limits = [(0, 0), (2, usize::MAX), (1, 1)];
                cases.extend(limits.map(|limits| (timeout, attempt, waits, limits)));
            }
        }
    }
    each(
        cases,
        |&(timeout, attempt_timeout, (base, cap), (retries, bytes))| {
            server.script(FULL, [Reply::json(503, ""), good()]);
            let built = builder(&server)
                .timeout(timeout)
                .attempt_timeout(attempt_timeout)
                .retry_base_delay(base)
                .max_retry_delay(cap)
                .max_retries(retries)
                .max_response_bytes(bytes)
                .build();
            let is_refused = timeout.is_zero() || attempt_timeout.is_zero();
            assert_eq!(built.is_err(), is_refused);
            match built {
                Ok(client) => drop(client.memberships("acme")),
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
            }
        },
    );
    let all = builder(&server).timeout(MAX).attempt_timeout(MAX);
    let all = all.max_response_bytes(usize::MAX).max_retries(u32::MAX);
    assert_one_row(&all.build().unwrap());
}

/// JSON in a string in JSON, ten levels of it, each of them nested nearly as deeply as serde_json allows.
/// If another crate has enabled `raw_value`, an object with this key makes `Value` parse the string.
fn marked(key: &str) -> String {
    let (open, close) = ("[".repeat(120), "]".repeat(120));
    (0..10).fold("1".into(), |inner, _| {
        let inner = serde_json::to_string(&inner).unwrap();
        format!(r#"{open}{{"{key}": {inner}}}{close}"#)
    })
}

#[test]
fn the_markers_of_serde_json_are_only_text() {
    let keys = [
        "$serde_json::private::RawValue",
        "\\u0024serde_json::private::RawValue",
        "$\\u0073erde_json::private::RawValue",
        "$serde_json::private::Number",
    ];
    each(keys, |key| {
        let marked = marked(key);
        let body = |field: &str| format!(r#"{{"{field}": {marked}}}"#);
        let error = failing(Reply::json(418, body("message")));
        assert!(error.api_message().is_some());

        let row = |n| format!(r#"{{"state": "active", "n": {n}, "x": {marked}}}"#);
        let page = |n| Reply::json(200, linked(&row(n)));
        let server = serving(page(1));
        server.on("/api/acme/memberships?page=2", page(2));
        server.on("/api/acme/memberships?page=3", page(1));
        let client = client(&server);
        assert_eq!(client.memberships("acme").unwrap().len(), 2);

        server.on("/api/x", Reply::json(200, body("a")));
        let error = client.get::<Vec<u8>>("/api/x").unwrap_err();
        assert!(error.to_string().contains("expected a sequence"), "{error}");

        server.on("/api/account", Reply::json(200, body("id")));
        assert_eq!(client.account().unwrap_err().kind(), ErrorKind::Decode);
        server.on("/api/account", Reply::error(400, "bad_request", "no"));
        server.on("/api/verify", Reply::json(200, body("_links")));
        assert_eq!(client.account().unwrap_err().kind(), ErrorKind::BadRequest);
    });
}
