//! Nothing shows a credential, or a value of a good response; nothing goes where it was not sent.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine as _};
use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Client, Credentials, Error, ErrorKind};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;

use crate::{FULL, chain, client, client_with, each, failing, in_own_process, serving};

/// With characters that JSON escapes and whose base64 differs between alphabets.
const TOKEN: &str = "tok\"en?>\u{fc}~\u{fc}?";
const SECRET: &str = "sec\\ret>>>???\u{fc}~~";

/// Everything that must not be seen: both of them, and the header, in each base64.
fn forbidden() -> Vec<String> {
    let plain = [TOKEN.to_owned(), SECRET.to_owned()];
    let texts = [&plain[..], &[format!("{TOKEN}:{SECRET}")]].concat();
    let engines = [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE];
    let encoded = texts
        .iter()
        .flat_map(|text| engines.each_ref().map(|engine| engine.encode(text)));
    plain.iter().cloned().chain(encoded).collect()
}

/// `Debug` escapes what it shows.
fn assert_clean(shown: &str) {
    for secret in forbidden() {
        let escaped = secret.escape_debug().to_string();
        let is_in = shown.contains(&secret) || shown.contains(&escaped);
        assert!(!is_in, "{secret} is in: {shown}");
    }
}

/// Everything that an error shows.
pub(crate) fn shown(error: &Error) -> String {
    let accessors = format!(
        "{:?} {:?} {:?}",
        error.api_id(),
        error.api_message(),
        error.kind()
    );
    format!("{error} {error:?} {error:#?} {} {accessors}", chain(error))
}

pub(crate) struct Log(Mutex<String>);

impl Log {
    /// Hears what every crate of this process logs from now on.
    pub(crate) fn listen(level: log::LevelFilter) {
        log::set_logger(&LOG).unwrap();
        log::set_max_level(level);
    }

    pub(crate) fn heard() -> String {
        LOG.0.lock().unwrap().clone()
    }
}

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        *self.0.lock().unwrap() += &format!("{} {}\n", record.target(), record.args());
    }

    fn flush(&self) {}
}

static LOG: Log = Log(Mutex::new(String::new()));

#[test]
fn no_error_value_or_log_record_shows_a_credential() {
    let test = "leaks::no_error_value_or_log_record_shows_a_credential";
    if !in_own_process(test, &[]) {
        return;
    }
    Log::listen(log::LevelFilter::Debug);

    let server = FakeMode::start();
    let credentials = Credentials::new(TOKEN, SECRET).unwrap();
    let builder = || Client::builder(credentials.clone()).max_retries(0);
    let ours = builder().base_url(server.origin());
    assert_clean(&format!(
        "{credentials:?} {credentials:#?} {ours:?} {ours:#?}"
    ));
    let client = ours.build().unwrap();
    assert_clean(&format!("{client:?} {client:#?}"));

    for secret in forbidden() {
        let half = "\u{e9}".repeat(300 - secret.chars().count() / 2);
        for padding in ["", &"x".repeat(290), &half] {
            let text = padding.to_owned() + &secret;
            let message = json!({ "id": text, "message": { "field": [text, { "x": text }] } });
            let row = json!([{ "state": text, "admin": text }]);
            let encoded = format!("/{}", BASE64_STANDARD.encode(&text));
            for reply in [
                Reply::error(401, &text, &text),
                Reply::json(422, message.to_string()),
                Reply::bytes(500, "text/html", &*text),
                Reply::bytes(200, "text/html", &*text),
                Reply::json(200, row.to_string()),
                Reply::raw(format!("HTTP/1.1 200 OK\r\n{text}\r\n\r\n")),
                Reply::raw(format!("{text}\r\n\r\n")),
                Reply::json(302, "").header("Location", &encoded),
            ] {
                server.on(FULL, reply);
                assert_clean(&shown(&client.memberships("acme").unwrap_err()));
            }
        }
    }
    for start in ["/api/", "/api/x?"] {
        let path = start.to_owned() + &BASE64_URL_SAFE.encode(SECRET);
        assert_clean(&shown(&client.get::<()>(&path).unwrap_err()));
    }
    for wrong in [TOKEN, SECRET] {
        let at_wrong = builder().base_url(format!("https://{wrong}@app.mode.com"));
        assert_clean(&format!("{at_wrong:?}"));
        for error in [
            client.memberships(wrong).unwrap_err(),
            client.get::<()>(wrong).unwrap_err(),
            at_wrong.build().unwrap_err(),
            Credentials::new(format!("{wrong}\n"), wrong).unwrap_err(),
        ] {
            assert_clean(&shown(&error));
        }
    }

    let log = Log::heard();
    assert!(log.contains("ureq"), "the log was heard");
    // The path and the server's headers are in ureq's log as they are: only what we add must not be.
    let is_ours = |line: &&str| !line.contains("/api/x?") && !line.contains("location");
    let ours: String = log.lines().filter(is_ours).collect();
    let header = BASE64_STANDARD.encode(format!("{TOKEN}:{SECRET}"));
    assert!(!ours.contains(TOKEN) && !ours.contains(&header));
}

