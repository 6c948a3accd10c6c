//! `verify()`, and `account()` with the three requests that replace it for an API key.

use fake_mode::{FakeMode, Reply};
use mode_analytics::ErrorKind;

use crate::{client, each};

const REFUSED: &str = "This endpoint is unsupported for use with Api Keys";
const VERIFY: &str = r#"{"workspace": "acme", "workspace_token": "w1", "api_key_scope": "member",
    "_links": {"self": {"href": "/api/acme/api_keys/7"}}}"#;

fn server_for_a_key(verify: &str, key: &str) -> FakeMode {
    let server = FakeMode::start();
    server.on("/api/account", Reply::error(400, "bad_request", REFUSED));
    server.on("/api/verify", Reply::json(200, verify));
    server.on("/api/acme/api_keys/7", Reply::json(200, key));
    server.on(
        "/api/bob",
        Reply::json(200, r#"{"username": "bob", "id": "42", "avatar": null}"#),
    );
    server
}

#[test]
fn verify_says_what_the_key_gives_access_to() {
    let server = server_for_a_key(VERIFY, "{}");
    let opened = client(&server).verify().unwrap();
    assert_eq!(opened.workspace, "acme");
    assert_eq!(opened.workspace_token.as_deref(), Some("w1"));
    assert_eq!(opened.api_key_scope.as_deref(), Some("member"));
    assert_eq!(server.targets(), ["/api/verify"]);
}

#[test]
fn account_is_the_user_object() {
    let server = FakeMode::start();
    let user = r#"{"username": "ada", "name": "Ada", "id": 7, "token": "u1", "email": null,
        "created_at": "2024-01-01T00:00:00Z", "user": {}}"#;
    server.on("/api/account", Reply::json(200, user));
    let account = client(&server).account().unwrap();
    assert_eq!(
        (account.username.as_str(), account.name.as_deref()),
        ("ada", Some("Ada"))
    );
    assert_eq!(
        (account.token.as_deref(), account.email),
        (Some("u1"), None)
    );
    assert_eq!(account.created_at.as_deref(), Some("2024-01-01T00:00:00Z"));
    assert_eq!(server.targets().len(), 1);
}

#[test]
fn a_key_leads_to_its_member() {
    let server = server_for_a_key(
        VERIFY,
        r#"{"token_name": "ci", "_links": {"member": {"href": "/api/bob"}}}"#,
    );
    let account = client(&server).account().unwrap();
    assert_eq!(account.username, "bob");
    assert_eq!(
        server.targets(),
        [
            "/api/account",
            "/api/verify",
            "/api/acme/api_keys/7",
            "/api/bob"
        ]
    );
}

