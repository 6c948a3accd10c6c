//! The status table, and the text of errors.

use std::time::Duration;

use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Client, Credentials, Error, ErrorKind};

use crate::{FULL, SECRET, TOKEN, builder, client, each, serving};

fn error_of(reply: Reply) -> Error {
    let server = FakeMode::start();
    server.on("/api/x", reply);
    builder(&server)
        .max_retries(0)
        .build()
        .unwrap()
        .get::<()>("/api/x?q=1")
        .unwrap_err()
}

#[test]
fn each_status_has_its_kind() {
    use ErrorKind::*;
    let retried = [408, 429, 500, 502, 503, 504];
    let table = (201..=999).map(|status| {
        let kind = match status {
            400 => BadRequest,
            401 => Unauthorized,
            403 => Forbidden,
            404 => NotFound,
            429 => RateLimited,
            500..=599 => Server,
            _ => UnexpectedStatus,
        };
        (status, kind)
    });
    let server = FakeMode::start();
    let client = builder(&server).max_retries(0).build().unwrap();
    for (status, kind) in table {
        let framing = if matches!(status, 204 | 304) {
            Framing::None
        } else {
            Framing::Length
        };
        server.on("/api/x", Reply::json(status, "").framing(framing));
        let error = client.get::<()>("/api/x").unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert_eq!(error.is_retryable(), retried.contains(&status), "{status}");
        assert_eq!((error.attempts(), error.retry_after()), (1, None));
    }
}

#[test]
fn the_id_overrides_the_kind_but_not_the_retry() {
    use ErrorKind::*;
    let ids = [
        ("bad_request", BadRequest),
        ("unauthorized", Unauthorized),
        ("forbidden", Forbidden),
        ("not_found", NotFound),
    ];
    for (id, kind) in ids {
        for status in [302, 403, 422, 429, 500] {
            let error = error_of(Reply::error(status, id, "m"));
            assert_eq!(
                (error.kind(), error.status(), error.api_id()),
                (kind, Some(status), Some(id))
            );
            assert_eq!(error.is_retryable(), matches!(status, 429 | 500));
        }
    }
    assert_eq!(error_of(Reply::error(403, "teapot", "m")).kind(), Forbidden);
}

