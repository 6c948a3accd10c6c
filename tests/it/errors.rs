//! The status table, and the text of errors.

use std::time::Duration;

use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Client, Credentials, Error, ErrorKind};
use serde::Deserialize;

use crate::{FULL, SECRET, TOKEN, builder, client, each, serving};

fn error_of(reply: Reply) -> Error {
    error_of_type::<()>(reply)
}

fn error_of_type<T: serde::de::DeserializeOwned + std::fmt::Debug>(reply: Reply) -> Error {
    let server = FakeMode::start();
    server.on("/api/x", reply);
    builder(&server)
        .max_retries(0)
        .build()
        .unwrap()
        .get::<T>("/api/x?q=1")
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
            "Mode refuses this request as it is: check what it asks for",
        ),
        (Reply::json(404, "<html>"), "404", PATH),
        (
            Reply::json(500, r#"{"message": "oops"}"#),
            "500: oops",
            "a failure on Mode's side: try again later",
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
    const OTHER: &str = "this is not the response that Mode documents: check the base URL";
    const PAGE: &str = "a sign-in page or something else in between answered: check the base URL";
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
            r#""x""#,
            "unexpected JSON: expected memberships, in an array or in `_embedded.memberships` at \
             line 1 column 3",
            OTHER,
        ),
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
            "unexpected JSON: expected memberships, in an array or in `_embedded.memberships` at \
             line 1 column 15",
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

/// Bytes that are not Unicode arrive as U+FFFD, which no credential contains.
#[test]
fn what_is_not_unicode_is_refused() {
    let error = Credentials::new("t", "s\u{fffd}").unwrap_err();
    let fault = "is not Unicode, or contains U+FFFD";
    assert_eq!(error.to_string(), format!("the secret {fault}"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;

        let variables = [
            ("MODE_API_TOKEN", std::ffi::OsStr::from_bytes(b"t\xff")),
            ("MODE_API_SECRET", std::ffi::OsStr::new("s")),
        ];
        if crate::is_own_process() {
            let error = Credentials::from_env().unwrap_err();
            assert_eq!(error.to_string(), format!("MODE_API_TOKEN {fault}"));
        } else {
            let name = "errors::what_is_not_unicode_is_refused";
            crate::run_in_own_process(name, &variables);
        }
    }
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
        ("t", "s\n", "MODE_API_SECRET ends with a newline: trim it"),
        ("t:u", "s", "MODE_API_TOKEN must not contain `:`"),
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

#[test]
fn each_kind_has_its_name_and_its_advice() {
    use ErrorKind::*;
    let cases = [
        (
            InvalidInput,
            "invalid input (correct the argument or the setting)",
        ),
        (
            MissingCredentials,
            "missing credentials (set MODE_API_TOKEN and MODE_API_SECRET)",
        ),
        (
            Transport,
            "transport (check the network and the proxy variables)",
        ),
        (
            Tls,
            "tls (check the base URL, this machine's clock, and anything in between)",
        ),
        (
            Timeout,
            "timeout (check the network and the base URL, or raise the timeout)",
        ),
        (
            BadRequest,
            "bad request (Mode refuses this request as it is: check what it asks for)",
        ),
        (
            Unauthorized,
            "unauthorized (check the token and the secret)",
        ),
        (
            Forbidden,
            "forbidden (the key lacks permission for this: ask an administrator)",
        ),
        (
            NotFound,
            "not found (check the path; the key may also lack access to it)",
        ),
        (
            RateLimited,
            "rate limited (slow down: Mode allows about 40 requests in 10 seconds)",
        ),
        (Server, "server (a failure on Mode's side: try again later)"),
        (
            UnexpectedStatus,
            "unexpected status (Mode does not document this status: check the base URL)",
        ),
        (TooLarge, "too large (raise `max_response_bytes`)"),
        (
            Decode,
            "decode (this is not the response that Mode documents: check the base URL)",
        ),
    ];
    each(cases, |&(kind, text)| {
        let error = Error::from(kind);
        assert_eq!((error.kind(), error.to_string()), (kind, text.to_owned()));
        assert_eq!(format!("{error:?}"), text);
        assert!(text.starts_with(&format!("{kind} (")));
        assert_eq!((error.status(), error.attempts()), (None, 0));
        assert_eq!((error.api_id(), error.api_message()), (None, None));
        assert_eq!(error.retry_after(), None);
        let is_retryable = matches!(kind, Transport | Timeout | RateLimited | Server);
        assert_eq!(error.is_retryable(), is_retryable);
        assert!(std::error::Error::source(&error).is_none());
    });
    assert_eq!(format!("[{Decode:>8}{Tls:<5}]"), "[  decodetls  ]");
}

#[test]
fn a_redirect_names_the_place_and_nothing_more_of_it() {
    let server = FakeMode::start();
    let (origin, address) = (server.origin(), server.addr());
    let own = format!("another path of {origin}");
    let own_by_name = format!("{origin}/private");
    let relative = format!("//{address}/private");
    let by_token = format!("https://{TOKEN}.example/private");
    let cases = [
        (
            "https://evil.example/private?private",
            "https://evil.example",
        ),
        ("https://evil.example", "https://evil.example"),
        ("https://evil.example/?private=a b", "https://evil.example"),
        ("https://evil.example\\private", "https://evil.example"),
        ("https://evil.example/\u{17c}\u{f3}", "https://evil.example"),
        ("mailto:private@evil.example", "an unreadable address"),
        ("https:evil.example", "an unreadable address"),
        ("/private//private", &own),
        (
            "HTTPS://evil.example:8443/private",
            "https://evil.example:8443",
        ),
        (
            "http://private:private@evil.example/",
            "http://evil.example",
        ),
        ("https://private@evil.example/", "https://evil.example"),
        ("https://[2001:db8::1]:1/private", "https://[2001:db8::1]:1"),
        (&own_by_name, &origin),
        (&by_token, "https://[redacted].example"),
        ("/private", &own),
        ("/private?u=https://evil.example/", &own),
        ("private", &own),
        ("?private", &own),
        // Without a scheme it is that of the request.
        ("//evil.example/private", "http://evil.example"),
        ("//private@evil.example:1/private", "http://evil.example:1"),
        (&relative, &origin),
        ("/a:b", &own),
        ("//evil<example/", "an unreadable address"),
        ("https://", "an unreadable address"),
        ("https:\\\\evil.example", "an unreadable address"),
    ];
    let text_of = |status, location: &str| {
        server.on(
            "/api/x",
            Reply::json(status, "").header("Location", location),
        );
        let error = client(&server).get::<()>("/api/x").unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::UnexpectedStatus, Some(status))
        );
        error.to_string()
    };
    each(cases, |(location, target)| {
        for status in [301, 302, 303, 307, 308] {
            let advice = format!("a redirect to {target} is not followed: check the base URL");
            assert_eq!(
                text_of(status, location),
                format!("GET /api/x: {status} ({advice})")
            );
        }
    });
    let hostile = [
        "https://private:private@",
        "https://private@private@evil.example/private",
        "https:///private",
        "https:\\\\evil.example\\private",
        "javascript:private",
        "https://evil.example\u{202e}/private",
        "https://ev\u{200b}il.example/private",
        "https://evil.example:private/",
        "https://evil.example\tprivate",
        " private",
        "#private",
    ];
    each(hostile, |location| {
        let text = text_of(302, location);
        assert!(!text.contains("private"), "{text}");
        assert!(
            text.is_ascii() && !text.contains(char::is_control),
            "{text:?}"
        );
        assert!(text.ends_with("check the base URL)"), "{text}");
    });
    let long = text_of(302, &format!("https://{}/", "x".repeat(5_000)));
    assert!(long.len() < 500, "{}", long.len());
}

#[test]
fn a_page_of_html_is_not_told_of_as_broken_json() {
    for body in [
        "<!DOCTYPE html><title>Sign in</title>",
        " \n<?xml version=\"1.0\"?>",
    ] {
        let server = FakeMode::start();
        server.on("/api/verify", Reply::bytes(200, "text/html", body));
        let error = client(&server).verify().unwrap_err();
        let text = "cannot read the response: it is an HTML page, not JSON (a sign-in page or \
            something else in between answered: check the base URL)";
        assert_eq!(error.to_string(), format!("GET /api/verify: {text}"));
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}

#[test]
fn a_404_advises_what_fits_the_request() {
    const PATH: &str = "(check the path; the key may also lack access to it)";
    const WORKSPACE: &str = "(check the workspace name, the one in app.mode.com/<workspace>)";
    let server = FakeMode::start();
    let client = client(&server);
    let advice = |error: Error, path: &str, advice: &str| {
        let text = error.to_string();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::NotFound, Some(404))
        );
        assert!(
            text.starts_with(&format!("GET {path}: 404 not_found: ")),
            "{text}"
        );
        assert!(text.ends_with(advice), "{text}");
    };
    advice(
        client.get::<()>("/api/acme/x").unwrap_err(),
        "/api/acme/x",
        PATH,
    );
    advice(client.verify().unwrap_err(), "/api/verify", PATH);
    advice(client.account().unwrap_err(), "/api/account", PATH);
    server.on("/api/account", Reply::error(400, "bad_request", "no"));
    advice(client.account().unwrap_err(), "/api/verify", PATH);
    let link = |name: &str, href: &str| {
        Reply::json(
            200,
            format!(r#"{{"_links": {{"{name}": {{"href": "{href}"}}}}}}"#),
        )
    };
    server.on("/api/verify", link("self", "/api/acme/api_keys/1"));
    advice(client.account().unwrap_err(), "/api/acme/api_keys/1", PATH);
    server.on("/api/acme/api_keys/1", link("member", "/api/ada"));
    advice(client.account().unwrap_err(), "/api/ada", PATH);

    let lite = crate::LITE;
    advice(client.memberships("acme").unwrap_err(), FULL, WORKSPACE);
    advice(
        client.membership_counts("acme").unwrap_err(),
        FULL,
        WORKSPACE,
    );
    advice(
        client.memberships_lite("acme").unwrap_err(),
        lite,
        WORKSPACE,
    );
}

#[test]
fn a_body_that_is_plain_text_is_the_message() {
    let long = format!("x{}", "\u{e9}".repeat(40_000));
    let cut = format!("x{}", "\u{e9}".repeat(299));
    let texts: [(&str, &str); 8] = [
        ("Too many API request", "Too many API request"),
        ("slow down\r\n", "slow down"),
        ("unauthorized", "unauthorized"),
        ("  caf\u{e9}: closed ", "caf\u{e9}: closed"),
        ("a < b", "a < b"),
        ("null and void", "null and void"),
        ("two\nlines\u{1b}[2J", "two\\u{a}lines\\u{1b}[2J"),
        // What is read of a body ends amid a character.
        (&long, &cut),
    ];
    each(texts, |(body, message)| {
        for content_type in ["text/plain", "application/json"] {
            let error = error_of(Reply::bytes(429, content_type, *body));
            assert_eq!(error.kind(), ErrorKind::RateLimited);
            assert_eq!(
                (error.api_id(), error.api_message()),
                (None, Some(*message))
            );
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("GET /api/x: 429: {message} ("))
            );
        }
    });
    // It ends amid a character because the connection does.
    let body = "caf\u{e9}".as_bytes();
    let error = error_of(Reply::bytes(500, "text/plain", &body[..4]));
    assert_eq!(error.api_message(), Some("caf"));

    let others: [&[u8]; 17] = [
        b"",
        b" \r\n ",
        b"<h1>Forbidden</h1>",
        b"\xef\xbb\xbf <!DOCTYPE html>",
        b"7",
        b"null",
        b"true",
        b"\"slow down\"",
        b"[\"slow down\"]",
        b"{}",
        b"{\"id\": \"slow",
        b"{slow down}",
        b"[{\"id\": \"slow",
        b"\xff\xfe\xff",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        // Binary that begins like text: gzip, and an archive.
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48",
        b"PK\x03\x04\x14\0\0\0\x08\0\xd5\xa1\xff",
    ];
    each(others, |body| {
        let error = error_of(Reply::bytes(418, "text/plain", *body));
        assert_eq!((error.status(), error.api_message()), (Some(418), None));
    });
}

