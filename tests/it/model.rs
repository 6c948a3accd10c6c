//! What is read of an answer, and what is refused.

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
fn a_state_is_text() {
    assert_eq!(MembershipState::from("active"), MembershipState::ACTIVE);
    assert_eq!(
        MembershipState::from(String::from("active")),
        MembershipState::ACTIVE
    );
    assert!(MembershipState::ACTIVE == *"active" && MembershipState::ACTIVE == "active");
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
    for (json, name) in [
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
    ] {
        let row: Membership = serde_json::from_str(json).unwrap();
        assert_eq!(row.member_username.as_deref(), name, "{json}");
    }
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
fn what_is_no_object_is_no_answer() {
    let server = FakeMode::start();
    for body in [r#"["ada"]"#, r#""ada""#, "7", "null", "true", "[]"] {
        server
            .on("/api/account", Reply::json(200, body))
            .on("/api/verify", Reply::json(200, body));
        assert_eq!(
            client(&server).account().unwrap_err().kind(),
            ErrorKind::Decode,
            "{body}"
        );
        assert_eq!(
            client(&server).verify().unwrap_err().kind(),
            ErrorKind::Decode,
            "{body}"
        );
    }
    for id in ["1.5", "true", "[]", "{}"] {
        server.on(
            "/api/account",
            Reply::json(200, format!(r#"{{"username": "ada", "id": {id}}}"#)),
        );
        assert_eq!(
            client(&server).account().unwrap_err().kind(),
            ErrorKind::Decode,
            "{id}"
        );
    }
}