#[test]
fn the_text_says_what_was_asked_what_came_and_what_to_do() {
    const UNDOCUMENTED: &str = "Mode does not document this status: check the base URL";
    const PATH: &str = "check the path; the key may also lack access to it";
    let cases = [
        (
            Reply::error(404, "not_found", "no such place"),
            "404 not_found: no such place",
            PATH,
        ),
        (
            Reply::error(401, "unauthorized", "who?"),
            "401 unauthorized: who?",
            "check the token and the secret",
        ),
        (
            Reply::error(403, "forbidden", "no"),
            "403 forbidden: no",
            "the key lacks permission for this: ask an administrator",
        ),
        (
            Reply::error(400, "param_missing", "what?"),
            "400 param_missing: what?",
            "check the path and its query",
        ),
        (Reply::json(404, "<html>"), "404", PATH),
        (
            Reply::json(500, r#"{"message": "oops"}"#),
            "500: oops",
            "a failure on Mode's side: try later",
        ),
        (
            Reply::json(
                422,
                r#"{"id": "invalid", "message": {"name": ["is taken", "is short"], "x": 1}}"#,
            ),
            "422 invalid: name: is taken, is short; x: 1",
            UNDOCUMENTED,
        ),
        (
            Reply::json(
                409,
                r#"{"message": {"a": -1, "b": 1.5, "c": true, "d": null, "e": [1, [], {}]}}"#,
            ),
            "409: a: -1; b: 1.5; c: true; d: ; e: 1, , ",
            UNDOCUMENTED,
        ),
        (
            Reply::json(418, r#"{"id": 7, "message": null}"#),
            "418 7",
            UNDOCUMENTED,
        ),
        (
            Reply::json(429, "").header("Retry-After", "17"),
            "429",
            "wait 17 s",
        ),
        (
            Reply::json(429, ""),
            "429",
            "slow down: Mode allows about 40 requests in 10 seconds",
        ),
        // Only a redirect has a place that it leads to.
        (
            Reply::json(201, "").header("Location", "/secret-place"),
            "201",
            UNDOCUMENTED,
        ),
        (Reply::json(302, ""), "302", UNDOCUMENTED),
    ];
    each(cases, |(reply, text, advice)| {
        let error = error_of(reply.clone());
        assert_eq!(error.to_string(), format!("GET /api/x: {text} ({advice})"));
        assert_eq!(format!("{error:?}"), error.to_string());
    });
}

#[test]
fn an_error_body_never_hides_the_status() {
    let json = r#"{"id": "forbidden", "message": "no"}"#;
    let endless = Reply::bytes(403, "text/html", "x".repeat(1000)).endless();
    for reply in [
        Reply::bytes(403, "text/html", "<h1>Forbidden</h1>"),
        Reply::bytes(403, "text/html", ""),
        Reply::bytes(403, "application/json", vec![0xff; 100]),
        Reply::bytes(403, "application/json", "not gzip").header("Content-Encoding", "gzip"),
        Reply::bytes(403, "application/json", json).header("Content-Encoding", "br"),
        Reply::json(403, json).framing(Framing::LyingLength(10_000)),
        Reply::json(403, json).framing(Framing::CutChunk),
        Reply::bytes(403, "text/html", vec![b' '; 10_000_000]),
        endless.clone().framing(Framing::Chunked),
        endless.clone().framing(Framing::UntilClose),
        endless.framing(Framing::LyingLength(u64::MAX)),
        Reply::json(403, format!(r#"{{"message": {}}}"#, "[".repeat(20_000))),
    ] {
        let server = serving(reply);
        let error = client(&server).memberships("acme").unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Forbidden, Some(403))
        );
        assert_eq!(server.targets(), [FULL]);
    }
}

#[test]
fn the_message_is_blanked_then_cut_then_escaped() {
    let message = |text: &str| {
        let error = error_of(Reply::error(400, text, text));
        assert_eq!(error.api_id(), error.api_message());
        error.api_message().unwrap().to_owned()
    };
    assert_eq!(
        message("caf\u{e9} \u{1f600} it's \"so\" \\"),
        "caf\u{e9} \u{1f600} it's \"so\" \\"
    );
    assert_eq!(
        message("\u{1b}[2J\u{202e}evil\u{200b}\r\n\u{9b}"),
        "\\u{1b}[2J\\u{202e}evil\\u{200b}\\u{d}\\u{a}\\u{9b}"
    );
    assert_eq!(message(&"\u{e9}".repeat(301)), "\u{e9}".repeat(300));
    assert_eq!(
        message(&format!("{}{SECRET}", "x".repeat(290))),
        format!("{}[redacted]", "x".repeat(290))
    );
    assert_eq!(
        message(&format!("{}{SECRET}y", "x".repeat(299))),
        format!("{}[", "x".repeat(299))
    );
    assert_eq!(message(&format!("{TOKEN}:{SECRET}")), "[redacted]");
    assert_eq!(
        message(&format!("{TOKEN}{TOKEN} {SECRET}x")),
        "[redacted] [redacted]x"
    );
}

#[test]
fn all_of_the_credentials_is_blanked_and_nothing_else() {
    let server = serving(Reply::error(400, "bad_request", "a b ab abc abcd"));
    // Places that overlap are blanked whole, and no blank completes a secret.
    server.on("/api/overlap", Reply::error(400, "x", "abcdefg aaaa xaby"));
    for (token, secret, message) in [
        ("abcd", "cdef", "[redacted]g aaaa xaby"),
        ("aaa", "xyz", "abcdefg [redacted] xaby"),
        ("xab", "***y", "abcdefg aaaa [redacted]y"),
    ] {
        let client = Client::builder(Credentials::new(token, secret).unwrap())
            .base_url(server.origin())
            .build()
            .unwrap();
        assert_eq!(
            client.get::<()>("/api/overlap").unwrap_err().api_message(),
            Some(message)
        );
    }
    for (token, secret, message) in [
        ("a", "b", "a b ab abc abcd"),
        ("ab", "ab", "a b ab abc abcd"),
        ("abc", "b", "a b ab [redacted] [redacted]d"),
    ] {
        let client = Client::builder(Credentials::new(token, secret).unwrap())
            .base_url(server.origin())
            .build()
            .unwrap();
        let error = client.memberships("acme").unwrap_err();
        assert_eq!(error.api_message(), Some(message));
        assert!(
            error
                .to_string()
                .starts_with("GET /api/acme/memberships: 400 ")
        );
    }
}

#[test]
fn a_decode_error_has_a_position_and_only_our_words() {
    const OTHER: &str = "Mode documents another response: check the base URL";
    const PAGE: &str = "a sign-in page or something else in between answers: check the base URL";
    let cases = [
        (
            "[{\"state\": \"active\"},\n {\"name\": \"x\"}]",
            "missing field `state` at line 2 column 14, in row 2",
            OTHER,
        ),
        (
            r#"{"_embedded": {}}"#,
            "missing field `memberships` at line 1 column 16",
            OTHER,
        ),
        ("{}", "missing field `_embedded` at line 1 column 2", OTHER),
        (
            r#"[{"state": "active", "admin": "ada@example.com"}]"#,
            "unexpected JSON: expected a boolean at line 1 column 47, in row 1",
            OTHER,
        ),
        (
            r#"[{"state": "active"}, {"state": 7}]"#,
            "unexpected JSON: expected a string at line 1 column 33, in row 2",
            OTHER,
        ),
        (
            r#"{"_embedded": {"memberships": [[]]}}"#,
            "unexpected JSON: expected an object at line 1 column 31, in row 1",
            OTHER,
        ),
        (
            r#"{"_embedded": 7}"#,
            "unexpected JSON: expected an object with `memberships` at line 1 column 15",
            OTHER,
        ),
        (
            r#"[{"state": "active""#,
            "JSON that ends too early at line 1 column 19, in row 1",
            OTHER,
        ),
        ("ada@example.com", "not JSON at line 1 column 1", OTHER),
        (
            "<html>ada@example.com",
            "it is an HTML page, not JSON",
            PAGE,
        ),
        (
            "\u{feff} \r\n<!DOCTYPE html>ada@example.com",
            "it is an HTML page, not JSON",
            PAGE,
        ),
    ];
    each(cases, |(body, text, advice)| {
        let error = client(&serving(Reply::json(200, *body)))
            .memberships("acme")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("GET {FULL}: cannot read the response: {text} ({advice})")
        );
        assert!(std::error::Error::source(&error).is_none());
        assert_eq!(
            (error.kind(), error.status(), error.attempts()),
            (ErrorKind::Decode, None, 1)
        );
    });
}

#[test]
fn credentials_that_cannot_be_are_refused_with_the_reason() {
    for (token, secret, text) in [
        ("", "s", "the token is empty"),
        ("t", "", "the secret is empty"),
        ("t\n", "s", "the token ends with a newline: trim it"),
        ("t", "s\r\n", "the secret ends with a newline: trim it"),
        ("t\0", "s", "the token contains a control character"),
        ("t", "s\u{85}x", "the secret contains a control character"),
        ("t:u", "s", "the token must not contain `:`"),
    ] {
        let error = Credentials::new(token, secret).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::InvalidInput, text.to_owned())
        );
        assert_eq!(error.attempts(), 0);
    }
    Credentials::new("t \u{e9}", "s: s").unwrap();
}

#[test]
fn credentials_come_from_the_environment() {
    let name = "errors::credentials_come_from_the_environment";
    for (token, secret, expected) in [
        (
            "",
            "",
            "missing credentials: set MODE_API_TOKEN and MODE_API_SECRET",
        ),
        ("t", "", "missing credentials: set MODE_API_SECRET"),
        ("", "s", "missing credentials: set MODE_API_TOKEN"),
        (
            "t",
            "s\n",
            "the secret ends with a newline: trim it (correct MODE_API_SECRET)",
        ),
        (
            "t:u",
            "s",
            "the token must not contain `:` (correct MODE_API_TOKEN)",
        ),
        ("t", "s", ""),
    ] {
        let variables = [
            ("MODE_API_TOKEN", token),
            ("MODE_API_SECRET", secret),
            ("EXPECTED", expected),
        ];
        if crate::in_own_process(name, &variables) {
            let text =
                Credentials::from_env().map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(text, std::env::var("EXPECTED").unwrap());
            return;
        }
    }
}

#[test]
fn a_hint_to_wait_is_kept_with_any_error_status() {
    let error = error_of(Reply::json(403, "").header("Retry-After", "3"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
}