#[test]
fn times_have_one_decimal() {
    let cases = [
        (1_234, "1.2s"),
        (1_999, "2.0s"),
        (1_000, "1.0s"),
        (300, "300.0ms"),
        (1, "1.0ms"),
    ];
    std::thread::scope(|scope| {
        for (millis, time) in cases {
            scope.spawn(move || {
                let server = serving(Reply::silence());
                let client = builder(&server)
                    .attempt_timeout(Duration::from_millis(millis))
                    .max_retries(0);
                let error = client.build().unwrap().memberships("acme").unwrap_err();
                let text = format!("GET {FULL}: no complete response within {time}");
                let advice = "check the network and the base URL, or raise the timeout";
                assert_eq!(error.to_string(), format!("{text} ({advice})"));
            });
        }
    });
    // What is left of a call's time is any number.
    let server = serving(Reply::silence());
    let client = builder(&server)
        .timeout(Duration::from_millis(2_345))
        .attempt_timeout(Duration::from_millis(900));
    let error = client.build().unwrap().memberships("acme").unwrap_err();
    let text = error.to_string();
    let (_, time) = text.split_once("within ").unwrap();
    let (time, _) = time.split_once(' ').unwrap();
    let number = time.trim_end_matches(char::is_alphabetic);
    let decimals = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    assert!(decimals <= 1 && number.parse::<f64>().is_ok(), "{text}");
}

