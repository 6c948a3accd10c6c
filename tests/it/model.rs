//! Which JSON the models accept, what they read from it, and which they refuse.

use mode_analytics::{Account, ErrorKind, Membership, MembershipCounts, Verification};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{client, each, serving};
use fake_mode::{FakeMode, Reply};

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(json: &str) {
    let value: T = serde_json::from_str(json).unwrap();
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value);
    assert_eq!(
        serde_json::from_value::<T>(serde_json::to_value(&value).unwrap()).unwrap(),
        value
    );
}

#[test]
fn models_read_back_what_they_write() {
    reads_back::<Account>(r#"{"username": "ada", "name": "A\"\u0007"}"#);
    reads_back::<Verification>(r#"{"workspace": "acme"}"#);
    reads_back::<Membership>(
        r#"{"username": "ada", "state": "a\"b", "admin": true, "activated_at": null}"#,
    );
    let rows: Vec<Membership> =
        serde_json::from_str(r#"[{"state": "active"}, {"state": "x"}]"#).unwrap();
    reads_back::<MembershipCounts>(
        &serde_json::to_string(&rows.iter().collect::<MembershipCounts>()).unwrap(),
    );
}

#[test]
fn only_exactly_active_is_active() {
    let cases = [
        ("active", true),
        ("Active", false),
        ("active ", false),
        ("", false),
        ("inactive", false),
    ];
    each(cases, |&(state, active)| {
        let row: Membership =
            serde_json::from_value(serde_json::json!({ "state": state })).unwrap();
        assert_eq!(row.is_active(), active);
    });
}

#[test]
fn member_username_wins_wherever_it_stands() {
    let cases = [
        (
            r#"{"member_username": "m", "username": "u", "state": "x"}"#,
            Some("m"),
        ),
        (
            r#"{"username": "u", "state": "x", "member_username": "m"}"#,
            Some("m"),
        ),
        (r#"{"username": "u", "state": "x"}"#, Some("u")),
        (
            r#"{"member_username": null, "username": "u", "state": "x"}"#,
            Some("u"),
        ),
        (r#"{"state": "x"}"#, None),
    ];
    each(cases, |&(json, name)| {
        let row: Membership = serde_json::from_str(json).unwrap();
        assert_eq!(row.member_username.as_deref(), name);
    });
}

#[test]
fn every_field_of_a_row_is_read() {
    let row = r#"[{"_links": {"self": {}}, "_embedded": {}, "limited": false, "admin": true, "invited": false,
        "managed_by_scim": true, "state": "active", "member_username": "ada", "member_token": "t", "name": "Ada",
        "email": "ada@example.com", "activated_at": "2024-05-01T00:00:00Z"}]"#;
    let rows = client(&serving(Reply::json(200, row)))
        .memberships("acme")
        .unwrap();
    let expected: Vec<Membership> = serde_json::from_str(row).unwrap();
    assert_eq!(rows, expected);
    let row = &rows[0];
    assert_eq!(
        (row.admin, row.invited, row.managed_by_scim),
        (Some(true), Some(false), Some(true))
    );
    assert_eq!(
        (row.name.as_deref(), row.email.as_deref()),
        (Some("Ada"), Some("ada@example.com"))
    );
    assert_eq!(
        (row.member_token.as_deref(), row.activated_at.as_deref()),
        (Some("t"), Some("2024-05-01T00:00:00Z"))
    );
}

#[test]
fn a_row_is_an_object() {
    let error = serde_json::from_str::<Membership>(r#"["ada", null, "active"]"#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("invalid type: JSON, expected an object"),
        "{error}"
    );
}

#[test]
fn an_account_and_a_verification_are_objects() {
    let cases = [r#"["ada"]"#, r#""ada""#, "7", "null", "true", "[]"];
    each(cases, |&body| {
        let server = FakeMode::start();
        server
            .on("/api/account", Reply::json(200, body))
            .on("/api/verify", Reply::json(200, body));
        let account = client(&server).account().unwrap_err();
        assert_eq!(account.kind(), ErrorKind::Decode);
        let verification = client(&server).verify().unwrap_err();
        assert_eq!(verification.kind(), ErrorKind::Decode);
    });
}

#[test]
fn a_verification_names_the_workspace() {
    let cases = [
        "{}",
        r#"{"workspace_token": "w1"}"#,
        r#"{"workspace": null}"#,
        r#"{"workspace": ""}"#,
        r#"{"workspace": " \t "}"#,
    ];
    each(cases, |&body| {
        let server = FakeMode::start();
        server.on("/api/verify", Reply::json(200, body));
        let error = client(&server).verify().unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Decode, false)
        );
        let start =
            "GET /api/verify: cannot read the response: missing field `workspace` at line 1";
        assert!(error.to_string().starts_with(start), "{error}");
    });
}

#[test]
fn what_is_cut_off_or_not_json_is_no_wrong_type() {
    let cases = [
        (
            r#"{"username": "ada", "name":"#,
            "it is not JSON at line 1 column 27",
        ),
        (
            r#"{"username": "ada", "name": "12"#,
            "it is not JSON at line 1 column 31",
        ),
        (
            r#"{"username": "ada", "name": xyz}"#,
            "it is not JSON at line 1 column 29",
        ),
        (
            r#"{"username": "ada", "name": []}"#,
            "unexpected JSON: expected a string at line 1 column 28",
        ),
    ];
    each(cases, |(body, what)| {
        let server = FakeMode::start();
        server.on("/api/account", Reply::json(200, *body));
        let text = client(&server).account().unwrap_err().to_string();
        assert!(text.contains(&format!("response: {what} (")), "{text}");
    });
}

#[test]
fn a_field_that_nobody_reads_may_be_anything() {
    let ids = [
        "1.5",
        "true",
        "[]",
        "{}",
        "1e999",
        "18446744073709551616",
        r#""\ud83d""#,
    ];
    each(ids, |id| {
        let server = FakeMode::start();
        let user = format!(r#"{{"username": "ada", "id": {id}}}"#);
        server.on("/api/account", Reply::json(200, user));
        assert_eq!(client(&server).account().unwrap().username, "ada");
    });
}