#[test]
fn without_a_usable_member_the_first_refusal_comes_back() {
    const NONE: &str = "no member was found: verify() says what the key gives access to";
    const ELSEWHERE: &str = "a link to the member does not stay below /api/ at the base URL";
    let with_member = |href: &str| format!(r#"{{"_links": {{"member": {{"href": {href}}}}}}}"#);
    let too_long = format!("\"/api/{}\"", "x".repeat(70_000));
    let cases = [
        (VERIFY, "{}".to_owned(), 3, NONE),
        (VERIFY, r#"{"_links": null}"#.to_owned(), 3, NONE),
        (VERIFY, r#"{"_links": [0, 0]}"#.to_owned(), 3, NONE),
        (
            VERIFY,
            r#"{"_links": {"member": null}}"#.to_owned(),
            3,
            NONE,
        ),
        (
            VERIFY,
            r#"{"_links": {"member": "/api/bob"}}"#.to_owned(),
            3,
            NONE,
        ),
        (VERIFY, with_member("null"), 3, NONE),
        (VERIFY, with_member("7"), 3, NONE),
        (VERIFY, with_member(r#"{"href": "/api/bob"}"#), 3, NONE),
        (
            VERIFY,
            with_member(r#""https://evil.example/api/bob""#),
            3,
            ELSEWHERE,
        ),
        (
            VERIFY,
            with_member(r#""//evil.example/api/bob""#),
            3,
            ELSEWHERE,
        ),
        (VERIFY, with_member(r#""/api/../admin""#), 3, ELSEWHERE),
        (VERIFY, with_member(r#""/api/<bob>""#), 3, ELSEWHERE),
        (VERIFY, with_member(&too_long), 3, ELSEWHERE),
        (VERIFY, with_member(r#""/api/bob\r\nX: y""#), 3, ELSEWHERE),
        (
            r#"{"workspace": "acme"}"#,
            with_member(r#""/api/bob""#),
            2,
            NONE,
        ),
    ];
    each(cases, |(verify, key, requests, advice)| {
        let server = server_for_a_key(verify, key);
        let error = client(&server).account().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest);
        assert_eq!(error.status(), Some(400));
        assert_eq!(error.api_message(), Some(REFUSED));
        let text = format!("GET /api/account: 400 bad_request: {REFUSED} ({advice})");
        assert_eq!(error.to_string(), text);
        assert_eq!(server.targets().len(), *requests);
    });
}

#[test]
fn a_link_with_our_own_origin_in_front_is_followed() {
    let links = |origin: &str| {
        let link =
            |name, path| format!(r#"{{"_links": {{"{name}": {{"href": "{origin}{path}"}}}}}}"#);
        (
            link("self", "/api/acme/api_keys/7"),
            link("member", "/api/bob"),
        )
    };
    let server = server_for_a_key("", "");
    let port = server.addr().port();
    let cases = [
        (server.origin(), true),
        (server.origin().to_uppercase(), true),
        (server.origin().replace("http:", "https:"), false),
        (format!("http://user@127.0.0.1:{port}"), false),
        (format!("http://127.0.0.1:{}", port ^ 1), false),
        ("http://127.0.0.1".into(), false),
        ("http://evil.example".into(), false),
        (format!("{}.evil.example", server.origin()), false),
    ];
    each(cases, |(origin, is_followed)| {
        let (verify, key) = links(origin);
        server.on("/api/verify", Reply::json(200, verify));
        server.on("/api/acme/api_keys/7", Reply::json(200, key));
        let account = client(&server).account();
        let username = account.map(|account| account.username).ok();
        assert_eq!(username.as_deref(), is_followed.then_some("bob"));
    });
    // A path stays a path, whatever its query looks like.
    let (_, key) = links("");
    let path = "/api/acme/api_keys/7?from=https://evil.example/";
    let verify = format!(r#"{{"_links": {{"self": {{"href": "{path}"}}}}}}"#);
    server.on("/api/verify", Reply::json(200, verify));
    server.on("/api/acme/api_keys/7", Reply::json(200, key));
    assert_eq!(client(&server).account().unwrap().username, "bob");
}

#[test]
fn fields_that_are_not_needed_may_hold_anything() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let verify = VERIFY.replacen('{', &format!(r#"{{"x": {deep}, "#), 1);
    let server = server_for_a_key(
        &verify,
        &format!(r#"{{"y": {deep}, "_links": {{"member": {{"href": "/api/bob"}}}}}}"#),
    );
    assert_eq!(client(&server).account().unwrap().username, "bob");
    let error = format!(r#"{{"x": {deep}, "y": 1e400, "id": "forbidden", "message": "no"}}"#);
    server.on("/api/verify", Reply::json(422, error));
    let error = client(&server).verify().unwrap_err();
    assert_eq!(
        (error.kind(), error.api_message()),
        (ErrorKind::Forbidden, Some("no"))
    );
}

#[test]
fn a_failure_on_the_way_comes_back_as_it_is() {
    let server = server_for_a_key(VERIFY, "{}");
    server.on("/api/acme/api_keys/7", Reply::error(403, "forbidden", "no"));
    let error = client(&server).account().unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Forbidden, Some(403))
    );
    assert!(
        error
            .to_string()
            .starts_with("GET /api/acme/api_keys/7: 403 forbidden: no"),
        "{error}"
    );

    let server = server_for_a_key("<html>", "{}");
    assert_eq!(
        client(&server).account().unwrap_err().kind(),
        ErrorKind::Decode
    );
}

#[test]
fn only_a_400_starts_the_detour_whatever_its_id() {
    let server = server_for_a_key(VERIFY, r#"{"_links": {"member": {"href": "/api/bob"}}}"#);
    server.on("/api/account", Reply::error(400, "forbidden", "no"));
    assert_eq!(client(&server).account().unwrap().username, "bob");

    server.on("/api/account", Reply::error(401, "bad_request", "no"));
    assert_eq!(client(&server).account().unwrap_err().status(), Some(401));
    assert_eq!(server.targets().len(), 5);
}
