//! What a connection, a server or a body can do wrong: the kind of the error, how many requests it
//! took, and how long.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use fake_mode::{Framing, Reply};
use mode_analytics::ErrorKind;

use crate::{FULL, builder, builder_at, client, each, rows, serving};

const GOOD: &str = r#"[{"member_username": "ada", "state": "active"}]"#;

fn good() -> Reply {
    Reply::json(200, GOOD)
}

fn broken_connections() -> Vec<(&'static str, Reply)> {
    vec![
        ("close before any byte", Reply::close()),
        ("reset", Reply::reset()),
        (
            "half a header",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Len"),
        ),
        (
            "short Content-Length",
            good().framing(Framing::LyingLength(1000)),
        ),
        ("cut chunk", good().framing(Framing::CutChunk)),
        ("cut amid a chunk's size", chunked("1a")),
        ("cut before a chunk", chunked("1a\r")),
        ("cut behind a chunk", chunked("2\r\n[]\r")),
        ("cut amid the last chunk", chunked("2\r\n[]\r\n0")),
        ("cut amid the header", good().cut(20)),
        ("cut amid the body", good().cut(good_length() - 5)),
        (
            "a length of 2^64-1 that closes",
            good().framing(Framing::LyingLength(u64::MAX)),
        ),
    ]
}

fn chunked(body: &str) -> Reply {
    Reply::raw(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    ))
}

/// How long `GOOD` is on the wire.
fn good_length() -> usize {
    let server = serving(good());
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    write!(
        stream,
        "GET {FULL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap()
}

#[test]
fn broken_connections_are_tried_four_times() {
    each(broken_connections(), |(_, reply)| {
        let server = serving(reply.clone());
        let error = client(&server).memberships("acme").unwrap_err();
        assert_eq!(
            (error.kind(), server.targets().len()),
            (ErrorKind::Transport, 4),
            "{error}"
        );
        assert_eq!(
            (error.attempts(), error.status(), error.is_retryable()),
            (4, None, true)
        );
        assert!(
            error.to_string().contains(": lost the connection ("),
            "{error}"
        );
    });
}

#[test]
fn a_refused_port_is_tried_four_times() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = builder_at(format!("http://{address}"))
        .build()
        .unwrap()
        .verify()
        .unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 4));
    // Loopback is not told about proxies.
    let (text, advice) = (
        "GET /api/verify: cannot connect",
        " (check that a server runs at the base URL)",
    );
    assert_eq!(error.to_string(), format!("{text}{advice}"));
    // The cause is in the system's own words, which are others on Windows.
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{text}: {refused}{advice}"));
}

#[test]
fn what_breaks_once_is_made_good() {
    each(broken_connections(), |(_, reply)| {
        let server = serving(good());
        server.script(FULL, [reply.clone(), good()]);
        assert_eq!(client(&server).memberships("acme").unwrap().len(), 1);
        assert_eq!(server.targets().len(), 2);
    });
}

#[test]
fn a_pooled_connection_that_dies_is_replaced() {
    each([Reply::close(), Reply::reset()], |second| {
        let server = serving(good());
        server.script(FULL, [good(), second.clone(), good()]);
        let client = client(&server);
        client.memberships("acme").unwrap();
        client.memberships("acme").unwrap();
        assert_eq!((server.targets().len(), server.connections()), (3, 2));
    });
    // Closed while idle.
    let server = serving(good().then_close());
    let client = client(&server);
    (0..3).for_each(|_| assert_eq!(client.memberships("acme").unwrap().len(), 1));
}

