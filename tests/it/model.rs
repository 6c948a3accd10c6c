//! Which JSON the models accept, what they read from it, and which they refuse.

use mode_analytics::{
    Account, ErrorKind, Membership, MembershipCounts, MembershipState, Verification,
};
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
    reads_back::<Account>(
        r#"{"username": "ada", "id": 18446744073709551615, "name": "A\"\u0007"}"#,
    );
    reads_back::<Verification>(r#"{"workspace": "acme"}"#);
    reads_back::<Membership>(
        r#"{"username": "ada", "state": "a\"b", "admin": true, "activated_at": null}"#,
    );
    reads_back::<MembershipState>(r#""b\u00e4nned""#);
    let rows: Vec<Membership> =
        serde_json::from_str(r#"[{"state": "active"}, {"state": "x"}]"#).unwrap();
    reads_back::<MembershipCounts>(
        &serde_json::to_string(&rows.iter().collect::<MembershipCounts>()).unwrap(),
    );
}

#[test]
fn a_state_is_a_text() {
    assert_eq!(MembershipState::from("active"), MembershipState::ACTIVE);
    assert_eq!(
        MembershipState::from(String::from("active")),
        MembershipState::ACTIVE
    );
    assert!(MembershipState::ACTIVE == *"active" && MembershipState::ACTIVE == "active");
    let banned = MembershipState::from("banned");
    assert!(*"active" != banned && "active" != banned);
    assert!(banned != *"active" && banned != "active");
    assert!(MembershipState::ACTIVE != *"banned" && MembershipState::ACTIVE != "banned");
    let sorted = ["b", "active", "a"]
        .map(MembershipState::from)
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        sorted
            .iter()
            .map(MembershipState::as_str)
            .collect::<Vec<_>>(),
        ["a", "active", "b"]
    );
    assert_eq!(
        format!("[{:>8}]", MembershipState::from("banned")),
        "[  banned]"
    );
    assert_eq!(
        serde_json::to_string(&MembershipState::from("banned")).unwrap(),
        r#""banned""#
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
            .starts_with("invalid type: sequence, expected an object"),
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
fn an_id_of_another_type_is_refused() {
    let ids = [
        "1.5",
        "true",
        "[]",
        "{}",
        "1e3",
        "1e999",
        "18446744073709551616",
    ];
    each(ids, |id| {
        let server = FakeMode::start();
        let user = format!(r#"{{"username": "ada", "id": {id}}}"#);
        server.on("/api/account", Reply::json(200, user));
        let error = client(&server).account().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    });
}

#[test]
fn an_id_that_is_cut_off_or_not_json_is_no_wrong_type() {
    let cases = [
        (
            r#"{"username": "ada", "id":"#,
            "JSON that ends too early at line 1 column 25",
        ),
        (
            r#"{"username": "ada", "id": "12"#,
            "JSON that ends too early at line 1 column 29",
        ),
        (
            r#"{"username": "ada", "id": xyz}"#,
            "not JSON at line 1 column 27",
        ),
        (
            r#"{"username": "ada", "id": []}"#,
            "unexpected JSON: expected a whole number or a string at line 1 column 29",
        ),
    ];
    each(cases, |(body, what)| {
        let server = FakeMode::start();
        server.on("/api/account", Reply::json(200, *body));
        let text = client(&server).account().unwrap_err().to_string();
        assert!(text.contains(&format!("response: {what} (")), "{text}");
    });
}
