//! The status table, and the text of errors.

use std::ffi::OsStr;
use std::time::Duration;

use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Credentials, Error, ErrorKind};
use serde::Deserialize;

use crate::{
    FULL, LITE, SECRET, assert_not_sent, builder, client, client_with, each, failing,
    is_own_process, run_in_own_process, serving,
};

fn error_of(reply: Reply) -> Error {
    error_of_type::<()>(reply)
}

fn error_of_type<T: serde::de::DeserializeOwned + std::fmt::Debug>(reply: Reply) -> Error {
    let server = FakeMode::start();
    server.on("/api/x", reply);
    let client = builder(&server).max_retries(0).build().unwrap();
    client.get::<T>("/api/x?q=1").unwrap_err()
}

#[test]
fn each_status_has_its_kind() {
    use ErrorKind::*;
    // After 501, 505 and 511, the same would come again.
    let is_retried =
        |status| matches!(status, 408 | 429 | 500..=599) && ![501, 505, 511].contains(&status);
    let server = FakeMode::start();
    let client = builder(&server).max_retries(0).build().unwrap();
    for status in 201..=999 {
        let kind = match status {
            400 => BadRequest,
            401 => Unauthorized,
            403 => Forbidden,
            404 => NotFound,
            429 => RateLimited,
            500..=599 => Server,
            _ => UnexpectedStatus,
        };
        let framing = match status {
            204 | 304 => Framing::None,
            _ => Framing::Length,
        };
        server.on("/api/x", Reply::json(status, "").framing(framing));
        let error = client.get::<()>("/api/x").unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert_eq!(error.is_retryable(), is_retried(status), "{status}");
        let says_again = error.to_string().contains("again later");
        assert_eq!(says_again, kind == Server && is_retried(status), "{error}");
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
            assert_eq!((error.kind(), error.status()), (kind, Some(status)));
            assert_eq!(error.api_id(), Some(id));
            assert_eq!(error.is_retryable(), matches!(status, 429 | 500));
        }
    }
    assert_eq!(error_of(Reply::error(403, "teapot", "m")).kind(), Forbidden);
}