#[test]
fn what_is_refused_is_shown_in_quotes() {
    let client = client(&FakeMode::start());
    let rule = "must be the name in app.mode.com/<workspace>: ASCII letters, digits, `-`, `_`, `.`";
    let long = "\u{e9}".repeat(400);
    let cut = "\u{e9}".repeat(300);
    let workspaces = [
        ("acme ", "acme "),
        ("", ""),
        ("verify", "verify"),
        ("a\u{202e}b\n", "a\\u{202e}b\\u{a}"),
        (&long, &cut),
        (TOKEN, ""),
    ];
    each(&workspaces[..5], |(workspace, shown)| {
        let error = client.memberships(workspace).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the workspace \"{shown}\" {rule}")
        );
    });
    let error = client.memberships(&format!("{SECRET}/")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the workspace \"[redacted]/\" {rule}")
    );
    let paths = [
        ("acme?private", "the path \"acme\" must start with /api/"),
        (
            "/api//acme",
            "the path \"/api//acme\" must not have an empty, `.` or `..` segment",
        ),
        (
            "/api/a b",
            "the path \"/api/a b\" must be printable ASCII without spaces or \"#<>\\`",
        ),
    ];
    each(paths, |(path, text)| {
        assert_eq!(client.get::<()>(path).unwrap_err().to_string(), *text);
    });
}

