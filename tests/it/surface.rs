//! What outside programs rely on and `.ci/public-api.txt` does not say.

use std::collections::BTreeMap;

use fake_mode::{FakeMode, Reply};
use mode_analytics::{
    Account, Client, ClientBuilder, Credentials, Error, ErrorKind, Membership, MembershipCounts,
    Verification,
};

use crate::{FULL, builder, client, credentials};

#[test]
fn types_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Client>();
    shared::<ClientBuilder>();
    shared::<Credentials>();
    shared::<Account>();
    shared::<Verification>();
    shared::<Membership>();
    shared::<MembershipCounts>();
    shared::<Error>();
    shared::<ErrorKind>();
}

#[test]
fn an_error_is_one_word_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[test]
fn rows_are_counted_by_value_and_by_reference() {
    let json = r#"[{"state": "active"}, {"state": "x"}, {"state": "active"}]"#;
    let rows: Vec<Membership> = serde_json::from_str(json).unwrap();
    let by_reference: MembershipCounts = rows.iter().collect();
    let by_value: MembershipCounts = rows.into_iter().collect();
    assert_eq!(by_value, by_reference);
    assert_eq!((by_value.total, by_value.active), (3, 2));
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
        "Credentials { .. } ClientBuilder { .. } Client(http://localhost:1)"
    );
}

#[test]
fn a_request_carries_the_headers_of_the_design() {
    let server = FakeMode::start();
    server.on("/api/verify", Reply::json(200, r#"{"workspace": "acme"}"#));
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
    let encoding = cfg!(feature = "gzip").then_some("gzip");
    assert_eq!(first.header("accept-encoding"), encoding);
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
            retry.number(),
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