#[test]
fn what_is_no_http_is_not_tried_again() {
    let cases = [
        ("garbage", Reply::raw("SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        ("binary", Reply::raw(vec![0xff; 500])),
        (
            "header too large",
            good().header("X-Large", &"x".repeat(70_000)),
        ),
        (
            "too many headers",
            (0..500).fold(good(), |reply, n| reply.header(&format!("X-{n}"), "x")),
        ),
        (
            "two different lengths",
            good().header("Content-Length", "7"),
        ),
        (
            "a chunk size that is none",
            Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        ),
    ];
    each(cases, |(_, reply)| {
        let server = serving(reply.clone());
        let error = client(&server).memberships("acme").unwrap_err();
        assert_eq!(
            (error.kind(), server.targets().len()),
            (ErrorKind::Transport, 1),
            "{error}"
        );
        assert!(!error.is_retryable());
    });
}

#[cfg(feature = "rustls")]
#[test]
fn a_name_that_does_not_resolve_is_not_tried_again() {
    if crate::in_own_process(
        "faults::a_name_that_does_not_resolve_is_not_tried_again",
        &[],
    ) {
        let client = builder_at("https://no-such-host.invalid".into())
            .on_retry(|_| panic!("no wait"))
            .build()
            .unwrap();
        let error = client.verify().unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Transport, 1),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.ends_with(" (check the network and the proxy variables)"),
            "{text}"
        );
        assert!(!text.contains("lost the connection"), "{text}");
    }
}

/// The `timeout` of the tests below: long, so that a busy machine does not matter.
const TIMEOUT: Duration = Duration::from_secs(2);
/// 80 % to 120 % of it, in milliseconds.
const IN_TIME: RangeInclusive<u128> = 1600..=2400;

