//! Nothing shows a credential, or a value of a good response; nothing goes where it was not sent.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Mutex;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine as _};
use fake_mode::{FakeMode, Framing, Reply};
use mode_analytics::{Client, Credentials, Error, ErrorKind};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{FULL, builder, chain, client, each, in_own_process, serving};

/// With characters that JSON escapes and whose base64 differs between alphabets.
const TOKEN: &str = "tok\"en?>\u{fc}~\u{fc}?";
const SECRET: &str = "sec\\ret>>>???\u{fc}~~";

/// Everything that must not be seen: both of them, and the header, in each base64.
fn forbidden() -> Vec<String> {
    let mut all = vec![TOKEN.to_owned(), SECRET.to_owned()];
    for text in [
        TOKEN.to_owned(),
        SECRET.to_owned(),
        format!("{TOKEN}:{SECRET}"),
    ] {
        all.extend(
            [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE]
                .map(|engine| engine.encode(&text)),
        );
    }
    all
}

/// `Debug` escapes what it shows.
fn assert_clean(shown: &str) {
    for secret in forbidden() {
        assert!(!shown.contains(&secret), "{secret} is in: {shown}");
        assert!(
            !shown.contains(&secret.escape_debug().to_string()),
            "{secret} is in: {shown}"
        );
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
    if !in_own_process(
        "leaks::no_error_value_or_log_record_shows_a_credential",
        &[],
    ) {
        return;
    }
    Log::listen(log::LevelFilter::Debug);

    let server = FakeMode::start();
    let credentials = Credentials::new(TOKEN, SECRET).unwrap();
    let builder = Client::builder(credentials.clone())
        .base_url(server.origin())
        .max_retries(0);
    assert_clean(&format!(
        "{credentials:?} {credentials:#?} {builder:?} {builder:#?}"
    ));
    let client = builder.build().unwrap();
    assert_clean(&format!("{client:?} {client:#?}"));

    for secret in forbidden() {
        let padded = [
            String::new(),
            "x".repeat(290),
            "\u{e9}".repeat(300 - secret.chars().count() / 2),
        ];
        for text in padded.map(|padding| format!("{padding}{secret}")) {
            let json =
                serde_json::json!({ "id": text, "message": { "field": [text, { "x": text }] } });
            for reply in [
                Reply::error(401, &text, &text),
                Reply::json(422, json.to_string()),
                Reply::bytes(500, "text/html", text.clone()),
                Reply::bytes(200, "text/html", text.clone()),
                Reply::json(
                    200,
                    format!("[{}]", serde_json::json!({ "state": text, "admin": text })),
                ),
                Reply::raw(format!("HTTP/1.1 200 OK\r\n{text}\r\n\r\n")),
                Reply::raw(format!("{text}\r\n\r\n")),
                Reply::json(302, "")
                    .header("Location", &format!("/{}", BASE64_STANDARD.encode(&text))),
            ] {
                server.on(FULL, reply);
                assert_clean(&shown(&client.memberships("acme").unwrap_err()));
            }
        }
    }
    for path in [
        format!("/api/{}", BASE64_URL_SAFE.encode(SECRET)),
        format!("/api/x?{}", BASE64_URL_SAFE.encode(SECRET)),
    ] {
        assert_clean(&shown(&client.get::<()>(&path).unwrap_err()));
    }
    for wrong in [TOKEN, SECRET] {
        assert_clean(&shown(&client.memberships(wrong).unwrap_err()));
        assert_clean(&shown(&client.get::<()>(wrong).unwrap_err()));
        let url = format!("https://{wrong}@app.mode.com");
        assert_clean(&shown(
            &Client::builder(credentials.clone())
                .base_url(&url)
                .build()
                .unwrap_err(),
        ));
        assert_clean(&format!(
            "{:?}",
            Client::builder(credentials.clone()).base_url(url)
        ));
        assert_clean(&shown(
            &Credentials::new(format!("{wrong}\n"), wrong).unwrap_err(),
        ));
    }

    let log = Log::heard();
    assert!(log.contains("ureq"), "the log was heard");
    // The path and the server's headers are in ureq's log as they are: only what we add must not be.
    let ours: String = log
        .lines()
        .filter(|line| !line.contains("/api/x?") && !line.contains("location"))
        .collect();
    for secret in [
        TOKEN.to_owned(),
        BASE64_STANDARD.encode(format!("{TOKEN}:{SECRET}")),
    ] {
        assert!(!ours.contains(&secret));
    }
}

#[test]
fn no_value_of_a_good_answer_is_in_an_error() {
    const EMAIL: &str = "ada@example.com";
    let imitations = [
        EMAIL.to_owned(),
        format!("missing field `{EMAIL}`"),
        format!("missing field `state` at line 1 column 1 {EMAIL}"),
        format!("{EMAIL} at line 1 column 2"),
        format!("invalid type: {EMAIL}"),
    ];
    for value in imitations {
        let value = serde_json::Value::from(value);
        for body in [
            format!(r#"[{{"state": "active", "admin": {value}}}]"#),
            format!(r#"[{{"state": {value}, "state": {value}}}]"#),
            format!(r#"[{{{value}: 1}}]"#),
            format!("[{value}]"),
            format!("{value}"),
            format!(r#"{{"_embedded": {value}}}"#),
            format!(
                r#"{{"_embedded": {{"memberships": [{{"state": "x"}}]}}, "pagination": {{"total_pages": {value}}}}}"#
            ),
            format!(r#"[{{"state": {value}"#),
            format!("[{value}] {value}"),
        ] {
            let error = client(&serving(Reply::json(200, body)))
                .memberships("acme")
                .unwrap_err();
            assert!(
                error.kind() == ErrorKind::Decode && !shown(&error).contains(EMAIL),
                "{error:?}"
            );
        }
    }
}

/// A caller's type whose error is made of the value, in one of these ways.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(try_from = "String")]
struct Picky<const WAY: usize>;

const WAYS: [fn(&str) -> String; 10] = [
    |value| value.to_owned(),
    |value| format!("missing field `{value}`"),
    |value| format!("x, expected {value}"),
    |value| format!("x, expected {value} at line 1 column 1"),
    |value| format!("invalid type: string {value:?}, expected a {value}"),
    |value| format!("missing field {value:?}, expected `{value}`"),
    |value| format!("unknown field `{value}`, expected `x`"),
    |value| format!("x, expected {}", value.replace('@', " ")),
    |value| format!("missing field `{}`", value.to_uppercase()),
    |value| format!("x, expected {}", value.to_lowercase()),
];

impl<const WAY: usize> TryFrom<String> for Picky<WAY> {
    type Error = String;

    fn try_from(value: String) -> Result<Self, String> {
        Err(WAYS[WAY](&value))
    }
}

#[test]
fn no_value_gets_out_through_a_type_of_the_callers() {
    type Ask = (&'static str, fn(&Client) -> Vec<Option<Error>>);
    fn all<const WAY: usize>(client: &Client) -> Vec<Option<Error>> {
        fn fail<T: DeserializeOwned>(client: &Client) -> Option<Error> {
            client.get::<T>("/api/x").err()
        }
        vec![
            fail::<Picky<WAY>>(client),
            fail::<Vec<Picky<WAY>>>(client),
            fail::<HashMap<Picky<WAY>, IgnoredAny>>(client),
            fail::<HashMap<String, Picky<WAY>>>(client),
            fail::<HashMap<String, bool>>(client),
            fail::<Closed>(client),
            fail::<Tagged>(client),
            fail::<bool>(client),
        ]
    }
    let asks: [Ask; 10] = [
        ("as it is", all::<0>),
        ("missing field", all::<1>),
        ("expected", all::<2>),
        ("expected, with a place", all::<3>),
        ("invalid type", all::<4>),
        ("missing field, expected", all::<5>),
        ("unknown field", all::<6>),
        ("in words", all::<7>),
        ("in capitals", all::<8>),
        ("in small letters", all::<9>),
    ];
    let values = [
        "Alice@Example.com",
        "x, expected Alice@Example.com at line 1 column 1",
        "x, expected Alice@Example.com",
        "missing field `Alice@Example.com`",
        "missing field `Alice`",
        "Alice",
        "b, expected `Alice`",
    ];
    let cases = (0..asks.len()).flat_map(|n| values.map(|value| (n, asks[n].0, value)));
    each(cases, |(n, _, value)| {
        let (_, ask) = asks[*n];
        let escaped = value.replace("Al", "\\u0041l");
        let bodies = [*value, &escaped].map(|value| {
            [
                format!("\"{value}\""),
                format!("[\"{value}\"]"),
                format!("{{\"a\": \"{value}\"}}"),
                format!("{{\"{value}\": 1}}"),
                format!("{{\"{value}\": \"{value}\", \"{value}\": 2}}"),
                format!("{{\"kind\": \"{value}\"}}"),
                // Not every JSON text can be read as a whole.
                format!("[\"{value}\", 1e400]"),
                format!("{{\"a\": \"{value}\", \"b\": 1e400}}"),
            ]
        });
        let server = FakeMode::start();
        let client = client(&server);
        for body in bodies.concat() {
            server.on("/api/x", Reply::json(200, &*body));
            for error in ask(&client).into_iter().flatten() {
                let text = shown(&error);
                assert_eq!(error.kind(), ErrorKind::Decode);
                // The name of a key is not a value, so `Alice` alone may be shown if it is one.
                let is_key = body.contains("lice\":") && !value.contains('@');
                let is_shown = text.to_lowercase().contains("alice");
                assert!(!is_shown || is_key, "{body}: {text}");
                assert!(!text.to_lowercase().contains("example"), "{body}: {text}");
            }
        }
    });
}

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
fn no_value_of_a_row_gets_out_whatever_it_imitates() {
    const IMITATIONS: [&str; 5] = [
        "x, expected alice@example.com at line 1 column 1",
        "missing field `bob@example.com`",
        "missing field `example`",
        "invalid type: string, expected example",
        "\\u0065xample@\\u0065xample, expected \\u0065xample",
    ];
    let fields = [
        "state",
        "member_username",
        "username",
        "member_token",
        "name",
        "email",
        "admin",
        "invited",
        "managed_by_scim",
        "activated_at",
    ];
    each(fields, |field| {
        for value in IMITATIONS {
            for row in [
                format!(r#"{{"{field}": {{"{value}": "{value}"}}, "state": "x"}}"#),
                format!(r#"{{"{field}": ["{value}"], "state": "x"}}"#),
                format!(r#"{{"{field}": "{value}", "{field}": "{value}", "state": "x"}}"#),
                format!(r#"{{"{field}": "{value}", "{value}": "{value}", "admin": "{value}"}}"#),
                format!(r#"{{"{field}": "{value}"#),
            ] {
                let server = serving(Reply::json(200, format!("[{row}]")));
                let error = client(&server).memberships("acme").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Decode, "{row}");
                assert!(!shown(&error).contains("example"), "{row}: {error:?}");
            }
        }
    });
}

#[test]
fn server_text_cannot_steer_a_terminal() {
    let unprintable = (0..0x20)
        .chain([0x7f, 0x9b, 0x85, 0xad, 0x61c, 0xfeff])
        .chain(0x200b..=0x200f);
    for c in unprintable
        .chain(0x2028..=0x202e)
        .chain(0x2060..=0x206f)
        .filter_map(char::from_u32)
    {
        let error = client(&serving(Reply::error(
            400,
            &c.to_string(),
            &format!("a{c}b"),
        )))
        .memberships("acme")
        .unwrap_err();
        assert_eq!(
            error.api_message(),
            Some(&*format!("a\\u{{{:x}}}b", c as u32))
        );
        assert!(!shown(&error).replace('\n', "").contains(c), "{:?}", c);
    }
}

#[test]
fn a_redirect_to_a_host_with_a_secret_in_its_name_does_not_show_it() {
    let server = FakeMode::start();
    let client = Client::builder(Credentials::new("ToKeN", "SeCrEt").unwrap())
        .base_url(server.origin())
        .build()
        .unwrap();
    let reply = Reply::json(302, "").header("Location", "HTTPS://SeCrEt.example/");
    server.on("/api/x", reply);
    let text = client.get::<()>("/api/x").unwrap_err().to_string();
    assert!(text.contains("to https://[redacted].example is"), "{text}");
}

#[test]
fn a_redirect_is_not_followed() {
    let second = TcpListener::bind("127.0.0.1:0").unwrap();
    second.set_nonblocking(true).unwrap();
    let address = second.local_addr().unwrap();
    for status in 300..=399 {
        for location in [
            format!("http://{address}/api/x"),
            format!("//{address}/"),
            FULL.to_owned(),
            String::new(),
        ] {
            let framing = if status == 304 {
                Framing::None
            } else {
                Framing::Length
            };
            let server = serving(
                Reply::json(status, "")
                    .header("Location", &location)
                    .framing(framing),
            );
            let error = builder(&server)
                .build()
                .unwrap()
                .memberships("acme")
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::UnexpectedStatus, Some(status))
            );
            assert_eq!(server.targets().len(), 1);
        }
    }
    assert!(second.accept().is_err(), "nobody came");
}

#[test]
fn a_secret_that_was_cut_is_blanked_too() {
    // 65,536 bytes are read of an error's body, and they end amid a secret.
    let server = serving(Reply::bytes(400, "text/plain", crate::SECRET.repeat(3000)));
    let error = crate::client(&server).memberships("acme").unwrap_err();
    assert_eq!(error.api_message(), Some("[redacted]"));
}

#[test]
fn a_secret_that_looks_like_a_marker_of_serde_json_is_blanked() {
    const ODD: &str = r#"Se"$cret-Xyz"#;
    let bodies = [
        r#"{"id": "Se\"$cret-Xyz", "message": "no Se\"$cret-Xyz"}"#,
        r#"{"message": "no Se\"\u0024cret-Xyz"}"#,
        r#"{"message": {"Se\"$cret-Xyz": "$Se\"$cret-Xyz"}}"#,
    ];
    each(bodies, |body| {
        let server = serving(Reply::json(418, *body));
        let client = Client::builder(Credentials::new("token", ODD).unwrap())
            .base_url(server.origin())
            .build()
            .unwrap();
        let error = client.memberships("acme").unwrap_err();
        assert!(error.to_string().contains("[redacted]"), "{error}");
        assert!(!shown(&error).contains("cret-Xyz"), "{error}");
    });
}

#[test]
fn a_secret_with_a_noncharacter_is_blanked() {
    let server = serving(Reply::json(418, "{\"message\": \"no ab\u{fdd0}cdefgh\"}"));
    let client = Client::builder(Credentials::new("token", "ab\u{fdd0}cdefgh").unwrap())
        .base_url(server.origin())
        .build()
        .unwrap();
    let error = client.memberships("acme").unwrap_err();
    assert_eq!(error.api_message(), Some("no [redacted]"));
}

#[test]
fn the_end_of_a_text_is_a_cut_secret_from_three_characters_on() {
    let cases = [
        ("it took 77", "it took 77"),
        ("it took 77e", "it took [redacted]"),
    ];
    each(cases, |(message, shown)| {
        let server = serving(Reply::error(400, "bad_request", message));
        let error = crate::client(&server).memberships("acme").unwrap_err();
        assert_eq!(error.api_message(), Some(*shown));
    });
}

/// Types that write what they read into an error, behind serde's own words.
mod quoting {
    use std::fmt::{Debug, Display};

    use serde::de::{DeserializeOwned, Error};
    use serde::{Deserialize, Deserializer};

    #[derive(Debug)]
    pub struct Quoting<T, const WAY: usize>(std::marker::PhantomData<T>);

    impl<'de, T: DeserializeOwned + Display, const WAY: usize> Deserialize<'de> for Quoting<T, WAY> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let it = T::deserialize(deserializer)?;
            Err(D::Error::custom(match WAY {
                0 => format!("bad, expected {it}"),
                1 => format!("missing field `{it}`"),
                2 => format!("bad, expected {it}s"),
                _ => format!("bad, expected {}", it.to_string().to_uppercase()),
            }))
        }
    }
}

#[test]
fn a_value_that_begins_what_the_type_says_does_not_get_out() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Option<u64>")]
    struct Dozen;

    impl TryFrom<Option<u64>> for Dozen {
        type Error = String;

        fn try_from(number: Option<u64>) -> Result<Self, String> {
            Err(format!("bad, expected {}", number.unwrap_or(12)))
        }
    }

    let server = FakeMode::start();
    server.on("/api/x", Reply::json(200, "[1]"));
    let error = crate::client(&server)
        .get::<Vec<Dozen>>("/api/x")
        .unwrap_err();
    assert!(!shown(&error).contains(": expected"), "{error}");
}

#[test]
fn no_plain_value_gets_out_through_a_type_of_the_callers() {
    use quoting::Quoting;
    use std::fmt::Display;

    fn quoted<T: DeserializeOwned + Display + std::fmt::Debug>(body: &str) -> Vec<String> {
        let server = FakeMode::start();
        server.on("/api/x", Reply::json(200, body));
        let client = crate::client(&server);
        fn fail<T: DeserializeOwned + std::fmt::Debug>(client: &Client) -> String {
            shown(&client.get::<HashMap<String, T>>("/api/x").unwrap_err())
        }
        vec![
            fail::<Quoting<T, 0>>(&client),
            fail::<Quoting<T, 1>>(&client),
            fail::<Quoting<T, 2>>(&client),
            fail::<Quoting<T, 3>>(&client),
        ]
    }
    fn nothing_of_it(texts: Vec<String>) {
        for text in texts {
            assert!(
                !text.contains(": expected") && !text.contains("missing"),
                "{text}"
            );
        }
    }
    let texts = [
        "hunter2",
        "x",
        "e",
        "line",
        "column",
        "***",
        "\u{1f600}",
        "ΓΙΩΡΓΟΣ.x",
        "straße",
        "a",
        "A",
        "u8",
    ];
    each(texts, |text| {
        nothing_of_it(quoted::<String>(&format!(r#"{{"note": "{text}"}}"#)));
        // Two fields with one name.
        nothing_of_it(quoted::<String>(&format!(
            r#"{{"note": "{text}", "note": "y"}}"#
        )));
    });
    each(["5551234", "1", "22", "0", "30"], |number| {
        nothing_of_it(quoted::<u64>(&format!(r#"{{"note": {number}}}"#)));
    });
    each(
        ["1e20", "1e-7", "2.50", "123456789012345678901234"],
        |number| {
            nothing_of_it(quoted::<f64>(&format!(r#"{{"note": {number}}}"#)));
        },
    );
}

#[test]
fn a_made_up_position_is_not_shown() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Picky;

    impl TryFrom<String> for Picky {
        type Error = String;

        fn try_from(value: String) -> Result<Self, String> {
            Err(value)
        }
    }

    let server = FakeMode::start();
    let body = r#"{"a": "x at line 5551234 column 8675309"}"#;
    server.on("/api/x", Reply::json(200, body));
    let error = crate::client(&server)
        .get::<HashMap<String, Picky>>("/api/x")
        .unwrap_err();
    assert!(!shown(&error).contains("5551234"), "{error}");
    assert!(!shown(&error).contains("8675309"), "{error}");
}

#[test]
fn a_secret_is_blanked_without_the_blanks_around_it() {
    let server = serving(Reply::bytes(
        400,
        "text/plain",
        "no pass word here, pass word ",
    ));
    let credentials = Credentials::new("token", " pass word ").unwrap();
    let client = Client::builder(credentials)
        .base_url(server.origin())
        .build()
        .unwrap();
    let error = client.memberships("acme").unwrap_err();
    let message = error.api_message().unwrap();
    assert_eq!(message, "no[redacted]here,[redacted]");
}