#[test]
fn get_tells_what_the_callers_type_lacks() {
    #[derive(Debug, Deserialize)]
    struct Group {
        #[serde(rename = "name")]
        _name: String,
        #[serde(rename = "state")]
        _state: State,
        #[serde(default, rename = "group")]
        _group: Option<State>,
        #[serde(default, rename = "count")]
        _count: u8,
        #[serde(default, rename = "rank")]
        _rank: u8,
        #[serde(default, rename = "any")]
        _any: serde_json::Value,
    }
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Active,
        Banned,
    }
    let server = FakeMode::start();
    let text_of = |body: &str| {
        server.on("/api/x", Reply::json(200, body));
        let error = client(&server).get::<Vec<Group>>("/api/x").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1));
        assert!(std::error::Error::source(&error).is_none());
        error.to_string()
    };
    let deep = format!(r#"[{{"any": {}1{}}}]"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        (
            "[{\"state\": \"active\"}]",
            "missing field `name` at line 1 column 20",
        ),
        (
            "[{\"names\": 1, \"name\": \"x\"}]",
            "missing field `state` at line 1 column 26",
        ),
        (
            "[\n{\"name\": true}]",
            "unexpected JSON: expected a string at line 2 column 13",
        ),
        (
            r#"[{"name": "x", "state": "alice@example.com"}]"#,
            "unexpected JSON: expected `active` or `banned` at line 1 column 43",
        ),
        (
            "{}",
            "unexpected JSON: expected a sequence at line 1 column 0",
        ),
        (
            r#"[{"name": null, "state": null, "rank": "x"}]"#,
            "unexpected JSON: expected a string at line 1 column 14",
        ),
        // The type would fail at another field if it read the fields in another order.
        (
            r#"[{"rank": "x", "name": true}]"#,
            "unexpected JSON: expected u8 at line 1 column 13",
        ),
        (
            r#"[{"rank": 3.5}]"#,
            "unexpected JSON: expected u8 at line 1 column 13",
        ),
        // What is as the type expects stays, so that the type gets to the same place again.
        (
            r#"[{"group": "active", "name": true}]"#,
            "unexpected JSON: expected a string at line 1 column 33",
        ),
        (
            r#"[{"count": 7, "name": true}]"#,
            "unexpected JSON: expected a string at line 1 column 26",
        ),
        (
            r#"[{"state": "active", "rank": 300}]"#,
            "unexpected JSON: expected u8 at line 1 column 32",
        ),
        ("[", "JSON that ends too early at line 1 column 1"),
        ("alice", "not JSON at line 1 column 1"),
        // This is JSON, but it is too deep to be read.
        (&deep, "unexpected JSON at line 1 column 135"),
    ];
    each(cases, |(body, text)| {
        let advice = "the type that `get` reads into must fit the response";
        let text = format!("GET /api/x: cannot read the response: {text} ({advice})");
        assert_eq!(text_of(body), text);
    });
    assert!(text_of("<html>").contains("it is an HTML page, not JSON"));
    let _ = (State::Active, State::Banned);
}

#[test]
fn a_type_that_fails_by_itself_has_no_position() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "bool")]
    struct Picky;

    impl TryFrom<bool> for Picky {
        type Error = &'static str;

        fn try_from(_: bool) -> Result<Self, &'static str> {
            Err("the wrong one, expected another one")
        }
    }

    let error = error_of_type::<Picky>(Reply::json(200, "true"));
    let text = "cannot read the response: unexpected JSON: expected another one (the type ";
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn get_tells_it_whatever_the_values_are() {
    #[derive(Debug, Deserialize)]
    struct Group {
        #[serde(rename = "name")]
        _name: String,
    }
    let cases = [
        (r#"{"title": "my name is"}"#, "missing field `name`"),
        // Rails escapes `&`, `<` and `>` in this way.
        (r#"{"title": "a \u0026 b"}"#, "missing field `name`"),
        (
            r#"{"name": 7, "title": "a string"}"#,
            "unexpected JSON: expected a string",
        ),
    ];
    each(cases, |(body, text)| {
        let error = error_of_type::<Group>(Reply::json(200, *body));
        assert!(
            error.to_string().contains(&format!(": {text} at line 1 ")),
            "{error}"
        );
    });
}