#[test]
fn silence_and_dripping_end_at_the_timeout() {
    let drip = Duration::from_millis(5);
    let large = Reply::json(200, format!("[{}]", rows(0..1000)));
    let cases = [
        ("silence", Reply::silence()),
        ("dripping header", large.clone().drip(drip)),
        ("dripping body", large.clone().drip_body(drip)),
        (
            "dripping chunks",
            large.drip_body(drip).framing(Framing::Chunked),
        ),
    ];
    thread::scope(|scope| {
        for (fault, reply) in &cases {
            for attempt_timeout in [30_000, 800] {
                scope.spawn(move || {
                    let server = serving(reply.clone());
                    let client = builder(&server)
                        .timeout(TIMEOUT)
                        .attempt_timeout(Duration::from_millis(attempt_timeout));
                    let start = Instant::now();
                    let error = client.build().unwrap().memberships("acme").unwrap_err();
                    let took = start.elapsed().as_millis();
                    assert_eq!(error.kind(), ErrorKind::Timeout, "{fault}: {error}");
                    assert!(IN_TIME.contains(&took), "{fault}: {took} ms");
                    assert!(
                        server.targets().len() <= 4 && error.is_retryable(),
                        "{fault}"
                    );
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

/// An error that a server told in time. By the contract that is 3 s; the rest is for a busy machine.
const AT_ONCE: u128 = 6_000;

#[test]
fn an_error_whose_body_stalls_is_told_at_once() {
    const JSON: &str = r#"{"id": "unauthorized", "message": "who?"}"#;
    let half = &JSON[..20];
    let framings = [
        ("Content-Length: 1000\r\n", false),
        ("Transfer-Encoding: chunked\r\n", true),
        ("Connection: close\r\n", false),
    ];
    let bodies = [
        ("", None),
        (half, None),
        (JSON, Some("who?")),
        ("who", None),
    ];
    // A text that stalls may be half a text, so that nothing is asserted about its message.
    let mut cases = Vec::new();
    for (header, is_chunked) in framings {
        for (body, message) in bodies {
            let body = match (is_chunked, body.len()) {
                (true, 1..) => format!("{:x}\r\n{body}\r\n", body.len()),
                _ => body.to_owned(),
            };
            let response = format!("HTTP/1.1 401 x\r\n{header}\r\n{body}");
            for (timeout, attempt_timeout, limit) in [
                (60_000, 30_000, AT_ONCE),
                (600, 30_000, 1_800),
                (60_000, 600, 1_800),
            ] {
                let times = (timeout, attempt_timeout, limit);
                cases.push((stalling(response.clone()), times, message));
            }
        }
    }
    // In parallel, since each takes its time.
    thread::scope(|scope| {
        for (origin, (timeout, attempt_timeout, limit), message) in cases {
            scope.spawn(move || {
                let client = builder_at(origin)
                    .timeout(Duration::from_millis(timeout))
                    .attempt_timeout(Duration::from_millis(attempt_timeout));
                let start = Instant::now();
                let error = client.build().unwrap().memberships("acme").unwrap_err();
                let took = start.elapsed().as_millis();
                assert_eq!(
                    (error.kind(), error.status(), error.attempts()),
                    (ErrorKind::Unauthorized, Some(401), 1)
                );
                assert!(took < limit, "{took} ms, {error}");
                if let Some(message) = message {
                    assert_eq!(error.api_id(), Some("unauthorized"));
                    assert_eq!(error.api_message(), Some(message));
                }
            });
        }
    });
}

#[test]
fn an_error_whose_body_drips_is_told_at_once() {
    let json = r#"{"id": "unauthorized", "message": "who?"}"#;
    let framings = [Framing::Length, Framing::Chunked, Framing::UntilClose];
    thread::scope(|scope| {
        for framing in framings {
            scope.spawn(move || {
                let reply = Reply::json(403, json).framing(framing);
                let server = serving(reply.drip_body(Duration::from_millis(300)));
                let client = builder(&server).build().unwrap();
                let start = Instant::now();
                let error = client.memberships("acme").unwrap_err();
                let took = start.elapsed().as_millis();
                assert!(took < AT_ONCE, "{took} ms, {error}");
                assert_eq!(
                    (error.kind(), error.status(), error.api_message()),
                    (ErrorKind::Forbidden, Some(403), None)
                );
                assert_eq!(server.targets().len(), 1);
            });
        }
    });
}

#[test]
fn a_status_that_is_retried_is_retried_even_if_its_body_stalls() {
    let server = serving(good());
    let stalls = Reply::json(503, "x").framing(Framing::LyingLength(9));
    let stalls = stalls.drip_body(Duration::from_secs(3_600));
    server.script(FULL, [stalls, good()]);
    let client = builder(&server).build().unwrap();
    assert_eq!(client.memberships("acme").unwrap().len(), 1);
    assert_eq!(server.targets().len(), 2);
}

#[test]
fn the_timeout_covers_pages_waits_and_fallbacks_together() {
    let slow = Duration::from_millis(300);
    let endless = serving(Reply::close());
    endless.route(FULL, move |request| {
        let page: usize = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        let links = r#""_links": {"next_page": {"href": "/x"}}"#;
        let body = format!(
            r#"{{{links}, "_embedded": {{"memberships": [{}]}}}}"#,
            rows(page..page + 1)
        );
        Reply::json(200, body).delay(slow)
    });
    let fallback = serving(Reply::error(404, "not_found", "").delay(slow));
    fallback.on(crate::LITE, Reply::silence());
    let retries = serving(Reply::json(503, "").delay(slow));

    thread::scope(|scope| {
        for (server, kind) in [
            (&endless, ErrorKind::Timeout),
            (&fallback, ErrorKind::Timeout),
            (&retries, ErrorKind::Timeout),
        ] {
            scope.spawn(move || {
                let client = builder(server).timeout(TIMEOUT).max_retries(u32::MAX);
                let client = client
                    .max_retry_delay(Duration::from_millis(1))
                    .build()
                    .unwrap();
                let start = Instant::now();
                let error = client.memberships("acme").unwrap_err();
                let took = start.elapsed().as_millis();
                assert!(IN_TIME.contains(&took), "{took} ms: {error}");
                assert!(
                    matches!(error.kind(), k if k == kind || k == ErrorKind::Server),
                    "{error}"
                );
            });
        }
    });
}

#[test]
fn bodies_that_are_no_answer_are_refused_at_once() {
    let cases = [
        (
            "close-delimited, cut short",
            Reply::json(200, &GOOD[..20]).framing(Framing::UntilClose),
        ),
        ("empty", Reply::json(200, "")),
        (
            "empty chunked",
            Reply::json(200, "").framing(Framing::Chunked),
        ),
        ("null", Reply::json(200, "null")),
        ("HTML", Reply::bytes(200, "text/html", "<!DOCTYPE html>")),
        (
            "invalid UTF-8",
            Reply::bytes(200, "application/json", &b"[{\"state\": \"\xff\"}]"[..]),
        ),
        (
            "invalid UTF-8 where nobody looks",
            Reply::bytes(200, "x", &b"[{\"state\": \"active\", \"x\": \"\xff\"}]"[..]),
        ),
        (
            "a second encoding",
            good()
                .header("Content-Encoding", "identity")
                .header("Content-Encoding", "br"),
        ),
        (
            "an encoding that is no text",
            good().header("Content-Encoding", "\u{e4}"),
        ),
        (
            "an encoding unknown to us",
            good().header("Content-Encoding", "br"),
        ),
        (
            "gzip in capitals",
            good().header("Content-Encoding", "GZIP"),
        ),
        (
            "gzip twice",
            good().header("Content-Encoding", "gzip, gzip"),
        ),
    ];
    each(cases, |(_, reply)| {
        let server = serving(reply.clone());
        let error = client(&server).memberships("acme").unwrap_err();
        assert_eq!(
            (error.kind(), server.targets().len()),
            (ErrorKind::Decode, 1),
            "{error}"
        );
    });
    let identity = serving(good().header("Content-Encoding", "Identity"));
    assert_eq!(client(&identity).memberships("acme").unwrap().len(), 1);
}

#[test]
fn the_limit_counts_and_is_inclusive() {
    let size = GOOD.len();
    each(
        [Framing::Length, Framing::Chunked, Framing::UntilClose],
        |&framing| {
            let server = serving(good().framing(framing));
            let limits = [
                (size - 1, false),
                (size, true),
                (size + 1, true),
                (0, false),
                (usize::MAX, true),
            ];
            each(limits, |&(limit, fits)| {
                let client = builder(&server).max_response_bytes(limit).build().unwrap();
                match client.memberships("acme") {
                    Ok(rows) => assert!(fits && rows.len() == 1),
                    Err(error) => assert!(!fits && error.kind() == ErrorKind::TooLarge, "{error}"),
                }
            });
            assert_eq!(server.targets().len(), 5);
        },
    );
}

#[test]
fn a_whole_body_leaves_the_connection_usable() {
    each([Framing::Length, Framing::Chunked], |&framing| {
        let server = serving(good().framing(framing));
        let client = builder(&server)
            .max_response_bytes(GOOD.len())
            .build()
            .unwrap();
        (0..3).for_each(|_| assert_eq!(client.memberships("acme").unwrap().len(), 1));
        assert_eq!(server.connections(), 1);
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
    let endless = || Reply::json(200, " ".repeat(1000)).endless();
    let framings = [
        Framing::Chunked,
        Framing::UntilClose,
        Framing::LyingLength(u64::MAX),
    ];
    each(framings, |&framing| {
        let server = serving(endless().framing(framing));
        let client = builder(&server)
            .max_response_bytes(1_000_000)
            .build()
            .unwrap();
        let error = client.memberships("acme").unwrap_err();
        assert_eq!(
            (error.kind(), server.targets().len()),
            (ErrorKind::TooLarge, 1)
        );
        assert_eq!(
            error.to_string(),
            format!(
                "GET {FULL}: the response is larger than 1000000 bytes (raise `max_response_bytes`)"
            )
        );
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
            let server = serving(zipped(gzip(GOOD.as_bytes())).framing(framing));
            let client = builder(&server)
                .max_response_bytes(GOOD.len())
                .build()
                .unwrap();
            (0..2).for_each(|_| assert_eq!(client.memberships("acme").unwrap().len(), 1));
            assert_eq!(server.connections(), 1);
        });
    }

    #[test]
    fn broken_gzip_is_no_answer_but_a_broken_connection_is_tried_again() {
        let body = gzip(format!("[{}]", rows(0..1000)).as_bytes());
        let mut damaged = body.clone();
        damaged[60] ^= 0xff;
        let mut wrong_sum = body.clone();
        let end = wrong_sum.len() - 6;
        wrong_sum[end] ^= 0xff;
        let cases = [
            ("damaged", zipped(damaged), ErrorKind::Decode, 1),
            ("wrong sum", zipped(wrong_sum), ErrorKind::Decode, 1),
            (
                "truncated",
                zipped(&body[..body.len() / 2]),
                ErrorKind::Decode,
                1,
            ),
            (
                "without a trailer",
                zipped(&body[..body.len() - 8]),
                ErrorKind::Decode,
                1,
            ),
            ("no gzip at all", zipped(GOOD), ErrorKind::Decode, 1),
            ("empty", zipped(""), ErrorKind::Decode, 1),
            (
                "cut short",
                zipped(&body[..body.len() / 2]).framing(Framing::LyingLength(body.len() as u64)),
                ErrorKind::Transport,
                4,
            ),
            (
                "cut chunk",
                zipped(&body[..body.len() / 2]).framing(Framing::CutChunk),
                ErrorKind::Transport,
                4,
            ),
            (
                "cut in its header",
                zipped(&body[..5]).framing(Framing::LyingLength(100)),
                ErrorKind::Transport,
                4,
            ),
        ];
        each(cases, |(_, reply, kind, requests)| {
            let server = serving(reply.clone());
            let error = client(&server).memberships("acme").unwrap_err();
            assert_eq!(
                (error.kind(), server.targets().len()),
                (*kind, *requests),
                "{error}"
            );
        });
        let server = serving(zipped(body).drip_body(Duration::from_millis(20)));
        let client = builder(&server)
            .timeout(Duration::from_millis(300))
            .build()
            .unwrap();
        assert_eq!(
            client.memberships("acme").unwrap_err().kind(),
            ErrorKind::Timeout
        );
    }
}

#[cfg(not(feature = "gzip"))]
#[test]
fn gzip_that_nobody_asked_for_is_no_answer() {
    let server = serving(good().header("Content-Encoding", "gzip"));
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(
        (error.kind(), server.targets().len()),
        (ErrorKind::Decode, 1)
    );
}

#[test]
fn depth_does_not_overflow_the_stack() {
    let deep = "[".repeat(5_000_000) + &"]".repeat(5_000_000);
    let row = |field: &str| format!(r#"[{{"{field}": {deep}, "state": "active"}}]"#);
    let ignored = [
        row("_links"),
        format!(r#"{{"x": {deep}, "_embedded": {{"memberships": {GOOD}}}}}"#),
    ];
    let read = [
        row("name"),
        row("state"),
        deep.clone(),
        format!(r#"{{"_embedded": {deep}}}"#),
    ];
    let cases = ignored
        .iter()
        .map(|body| (body, Some(1)))
        .chain(read.iter().map(|body| (body, None)));
    for (body, expected) in cases {
        let server = serving(Reply::json(200, body));
        let client = client(&server);
        let call = move || {
            client
                .memberships("acme")
                .map(|rows| rows.len())
                .map_err(|error| error.kind())
        };
        let small_stack = thread::Builder::new().stack_size(256 * 1024);
        let result = small_stack.spawn(call).unwrap().join().unwrap();
        assert_eq!(result, expected.ok_or(ErrorKind::Decode));
    }
    let server = serving(Reply::close());
    server.on("/api/x", Reply::json(200, deep));
    assert_eq!(
        client(&server)
            .get::<serde_json::Value>("/api/x")
            .unwrap_err()
            .kind(),
        ErrorKind::Decode
    );
}

#[test]
fn extreme_settings_work_or_are_refused() {
    let durations = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(5),
        Duration::MAX,
    ];
    let server = serving(good());
    for timeout in durations {
        for attempt_timeout in durations {
            for (base, cap) in [
                (Duration::ZERO, Duration::ZERO),
                (Duration::MAX, Duration::ZERO),
                (Duration::ZERO, Duration::MAX),
            ] {
                for (retries, bytes) in [(0, 0), (2, usize::MAX), (1, 1)] {
                    server.script(FULL, [Reply::json(503, ""), good()]);
                    let built = builder(&server)
                        .timeout(timeout)
                        .attempt_timeout(attempt_timeout)
                        .retry_base_delay(base)
                        .max_retry_delay(cap)
                        .max_retries(retries)
                        .max_response_bytes(bytes)
                        .build();
                    match &built {
                        Ok(client) => drop(client.memberships("acme")),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
                    }
                    assert_eq!(
                        built.is_err(),
                        timeout.is_zero() || attempt_timeout.is_zero()
                    );
                }
            }
        }
    }
    let all = builder(&server)
        .timeout(Duration::MAX)
        .attempt_timeout(Duration::MAX)
        .max_response_bytes(usize::MAX);
    assert_eq!(
        all.max_retries(u32::MAX)
            .build()
            .unwrap()
            .memberships("acme")
            .unwrap()
            .len(),
        1
    );
}

/// JSON in a string in JSON, ten levels of it, each of them nested nearly as deeply as serde_json allows.
/// If another crate has switched on `raw_value`, an object with this key makes `Value` parse the string.
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
        let server = serving(Reply::json(418, body("message")));
        let error = client(&server).memberships("acme").unwrap_err();
        assert!(error.api_message().is_some());

        let row = |n| format!(r#"{{"state": "active", "n": {n}, "x": {marked}}}"#);
        let page = |n| {
            let links = r#""_links": {"next_page": {"href": "/x"}}"#;
            let rows = format!(r#"{{"memberships": [{}]}}"#, row(n));
            Reply::json(200, format!(r#"{{"_embedded": {rows}, {links}}}"#))
        };
        let server = serving(page(1));
        server.on("/api/acme/memberships?page=2", page(2));
        server.on("/api/acme/memberships?page=3", page(1));
        assert_eq!(client(&server).memberships("acme").unwrap().len(), 2);

        server.on("/api/x", Reply::json(200, body("a")));
        let error = client(&server).get::<Vec<u8>>("/api/x").unwrap_err();
        assert!(error.to_string().contains("expected a sequence"), "{error}");

        server.on("/api/account", Reply::json(200, body("id")));
        let error = client(&server).account().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        server.on("/api/account", Reply::error(400, "bad_request", "no"));
        server.on("/api/verify", Reply::json(200, body("_links")));
        let error = client(&server).account().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest);
    });
}

#[test]
fn a_message_may_start_with_a_dollar_sign() {
    let server = serving(Reply::json(
        418,
        r#"{"id": "$s", "message": "$ome \"$6\""}"#,
    ));
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(
        (error.api_id(), error.api_message()),
        (Some("$s"), Some("$ome \"$6\""))
    );
}

#[test]
fn a_message_of_fields_is_in_the_order_of_their_names() {
    let body = r#"{"message": {"z": " 1", "a": "\"$2", "b": [true, 1.5, null]}}"#;
    let error = client(&serving(Reply::json(418, body)))
        .memberships("acme")
        .unwrap_err();
    assert_eq!(error.api_message(), Some("a: \"$2; b: true, 1.5, ; z:  1"));
}
