//! Retries as the server sees them. The length of a wait is tested beside the code that computes it, without waiting.

use std::time::{Duration, Instant, SystemTime};

use fake_mode::{Framing, Reply};
use mode_analytics::ErrorKind;

use crate::{FULL, LITE, builder, client, each, serving};

/// The result of one call to a server that sends these replies, and how many requests it took.
fn requests_after(replies: impl IntoIterator<Item = Reply>) -> (Result<usize, ErrorKind>, usize) {
    let server = serving(Reply::close());
    server.script(FULL, replies);
    let result = client(&server)
        .memberships("acme")
        .map(|rows| rows.len())
        .map_err(|error| error.kind());
    (
        result,
        server
            .targets()
            .iter()
            .filter(|target| *target == FULL)
            .count(),
    )
}

#[test]
fn a_fault_that_passes_is_retried() {
    // Cloudflare has statuses of its own, from 520 to 530.
    each([408, 429, 500, 502, 503, 504, 520, 530, 599], |&status| {
        let fault = Reply::json(status, "");
        let replies = [fault.clone(), fault, Reply::json(200, "[]")];
        assert_eq!(requests_after(replies), (Ok(0), 3));
    });
}

#[test]
fn a_fault_that_lasts_is_given_up_after_four_requests() {
    let cases = [
        (408, ErrorKind::UnexpectedStatus),
        (500, ErrorKind::Server),
        (503, ErrorKind::Server),
    ];
    each(cases, |&(status, kind)| {
        assert_eq!(requests_after([Reply::json(status, "")]), (Err(kind), 4));
    });
}

#[test]
fn other_statuses_are_not_retried() {
    use ErrorKind::*;
    let cases = [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, UnexpectedStatus),
        (418, UnexpectedStatus),
        (422, UnexpectedStatus),
        (204, UnexpectedStatus),
        (206, UnexpectedStatus),
        (304, UnexpectedStatus),
        (999, UnexpectedStatus),
        (501, Server),
        (505, Server),
        (511, Server),
    ];
    each(cases, |&(status, kind)| {
        let framing = match status {
            204 | 304 => Framing::None,
            _ => Framing::Length,
        };
        let reply = Reply::json(status, "").framing(framing);
        assert_eq!(requests_after([reply]), (Err(kind), 1));
    });
    let server = serving(Reply::json(404, ""));
    client(&server).memberships("acme").unwrap_err();
    assert_eq!(server.targets(), [FULL, LITE]);
}

#[test]
fn zero_retries_mean_one_request() {
    let server = serving(Reply::json(503, ""));
    let error = builder(&server)
        .max_retries(0)
        .build()
        .unwrap()
        .memberships("acme")
        .unwrap_err();
    assert_eq!((error.attempts(), server.targets().len()), (1, 1));
}

#[test]
fn attempts_count_only_the_request_that_failed() {
    let server = serving(Reply::close());
    server.script(FULL, [Reply::json(503, ""), Reply::json(404, "")]);
    server.script(
        LITE,
        [
            Reply::json(503, ""),
            Reply::json(503, ""),
            Reply::json(200, "<html>"),
        ],
    );
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 3));
}

/// Sends these `Retry-After` headers to a client that waits at most 999 ms and retries once. Returns what the error
/// says about them, and how many requests there were: one if the error came back at once.
fn hinted(values: &[&str]) -> (Option<Duration>, usize) {
    let server = serving(Reply::close());
    let fault = values.iter().fold(Reply::json(503, ""), |reply, value| {
        reply.header("Retry-After", value)
    });
    server.script(FULL, [fault.clone(), fault, Reply::json(200, "[]")]);
    let client = builder(&server)
        .max_retry_delay(Duration::from_millis(999))
        .max_retries(1)
        .build()
        .unwrap();
    let error = client.memberships("acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    (error.retry_after(), server.targets().len())
}

#[test]
fn a_hint_is_obeyed_or_comes_back_at_once() {
    let start = Instant::now();
    let too_large = "9".repeat(20);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let cases: [(&[&str], _, usize); 16] = [
        (&["1"], seconds(1), 1),
        (&[" 1 "], seconds(1), 1),
        (&["01"], seconds(1), 1),
        (&[&too_large], seconds(31_536_000), 1),
        (&["7", "0"], seconds(7), 1),
        (&["0", "7"], None, 2),
        (&["0"], None, 2),
        (&["Sun, 06 Nov 1994 08:49:37 GMT"], None, 2),
        (&["-1"], None, 2),
        (&["+1"], None, 2),
        (&["1.5"], None, 2),
        (&[""], None, 2),
        (&["soon"], None, 2),
        (&["1s"], None, 2),
        (&["\u{663}"], None, 2),
        (&["1, 2"], None, 2),
    ];
    each(cases, |&(values, wait, requests)| {
        assert_eq!(hinted(values), (wait, requests));
    });

    let (wait, requests) = hinted(&["Fri, 31 Dec 9999 23:59:59 GMT"]);
    assert!(wait > seconds(1_000_000) && requests == 1, "{wait:?}");
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    let (wait, requests) = hinted(&[&soon]);
    assert!(
        matches!(wait.map(|wait| wait.as_secs()), Some(55..=60)) && requests == 1,
        "{wait:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_hint_beyond_the_timeout_comes_back_at_once() {
    let server = serving(Reply::json(429, "").header("Retry-After", "10"));
    let client = builder(&server)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let start = Instant::now();
    let error = client.memberships("acme").unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::RateLimited, Some(Duration::from_secs(10)))
    );
    assert!(server.targets().len() == 1 && start.elapsed() < Duration::from_secs(2));
}

#[test]
fn time_spent_in_on_retry_counts() {
    let server = serving(Reply::json(503, "").header("Retry-After", "1"));
    let slow = |_: &mode_analytics::Retry<'_>| std::thread::sleep(Duration::from_millis(800));
    let client = builder(&server)
        .timeout(Duration::from_millis(1500))
        .on_retry(slow)
        .build()
        .unwrap();
    let start = Instant::now();
    let error = client.memberships("acme").unwrap_err();
    assert_eq!(
        (error.status(), error.retry_after()),
        (Some(503), Some(Duration::from_secs(1)))
    );
    assert!(server.targets().len() == 1 && start.elapsed() < Duration::from_millis(1500));
}
