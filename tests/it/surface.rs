//! The names, traits and defaults that outside programs are compiled against.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::Duration;

use fake_mode::{FakeMode, Reply};
use mode_analytics::{
    Account, Client, ClientBuilder, Credentials, Error, ErrorKind, Membership, MembershipCounts,
    MembershipState, Retry, Verification,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{FULL, builder, client, credentials};

#[test]
fn types_have_the_traits_they_promise() {
    fn shared<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    fn model<
        T: Clone + std::fmt::Debug + PartialEq + Eq + Serialize + DeserializeOwned + Send + Sync,
    >() {
    }
    fn state<T>()
    where
        T: Eq + Ord + Hash + std::fmt::Display + From<&'static str> + From<String> + AsRef<str>,
        T: PartialEq<str> + for<'a> PartialEq<&'a str>,
        str: PartialEq<T>,
        for<'a> &'a str: PartialEq<T>,
    {
    }
    fn error<T: std::error::Error + From<ErrorKind> + Send + Sync + 'static>() {}
    fn kind<T: Copy + std::fmt::Debug + std::fmt::Display + Eq + Hash>() {}
    fn counts<T: Default + FromIterator<Membership> + for<'a> FromIterator<&'a Membership>>() {}
    shared::<Credentials>();
    shared::<Client>();
    shared::<ClientBuilder>();
    model::<Account>();
    model::<Verification>();
    model::<Membership>();
    model::<MembershipState>();
    model::<MembershipCounts>();
    state::<MembershipState>();
    error::<Error>();
    kind::<ErrorKind>();
    counts::<MembershipCounts>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[test]
fn signatures_are_those_of_the_contract() {
    let _: fn(&Client) -> mode_analytics::Result<Verification> = Client::verify;
    let _: fn(&Client) -> mode_analytics::Result<Account> = Client::account;
    let _: fn(&Client, &str) -> mode_analytics::Result<Vec<Membership>> = Client::memberships;
    let _: fn(&Client, &str) -> mode_analytics::Result<Vec<Membership>> = Client::memberships_lite;
    let _: fn(&Client, &str) -> mode_analytics::Result<MembershipCounts> =
        Client::membership_counts;
    let _: fn(&Client, &str) -> mode_analytics::Result<Vec<String>> = Client::get;
    let _: fn() -> mode_analytics::Result<Credentials> = Credentials::from_env;
    let _: fn() -> mode_analytics::Result<Client> = Client::from_env;
    let _: fn() -> mode_analytics::Result<ClientBuilder> = ClientBuilder::from_env;
    let _: fn(ErrorKind) -> Error = Error::from;
    let _: fn(&Error) -> ErrorKind = Error::kind;
    let _: fn(&Error) -> Option<u16> = Error::status;
    let _: fn(&Error) -> Option<&str> = Error::api_id;
    let _: fn(&Error) -> Option<&str> = Error::api_message;
    let _: fn(&Error) -> Option<Duration> = Error::retry_after;
    let _: fn(&Error) -> u32 = Error::attempts;
    let _: fn(&Error) -> bool = Error::is_retryable;
    let _: fn(&Retry<'_>) -> (u32, Duration, ErrorKind) =
        |retry| (retry.attempt(), retry.delay(), retry.error().kind());
    assert_eq!(Client::DEFAULT_BASE_URL, "https://app.mode.com");
}

#[test]
fn rows_are_counted_by_value_and_by_reference() {
    let json = r#"[{"state": "active"}, {"state": "x"}, {"state": "active"}]"#;
    let rows: Vec<Membership> = serde_json::from_str(json).unwrap();
    let by_reference: MembershipCounts = rows.iter().collect();
    let by_value: MembershipCounts = rows.into_iter().collect();
    assert_eq!(by_value, by_reference);
    assert_eq!((by_value.total, by_value.active), (3, 2));
    let state = MembershipState::from("x");
    let text: &str = state.as_ref();
    let equal = [text == state, state == text, *text == state, state == *text];
    assert_eq!(equal, [true; 4]);
    let equal = ["active" == state, "active" == MembershipState::ACTIVE];
    assert_eq!(equal, [false, true]);
}

#[test]
fn debug_shows_nothing_of_the_credentials() {
    let builder = Client::builder(credentials()).base_url("http://localhost:1");
    let shown = format!(
        "{:?} {:?} {:?}",
        credentials(),
        builder,
        builder.clone().build().unwrap()
    );
    assert_eq!(
        shown,
        r#"Credentials { .. } ClientBuilder { .. } Client { base_url: "http://localhost:1", .. }"#
    );
}

#[test]
fn a_request_carries_the_headers_of_the_design() {
    let server = FakeMode::start();
    server.on("/api/verify", Reply::json(200, "{}"));
    client(&server).verify().unwrap();
    builder(&server)
        .user_agent("mine/1")
        .build()
        .unwrap()
        .verify()
        .unwrap();

    let [first, second] = &server.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(first.method, "GET");
    assert_eq!(
        first.header("authorization"),
        Some("Basic NWYzYTljMDFkMmU0Ojc3ZTFiMmMzZDRlNWY2MDcxODI5M2E0Yg==")
    );
    assert_eq!(
        first.header("accept"),
        Some("application/hal+json, application/json")
    );
    assert_eq!(
        first.header("user-agent"),
        Some(concat!("mode-analytics-rust/", env!("CARGO_PKG_VERSION")))
    );
    let encoding = if cfg!(feature = "gzip") {
        "gzip"
    } else {
        "identity"
    };
    assert_eq!(first.header("accept-encoding"), Some(encoding));
    assert_eq!(second.header("user-agent"), Some("mine/1"));
}

#[test]
fn a_clone_uses_the_same_connection() {
    let server = crate::serving(Reply::json(200, "[]"));
    let client = client(&server);
    client.memberships("acme").unwrap();
    client.clone().membership_counts("acme").unwrap();
    assert_eq!((server.targets().len(), server.connections()), (2, 1));
}

#[test]
fn get_sends_the_path_verbatim_and_asks_for_one_page() {
    let server = FakeMode::start();
    let path = "/api/acme/groups?page=2&filter=a%20b&x=?/..//y";
    server.on(
        path,
        Reply::json(
            200,
            r#"{"_links": {"next_page": {"href": "/api/acme/groups?page=3"}}, "n": 1}"#,
        ),
    );
    let answer: BTreeMap<String, serde_json::Value> = client(&server).get(path).unwrap();
    assert_eq!(answer["n"], 1);
    assert_eq!(server.targets(), [path]);
}

#[test]
fn on_retry_hears_of_each_wait() {
    let server = FakeMode::start();
    server.script(
        FULL,
        [
            Reply::json(503, "{}"),
            Reply::close(),
            Reply::json(200, "[]"),
        ],
    );
    let (sender, heard) = std::sync::mpsc::channel();
    let client = builder(&server).on_retry(move |retry| {
        let _ = sender.send((
            retry.attempt(),
            retry.error().kind(),
            (1..=2_000_000).contains(&retry.delay().as_nanos()),
        ));
    });
    client.build().unwrap().memberships("acme").unwrap();
    let heard: Vec<_> = heard.try_iter().collect();
    assert_eq!(
        heard,
        [
            (1, ErrorKind::Server, true),
            (2, ErrorKind::Transport, true)
        ]
    );
}