#[test]
fn no_value_gets_out_through_a_type_of_the_callers() {
    fn all(client: &Client) -> Vec<Error> {
        fn fail<T: DeserializeOwned>(client: &Client) -> Option<Error> {
            client.get::<T>("/api/x").err()
        }
        let calls = [
            fail::<bool>,
            fail::<()>,
            fail::<(bool, bool)>,
            fail::<Vec<u8>>,
            fail::<HashMap<u8, IgnoredAny>>,
            fail::<HashMap<String, bool>>,
            fail::<HashMap<State, IgnoredAny>>,
            fail::<Vec<State>>,
            fail::<Closed>,
            fail::<Empty>,
            fail::<Tagged>,
            fail::<std::net::IpAddr>,
        ];
        calls.iter().filter_map(|call| call(client)).collect()
    }
    let values = [
        "Alice@Example.com",
        "x, expected Alice@Example.com at line 1 column 1",
        "x, expected Alice@Example.com",
        "missing field `Alice@Example.com`",
        "invalid type: x, expected Alice@Example.com",
        "unknown field `x`, expected Alice@Example.com",
        "row 1: missing field `Alice@Example.com`",
    ];
    let server = FakeMode::start();
    let client = client(&server);
    each(values, |value| {
        let escaped = value.replace("Al", "\\u0041l");
        let bodies = [*value, &escaped].map(|value| {
            [
                format!("\"{value}\""),
                format!("[\"{value}\"]"),
                format!("{{\"a\": \"{value}\"}}"),
                format!("{{\"{value}\": 1}}"),
                format!("{{\"{value}\": \"{value}\", \"{value}\": 2}}"),
                format!("{{\"kind\": \"{value}\"}}"),
                format!("[\"{value}\", 1e400]"),
            ]
        });
        for body in bodies.concat() {
            server.on("/api/x", Reply::json(200, &*body));
            let errors = all(&client);
            assert!(errors.len() > 8, "{body}");
            for error in errors {
                let text = shown(&error).to_lowercase();
                assert_eq!(error.kind(), ErrorKind::Decode);
                let is_shown = text.contains("alice") || text.contains("example");
                assert!(!is_shown, "{body}: {text}");
            }
        }
    });
}

#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
enum State {
    Active,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    #[serde(rename = "x")]
    _x: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Group,
}

