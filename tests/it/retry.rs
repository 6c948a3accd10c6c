//! Retries as the server sees them. Delays are tested where they are computed, without waiting.

use std::time::{Duration, Instant, SystemTime};

use fake_mode::{Framing, Reply};
use mode_analytics::ErrorKind;

use crate::{FULL, LITE, builder, client, serving};

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
fn passing_faults_are_made_good() {
    for status in [408, 500, 502, 503, 504] {
        let fault = || Reply::json(status, "");
        assert_eq!(
            requests_after([fault(), fault(), Reply::json(200, "[]")]),
            (Ok(0), 3)
        );
    }
    assert_eq!(
        requests_after([Reply::json(429, ""), Reply::json(200, "[]")]),
        (Ok(0), 2)
    );
}

#[test]
fn lasting_ones_are_given_up_after_four_requests() {
    for (status, kind) in [
        (408, ErrorKind::UnexpectedStatus),
        (500, ErrorKind::Server),
        (503, ErrorKind::Server),
    ] {
        assert_eq!(requests_after([Reply::json(status, "")]), (Err(kind), 4));
    }
}

#[test]
fn other_statuses_are_final() {
    use ErrorKind::*;
    for (status, kind) in [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, UnexpectedStatus),
        (418, UnexpectedStatus),
        (422, UnexpectedStatus),
        (206, UnexpectedStatus),
        (999, UnexpectedStatus),
        (501, Server),
        (505, Server),
        (599, Server),
    ] {
        assert_eq!(
            requests_after([Reply::json(status, "")]),
            (Err(kind), 1),
            "{status}"
        );
    }
    for status in [204, 304] {
        assert_eq!(
            requests_after([Reply::json(status, "").framing(Framing::None)]),
            (Err(UnexpectedStatus), 1)
        );
    }
    let server = serving(Reply::json(404, ""));
    client(&server).memberships("acme").unwrap_err();
    assert_eq!(server.targets(), [FULL, LITE]);
}

#[test]
fn zero_retries_send_once() {
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
fn attempts_are_those_of_the_request_that_failed() {
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

/// Asks once with this hint and a `max_retry_delay` of 999 ms: either it comes back at once or is no obstacle.
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
    for value in ["1", " 1 ", "01"] {
        assert_eq!(
            hinted(&[value]),
            (Some(Duration::from_secs(1)), 1),
            "{value:?}"
        );
    }
    assert_eq!(hinted(&["0"]), (Some(Duration::ZERO), 2));
    for value in ["-1", "+1", "1.5", "", "soon", "1s", "\u{663}", "1, 2"] {
        assert_eq!(hinted(&[value]), (None, 2), "{value:?}");
    }
    assert_eq!(
        hinted(&[&"9".repeat(20)]),
        (Some(Duration::from_secs(u64::MAX)), 1)
    );
    assert_eq!(hinted(&["7", "0"]), (Some(Duration::from_secs(7)), 1));
    assert_eq!(hinted(&["0", "7"]), (Some(Duration::ZERO), 2));
    assert_eq!(
        hinted(&["Sun, 06 Nov 1994 08:49:37 GMT"]),
        (Some(Duration::ZERO), 2)
    );
    let (wait, requests) = hinted(&["Fri, 31 Dec 9999 23:59:59 GMT"]);
    assert_eq!(
        (wait > Some(Duration::from_secs(1_000_000)), requests),
        (true, 1)
    );
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