#[test]
fn the_text_says_what_was_asked_what_came_and_what_to_do() {
    const PATH: &str = "check the base URL and the path; the key may also lack access";
    const KEY: &str = "check the token and the secret";
    const PERMISSION: &str = "the key lacks permission for this: ask an administrator";
    const REFUSED: &str = "Mode rejected the request: check its path and its parameters";
    const LATER: &str = "a failure on Mode's side: try again later";
    const SAME: &str = "a retry would fail the same way: check the base URL";
    const SLOWER: &str = "slow down: Mode allows about 40 requests in 10 seconds";
    const OTHER: &str = "this status is not expected here: check the base URL";
    const LIST: &str = r#"{"id": "x", "message": {"name": ["is taken", "is short"], "x": 1}}"#;
    const ODD: &str = r#"{"message": {"a": -1, "b": 1.5, "c": true, "d": null, "e": [1, [], {}]}}"#;
    const UNSORTED: &str = r#"{"message": {"z": " 1", "a": "\"$2", "b": [true, 1.5, null]}}"#;
    let bodies = [
        (LIST, "418 x: name: is taken, is short; x: 1"),
        (ODD, "418: a: -1; b: 1.5; c: true; d: ; e: 1, , "),
        (UNSORTED, "418: a: \"$2; b: true, 1.5, ; z:  1"),
        (r#"{"id": 7, "message": null}"#, "418 7"),
        (r#"{"message": "$o \"$6\""}"#, "418: $o \"$6\""),
    ];
    let words = |status, id: &str| Reply::error(status, id, "no");
    let bare = |status| Reply::json(status, "");
    let cases = [
        (words(404, "not_found"), "404 not_found: no", PATH),
        (words(401, "unauthorized"), "401 unauthorized: no", KEY),
        (words(403, "forbidden"), "403 forbidden: no", PERMISSION),
        (words(400, "missing"), "400 missing: no", REFUSED),
        (words(418, "$s"), "418 $s: no", OTHER),
        (Reply::json(404, "<html>"), "404", PATH),
        (bare(500), "500", LATER),
        (bare(501), "501", SAME),
        (bare(429), "429", SLOWER),
        (bare(429).header("Retry-After", "17"), "429", "wait 17 s"),
        // Only a redirect has a place that it leads to.
        (bare(201).header("Location", "/secret"), "201", OTHER),
        (bare(302), "302", OTHER),
    ];
    let bodies = bodies.map(|(body, text)| (Reply::json(418, body), text, OTHER));
    let cases = cases.into_iter().chain(bodies);
    each(cases, |(reply, text, advice)| {
        let error = error_of(reply.clone());
        assert_eq!(error.to_string(), format!("GET /api/x: {text} ({advice})"));
        assert_eq!(format!("{error:?}"), error.to_string());
    });
}

#[test]
fn an_error_body_never_hides_the_status() {
    const JSON: &str = r#"{"id": "forbidden", "message": "no"}"#;
    let bytes = |body: &[u8]| Reply::bytes(403, "text/html", body);
    let endless = || bytes(&[b'x'; 1000]).endless();
    let json = || Reply::json(403, JSON);
    let cases = [
        bytes(b"<h1>Forbidden</h1>"),
        bytes(b""),
        bytes(&[b' '; 10_000_000]),
        bytes(&[0xff; 100]),
        bytes(b"not gzip").header("Content-Encoding", "gzip"),
        json().header("Content-Encoding", "br"),
        json().framing(Framing::LyingLength(10_000)),
        json().framing(Framing::CutChunk),
        endless().framing(Framing::Chunked),
        endless().framing(Framing::UntilClose),
        endless().framing(Framing::LyingLength(u64::MAX)),
        Reply::json(403, format!(r#"{{"message": {}}}"#, "[".repeat(20_000))),
    ];
    each(cases, |reply| {
        let error = failing(reply.clone());
        assert_eq!((error.status(), error.attempts()), (Some(403), 1));
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    });
}

#[test]
fn the_message_is_redacted_then_cut_then_escaped() {
    const PLAIN: &str = "caf\u{e9} \u{1f600} it's \"so\" \\";
    const HOSTILE: &str = "\u{1b}[2J\u{202e}evil\u{200b}\r\n\u{9b}";
    const ESCAPED: &str = "\\u{1b}[2J\\u{202e}evil\\u{200b}\\u{d}\\u{a}\\u{9b}";
    let long = |length| "\u{e9}".repeat(length);
    let cases = [
        (PLAIN.to_owned(), PLAIN.to_owned()),
        (HOSTILE.into(), ESCAPED.into()),
        (long(300), long(300)),
        (long(301), long(300) + "…"),
        (long(290) + SECRET, long(290) + "[redacted]"),
        (long(299) + SECRET + "y", long(299) + "[…"),
    ];
    each(cases, |(text, message)| {
        let error = error_of(Reply::error(400, text, text));
        assert_eq!(error.api_id(), error.api_message());
        assert_eq!(error.api_message(), Some(&**message));
    });
}

/// Checks `body => text`, or `body => text @ column`, or `body => text @ line:column`.
fn check_decode(case: &str, advice: &str, error_of: impl Fn(&str) -> Error) {
    let (body, text) = case.split_once(" => ").unwrap();
    let (text, at) = text.split_once(" @ ").unwrap_or((text, ""));
    let (line, column) = at.split_once(':').unwrap_or(("1", at));
    let mut text = match text.starts_with("unexpected") {
        true => text.to_owned(),
        false => text.replace("expected ", "unexpected JSON: expected "),
    };
    if !column.is_empty() {
        text += &format!(" at line {line} column {column}");
    }
    let error = error_of(body);
    let shown = error.to_string();
    let (_, shown) = shown.split_once(": ").unwrap();
    let text = format!("cannot read the response: {text} ({advice})");
    assert_eq!(shown, text);
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, None));
    assert_eq!(error.attempts(), 1);
}

const HTML: &str = "it is an HTML page, not JSON: perhaps a sign-in page, or one from a proxy";

#[test]
fn a_decode_error_has_a_position_and_only_our_words() {
    const ADVICE: &str =
        "this is not what was expected: check the base URL or, with `get`, your type";
    let listing = |body: &str| failing(Reply::json(200, body));
    let cases = [
        "[{\"state\": \"active\"},\n {\"name\": \"x\"}] => row 2: missing field `state` @ 2:14",
        r#"[{"state": "x", "admin": "ada@example.com"}] => row 1: expected bool @ 43"#,
        r#"[{"state": "active"}, {"state": 7}] => row 2: expected a string @ 33"#,
        r#"{"_embedded": {"memberships": [[]]}} => row 1: expected an object @ 34"#,
        r#"[{"state": "active" => it is not JSON @ 19"#,
        "ada@example.com => it is not JSON @ 1",
    ];
    each(cases, |case| check_decode(case, ADVICE, listing));
    let others = [
        r#"{"_embedded": {}}"#,
        r#"{"_embedded": 7}"#,
        "{}",
        r#""x""#,
    ];
    each(others, |body| {
        let rows = "expected an array or `_embedded.memberships`";
        check_decode(&format!("{body} => {rows}"), ADVICE, listing);
    });
    let pages = [
        "<html>ada@example.com",
        "\u{feff} \r\n<!DOCTYPE html>ada@example.com",
        " \n<?xml version=\"1.0\"?>",
    ];
    each(pages, |body| {
        check_decode(&format!("{body} => {HTML}"), ADVICE, listing);
    });
}

#[test]
fn credentials_that_cannot_be_are_refused_with_the_reason() {
    let long = "s".repeat(8193);
    let cases = [
        ("", "s", "the token is empty"),
        ("t", "", "the secret is empty"),
        ("t\n", "s", "the token ends with a newline: trim it"),
        ("t", "s\r\n", "the secret ends with a newline: trim it"),
        ("t\0", "s", "the token contains a control character"),
        ("t", "s\u{85}x", "the secret contains a control character"),
        ("t:u", "s", "the token must not contain `:`"),
        (
            "t",
            "\u{fffd}",
            "the secret is not Unicode, or contains U+FFFD",
        ),
        ("t", &long, "the secret is longer than 8192 bytes"),
    ];
    each(cases, |(token, secret, text)| {
        let error = Credentials::new(*token, *secret).unwrap_err();
        assert_not_sent(&error);
        assert_eq!(error.to_string(), *text);
    });
    Credentials::new("t \u{e9}", "s: s").unwrap();
}

#[test]
fn credentials_come_from_the_environment() {
    if is_own_process() {
        let read = Credentials::from_env();
        let text = read.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(text, std::env::var("EXPECTED").unwrap());
        return;
    }
    let check = |token: &OsStr, secret: &str, expected: &str| {
        let variables = [
            ("MODE_API_TOKEN", token),
            ("MODE_API_SECRET", secret.as_ref()),
            ("EXPECTED", expected.as_ref()),
        ];
        run_in_own_process("errors::credentials_come_from_the_environment", &variables);
    };
    const MISSING: &str = "missing credentials (set MODE_API_TOKEN and MODE_API_SECRET)";
    let cases = [
        ("", "", MISSING),
        ("t", "", MISSING),
        ("", "s", MISSING),
        ("t", "s\n", "MODE_API_SECRET ends with a newline: trim it"),
        ("t:u", "s", "MODE_API_TOKEN must not contain `:`"),
        ("t", "s", ""),
    ];
    each(cases, |(token, secret, expected)| {
        check(token.as_ref(), secret, expected)
    });
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;

        let fault = "MODE_API_TOKEN is not Unicode, or contains U+FFFD";
        check(OsStr::from_bytes(b"t\xff"), "s", fault);
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
    const TEXTS: &str = "\
invalid input (correct the argument or the setting)
missing credentials (set MODE_API_TOKEN and MODE_API_SECRET)
transport (check the network, the base URL and the proxy variables)
tls (check the base URL, this machine's clock, and any proxy in between)
timeout (check the network and the base URL, or raise the timeout)
bad request (Mode rejected the request: check its path and its parameters)
unauthorized (check the token and the secret)
forbidden (the key lacks permission for this: ask an administrator)
not found (check the base URL and the path; the key may also lack access)
rate limited (slow down: Mode allows about 40 requests in 10 seconds)
server (a failure on Mode's side: try again later)
unexpected status (this status is not expected here: check the base URL)
too large (raise `max_response_bytes`)
decode (this is not what was expected: check the base URL or, with `get`, your type)";
    let kinds = [
        [InvalidInput, MissingCredentials, Transport, Tls, Timeout].as_slice(),
        &[BadRequest, Unauthorized, Forbidden, NotFound, RateLimited],
        &[Server, UnexpectedStatus, TooLarge, Decode],
    ];
    let kinds = kinds.concat();
    assert_eq!(kinds.len(), TEXTS.lines().count());
    each(kinds.into_iter().zip(TEXTS.lines()), |&(kind, text)| {
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
fn a_redirect_names_its_host_and_nothing_more() {
    let server = FakeMode::start();
    let client = client_with("ToKeN", "SeCrEt", &server);
    let text_of = |status, location: &str| {
        let reply = Reply::json(status, "").header("Location", location);
        server.on("/api/x", reply);
        let error = client.get::<()>("/api/x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedStatus);
        assert_eq!(error.status(), Some(status));
        error.to_string()
    };
    let own = format!("{}/private", server.origin());
    let cases = [
        ("https://evil.example/private?private", " to evil.example"),
        ("https://evil.example", " to evil.example"),
        ("HTTPS://evil.example:8443/private", " to evil.example"),
        ("http://private:private@evil.example/", " to evil.example"),
        ("https://[2001:db8::1]:1/private", " to [2001:db8::1]"),
        (&own, " to 127.0.0.1"),
        ("https://ToKeN.example/x", " to [redacted].example"),
        ("HTTPS://SeCrEt.example/", " to [redacted].example"),
    ];
    let nowhere = "/private /private?u=https://evil.example/ private //evil.example/private \
        mailto:private@evil.example https:// ";
    let nowhere = nowhere.split(' ').map(|location| (location, ""));
    each(cases.into_iter().chain(nowhere), |(location, target)| {
        let advice = format!("a redirect{target} is not followed: check the base URL");
        for status in [301, 302, 303, 307, 308] {
            let text = format!("GET /api/x: {status} ({advice})");
            assert_eq!(text_of(status, location), text);
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
        let is_plain = text.is_ascii() && !text.contains(char::is_control);
        assert!(
            is_plain && text.ends_with("check the base URL)"),
            "{text:?}"
        );
    });
    let long = text_of(302, &format!("https://{}/", "x".repeat(5_000)));
    assert!(long.len() < 500, "{}", long.len());
}

#[test]
fn a_404_advises_what_fits_the_request() {
    const PATH: &str = "(check the base URL and the path; the key may also lack access)";
    const WORKSPACE: &str = "(check the workspace name, the one in app.mode.com/<workspace>)";
    let server = FakeMode::start();
    let client = client(&server);
    let check = |error: Option<Error>, path: &str, advice: &str| {
        let error = error.unwrap();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::NotFound, Some(404))
        );
        let (text, start) = (error.to_string(), format!("GET {path}: 404 not_found: "));
        assert!(text.starts_with(&start) && text.ends_with(advice), "{text}");
    };
    let get = client.get::<()>("/api/acme/x").err();
    check(get, "/api/acme/x", PATH);
    check(client.verify().err(), "/api/verify", PATH);
    check(client.account().err(), "/api/account", PATH);
    let link = |name: &str, href: &str| {
        let link = format!(r#"{{"_links": {{"{name}": {{"href": "{href}"}}}}}}"#);
        Reply::json(200, link)
    };
    server.on("/api/account", Reply::error(400, "bad_request", "no"));
    check(client.account().err(), "/api/verify", PATH);
    server.on("/api/verify", link("self", "/api/acme/api_keys/1"));
    check(client.account().err(), "/api/acme/api_keys/1", PATH);
    server.on("/api/acme/api_keys/1", link("member", "/api/ada"));
    check(client.account().err(), "/api/ada", PATH);

    check(client.memberships("acme").err(), LITE, WORKSPACE);
    check(client.membership_counts("acme").err(), LITE, WORKSPACE);
    check(client.memberships_lite("acme").err(), LITE, WORKSPACE);
}

#[test]
fn a_body_that_is_plain_text_is_the_message() {
    let long = format!("x{}", "\u{e9}".repeat(32_000));
    let cut = format!("x{}…", "\u{e9}".repeat(299));
    let cases = [
        ("Too many API request", "Too many API request"),
        ("slow down\r\n", "slow down"),
        ("unauthorized", "unauthorized"),
        ("  caf\u{e9}: closed ", "caf\u{e9}: closed"),
        ("a < b", "a < b"),
        ("null and void", "null and void"),
        ("two\nlines\u{1b}[2J", "two\\u{a}lines\\u{1b}[2J"),
        (&long, &cut),
    ];
    each(cases, |(body, message)| {
        for content_type in ["text/plain", "application/json"] {
            let error = error_of(Reply::bytes(429, content_type, *body));
            assert_eq!(error.kind(), ErrorKind::RateLimited);
            assert_eq!(
                (error.api_id(), error.api_message()),
                (None, Some(*message))
            );
            let start = format!("GET /api/x: 429: {message} (");
            assert!(error.to_string().starts_with(&start));
        }
    });
    let texts = "| \r\n |<h1>Forbidden</h1>|\u{feff} <!DOCTYPE html>|7|null|true|\"slow down\"|\
        [\"slow down\"]|{}|{\"id\": \"slow|{slow down}|[{\"id\": \"slow";
    // The last three begin like text: Latin-1, gzip, and an archive.
    let binary: [&[u8]; 5] = [
        b"\xff\xfe\xff",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"caf\xe9",
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48",
        b"PK\x03\x04\x14\0\0\0\x08\0\xd5\xa1\xff",
    ];
    each(texts.split('|').map(str::as_bytes).chain(binary), |body| {
        let error = error_of(Reply::bytes(418, "text/plain", *body));
        assert_eq!((error.status(), error.api_message()), (Some(418), None));
    });
}

#[test]
fn times_have_one_decimal() {
    let text_of = |timeout, attempt_timeout, retries| {
        let server = serving(Reply::silence());
        let client = builder(&server)
            .timeout(Duration::from_millis(timeout))
            .attempt_timeout(Duration::from_millis(attempt_timeout))
            .max_retries(retries);
        let error = client.build().unwrap().memberships("acme").unwrap_err();
        error.to_string()
    };
    let cases = [
        (1_234, "1.2s"),
        (999, "999.0ms"),
        (300, "300.0ms"),
        (1, "1.0ms"),
    ];
    std::thread::scope(|scope| {
        for (millis, time) in cases {
            scope.spawn(move || {
                let text = format!("GET {FULL}: no complete response within {time}");
                let advice = "check the server at the base URL, or raise the timeout";
                assert_eq!(text_of(60_000, millis, 0), format!("{text} ({advice})"));
            });
        }
        // What is left of a call's time is any number.
        let text = text_of(1_345, 500, 3);
        let (_, time) = text.split_once("within ").unwrap();
        let (time, _) = time.split_once(' ').unwrap();
        let number = time.trim_end_matches(char::is_alphabetic);
        let decimals = number.split_once('.').map_or(0, |(_, digits)| digits.len());
        assert!(decimals <= 1 && number.parse::<f64>().is_ok(), "{text}");
    });
}

#[test]
fn what_is_refused_is_shown_in_quotes() {
    let client = client(&FakeMode::start());
    let rule = "must be the name in app.mode.com/<workspace>: ASCII letters, digits, `-`, `_`, `.`";
    let long = "\u{e9}".repeat(400);
    let cut = format!("{}…", "\u{e9}".repeat(300));
    let workspaces = [
        ("acme ", "acme "),
        ("", ""),
        ("verify", "verify"),
        ("a\u{202e}b\n", "a\\u{202e}b\\u{a}"),
        (&long, &cut),
        (&format!("{SECRET}/"), "[redacted]/"),
    ];
    each(workspaces, |(workspace, shown)| {
        let error = client.memberships(workspace).unwrap_err();
        let text = format!("the workspace \"{shown}\" {rule}");
        assert_eq!(error.to_string(), text);
    });
    let ascii = "must be printable ASCII without spaces or \"#<>\\`";
    let paths = [
        ("acme?private", "acme", "must start with /api/"),
        (
            "/api//acme",
            "/api//acme",
            "must not have an empty, `.` or `..` segment",
        ),
        ("/api/a b", "/api/a b", ascii),
    ];
    each(paths, |(path, shown, rule)| {
        let error = client.get::<()>(path).unwrap_err();
        assert_eq!(error.to_string(), format!("the path \"{shown}\" {rule}"));
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
        #[serde(default, rename = "any")]
        _any: serde_json::Value,
    }
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Active,
        Banned,
    }
    let too_deep = format!(r#"[{{"any": {}1{}}}]"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        r#"[{"state": "active"}] => missing field `name` @ 20"#,
        r#"[{"names": 1, "name": "x"}] => missing field `state` @ 26"#,
        "[\n{\"name\": true}] => expected a string @ 2:13",
        r#"[{"name": "x", "state": "al@ex.com"}] => unexpected JSON: unknown variant @ 35"#,
        "{} => expected a sequence @ 0",
        r#"[{"name": null, "state": null, "count": "x"}] => expected a string @ 14"#,
        // The type would fail at another field if it read the fields in another order.
        r#"[{"count": "x", "name": true}] => expected u8 @ 14"#,
        r#"[{"count": 3.5}] => expected u8 @ 14"#,
        r#"[{"group": "active", "name": true}] => expected a string @ 33"#,
        r#"[{"count": 7, "name": true}] => expected a string @ 26"#,
        r#"[{"state": "active", "count": 300}] => expected u8 @ 33"#,
        // Values that look like what is missing.
        r#"[{"title": "my name is"}] => missing field `name` @ 24"#,
        // Rails escapes `&`, `<` and `>` in this way.
        r#"[{"title": "a \u0026 b"}] => missing field `name` @ 24"#,
        r#"[{"name": 7, "title": "a string"}] => expected a string @ 11"#,
        "[ => it is not JSON @ 1",
        "alice => it is not JSON @ 1",
        // This is JSON, but it is too deep to be read.
        &format!("{too_deep} => unexpected JSON @ 135"),
    ];
    let get = |body: &str| error_of_type::<Vec<Group>>(Reply::json(200, body));
    let advice = "this is not what was expected: check the base URL or, with `get`, your type";
    each(cases, |case| check_decode(case, advice, get));
    check_decode(&format!("<html> => {HTML}"), advice, get);
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
    let text = "cannot read the response: unexpected JSON (this ";
    assert!(error.to_string().contains(text), "{error}");
}