#[test]
fn no_value_of_a_listing_gets_out_whatever_it_imitates() {
    let imitations = [
        "ada@example.com",
        "missing field `ada@example.com`",
        "missing field `state` at line 1 column 1 example",
        "missing field `example`",
        "example at line 1 column 2",
        "x, expected ada@example.com at line 1 column 1",
        "invalid type: example",
        "invalid type: string, expected example",
        "\\u0065xample@\\u0065xample, expected \\u0065xample",
    ];
    let fields = "state member_username username member_token name email admin invited \
        managed_by_scim activated_at";
    let server = FakeMode::start();
    let client = client(&server);
    each(imitations, |value| {
        let page = r#""_embedded": {"memberships": [{"state": "x"}]}"#;
        let mut bodies = vec![
            format!(r#"[{{"state": "active", "admin": "{value}"}}]"#),
            format!(r#"[{{"{value}": 1}}]"#),
            format!(r#"["{value}"]"#),
            format!(r#""{value}""#),
            format!(r#"{{"_embedded": "{value}"}}"#),
            format!(r#"{{{page}, "pagination": {{"total_pages": "{value}"}}}}"#),
            format!(r#"["{value}"] "{value}""#),
        ];
        for field in fields.split(' ') {
            let twice = format!(r#""{field}": "{value}", "{field}": "{value}""#);
            let odd = format!(r#""{field}": "{value}", "{value}": "{value}""#);
            bodies.extend([
                format!(r#"[{{"{field}": {{"{value}": "{value}"}}, "state": "x"}}]"#),
                format!(r#"[{{"{field}": ["{value}"], "state": "x"}}]"#),
                format!(r#"[{{{twice}, "state": "x"}}]"#),
                format!(r#"[{{{odd}, "admin": "{value}"}}]"#),
                format!(r#"[{{"{field}": "{value}"]"#),
            ]);
        }
        for body in bodies {
            server.on(FULL, Reply::json(200, &*body));
            let error = client.memberships("acme").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{body}");
            assert!(!shown(&error).contains("example"), "{body}: {error:?}");
        }
    });
}

#[test]
fn server_text_cannot_steer_a_terminal() {
    let alone = [0x7f, 0x85, 0x9b, 0xad, 0x61c, 0xfeff].map(|c| c..=c);
    let ranges = [0..=0x1f, 0x200b..=0x200f, 0x2028..=0x202e, 0x2060..=0x206f];
    each(alone.into_iter().chain(ranges).flatten(), |&code| {
        let c = char::from_u32(code).unwrap();
        let error = failing(Reply::error(400, &c.to_string(), &format!("a{c}b")));
        let escaped = format!("a\\u{{{code:x}}}b");
        assert_eq!(error.api_message(), Some(&*escaped));
        assert!(!shown(&error).replace('\n', "").contains(c));
    });
}

#[test]
fn a_redirect_is_not_followed() {
    let (first, second) = (FakeMode::start(), FakeMode::start());
    let client = client(&first);
    let address = second.addr();
    let (url, host) = (format!("http://{address}/api/x"), format!("//{address}/"));
    let mut requests = 0;
    for status in 300..=399 {
        let framing = match status {
            304 => Framing::None,
            _ => Framing::Length,
        };
        for location in [&url, &host, FULL, ""] {
            let reply = Reply::json(status, "").header("Location", location);
            first.on(FULL, reply.framing(framing));
            let error = client.memberships("acme").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedStatus);
            assert_eq!(error.status(), Some(status));
            requests += 1;
            assert_eq!(first.targets().len(), requests);
        }
    }
    assert_eq!(second.connections(), 0);
}

#[test]
fn all_of_the_credentials_is_redacted_and_nothing_else() {
    let keys = [
        ("a", "b", "a b ab => a b ab"),
        ("ab", "ab", "a b ab => a b ab"),
        ("abc", "b", "ab abc abcd => ab [redacted] [redacted]d"),
        (
            "abc",
            "de",
            "abc:de abcabc => [redacted] [redacted][redacted]",
        ),
        ("abc", "abcde", "abcdef abcd => [redacted]f [redacted]"),
        // The end of a text may be a secret that was cut.
        ("xyz", "abcdef", "ends in ab => ends in ab"),
        ("xyz", "abcdef", "ends in abc => ends in [redacted]"),
        ("xyz", "abcdef", "no eHl6OmFiY => no [redacted]"),
        // A header that is in base64 once more.
        (
            "xyz",
            "abcdef",
            "no QmFzaWMgZUhsNk9tRmlZMlJsWmc9PQ== => no QmFzaWMg[redacted]9PQ==",
        ),
        // A server may leave out the blanks around it.
        ("x", " p w ", "no (p w), p w  => no ([redacted]),[redacted]"),
    ];
    each(keys, |(token, secret, text)| {
        let (text, expected) = text.split_once(" => ").unwrap();
        let server = serving(Reply::bytes(400, "text/plain", text));
        let client = client_with(token, secret, &server);
        let error = client.memberships("acme").unwrap_err();
        assert_eq!(error.api_message(), Some(expected));
    });
    // A body that is not whole may end amid a secret, so it has no message.
    let long = crate::SECRET.repeat(3000);
    let cut = format!("no {}", &crate::SECRET[..4]);
    let cut = Reply::bytes(400, "text/plain", cut).framing(Framing::LyingLength(9));
    for reply in [Reply::bytes(400, "text/plain", long), cut] {
        let error = failing(reply);
        assert_eq!((error.status(), error.api_message()), (Some(400), None));
    }
}

#[test]
fn a_secret_that_looks_like_a_marker_of_serde_json_is_redacted() {
    let bodies = [
        r#"{"id": "Se\"$cret-Xyz", "message": "no Se\"$cret-Xyz"}"#,
        r#"{"message": "no Se\"\u0024cret-Xyz"}"#,
        r#"{"message": {"Se\"$cret-Xyz": "$Se\"$cret-Xyz"}}"#,
    ];
    each(bodies, |body| {
        let server = serving(Reply::json(418, *body));
        let client = client_with("token", r#"Se"$cret-Xyz"#, &server);
        let error = client.memberships("acme").unwrap_err();
        assert!(error.to_string().contains("[redacted]"), "{error}");
        assert!(!shown(&error).contains("cret-Xyz"), "{error}");
    });
}

#[test]
fn a_made_up_position_or_row_is_not_shown() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Picky;

    impl TryFrom<String> for Picky {
        type Error = String;

        fn try_from(value: String) -> Result<Self, String> {
            Err(value)
        }
    }

    let texts = ["x at line 5551234 column 8675309", "row hunter2: hunter2"];
    each(texts, |text| {
        let server = FakeMode::start();
        server.on("/api/x", Reply::json(200, format!(r#"{{"a": "{text}"}}"#)));
        let client = client(&server);
        let error = client.get::<HashMap<String, Picky>>("/api/x").unwrap_err();
        for value in ["5551234", "8675309", "hunter2"] {
            assert!(!shown(&error).contains(value), "{error}");
        }
    });
}
