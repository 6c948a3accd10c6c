//! The examples print what the public guides' scripts print.

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use serde_json::Value;

use crate::client;

#[allow(dead_code)]
#[path = "../../examples/active_users.rs"]
mod active_users;
#[allow(dead_code)]
#[path = "../../examples/check_access.rs"]
mod check_access;
#[allow(dead_code)]
#[path = "../../examples/list_users.rs"]
mod list_users;
#[allow(dead_code)]
#[path = "../../examples/sync_users.rs"]
mod sync_users;

fn printed(
    print: impl FnOnce(&mut dyn std::io::Write) -> Result<(), Box<dyn std::error::Error>>,
) -> String {
    let mut out = Vec::new();
    print(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn they_agree_with_the_guides() {
    let server = FakeMode::start();
    let people = Workspace::new("acme", 40).shape(Shape::Array);
    people.serve(&server);
    let client = client(&server);

    // As the guides do it: iterate the array, print each, count those whose state is `active`.
    let array: Vec<Value> = serde_json::from_str(&people.memberships_json()).unwrap();
    let line = |row: &Value| {
        format!(
            "User: {}, State: {}\n",
            row["member_username"].as_str().unwrap_or("-"),
            row["state"].as_str().unwrap()
        )
    };
    let lines: String = array.iter().map(line).collect();
    let active = array.iter().filter(|row| row["state"] == "active").count();

    assert_eq!(
        printed(|out| list_users::list_users(&client, "acme", false, out)),
        lines
    );
    let chart = printed(|out| active_users::active_users(&client, "acme", out));
    assert_eq!(
        chart.lines().next(),
        Some(&*format!("Active Users Count: {active}"))
    );
    assert_eq!(chart.lines().count(), 1 + people.states().len());

    let json = printed(|out| list_users::list_users(&client, "acme", true, out));
    let rows: Vec<mode_analytics::Membership> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows, client.memberships("acme").unwrap());
}

#[test]
fn check_access_names_the_person_where_there_is_one() {
    let server = FakeMode::start();
    Workspace::new("acme", 8).serve(&server);
    let client = client(&server);
    let lines = |person: &str| format!("Workspace: acme\nScope: workspace\nBelongs to: {person}\n");
    assert_eq!(
        printed(|out| check_access::check_access(&client, out)),
        lines("ada1")
    );

    server.on(
        "/api/verify",
        Reply::json(
            200,
            r#"{"workspace": "acme", "api_key_scope": "workspace"}"#,
        ),
    );
    assert_eq!(
        printed(|out| check_access::check_access(&client, out)),
        lines("no person")
    );
}

#[test]
fn an_empty_workspace_is_no_trouble() {
    let server = crate::serving(Reply::json(200, "[]"));
    let client = client(&server);
    assert_eq!(
        printed(|out| list_users::list_users(&client, "acme", false, out)),
        ""
    );
    assert_eq!(
        printed(|out| active_users::active_users(&client, "acme", out)),
        "Active Users Count: 0\n"
    );
}

/// What `sync_users` writes for this directory, and whether it says that all is in sync.
fn synced(directory: &str) -> Result<(String, bool), String> {
    let rows = r#"[{"username": "ada", "email": "ada@example.com", "state": "active"},
        {"username": null, "email": "Ben@Example.com", "state": "invited"},
        {"username": "eva", "email": null, "state": "banned"}]"#;
    let server = FakeMode::start();
    server.on(
        crate::LITE,
        Reply::json(
            200,
            format!(r#"{{"_embedded": {{"memberships": {rows}}}}}"#),
        ),
    );
    let mut out = Vec::new();
    let result = sync_users::sync_users(&client(&server), "acme", directory.as_bytes(), &mut out);
    result
        .map(|same| (String::from_utf8(out).unwrap(), same))
        .map_err(|error| error.to_string())
}

#[test]
fn sync_users_tells_the_differences() {
    let same = "\u{feff}state, email ,username,shoe size\nactive,,ada,44\ninvited,ben@example.com,,\nbanned,x@y,EVA,1\n";
    assert_eq!(
        synced(same),
        Ok((
            "3 in the directory, 3 in Mode, 0 differences\n".into(),
            true
        ))
    );

    let other = "username,email,state\nada,,banned\nzoe,zoe@example.com,active\nnoname,BEN@example.com,invited\n";
    let lines = "state  ada: active in Mode, banned in the directory\nadd    zoe (active)\nremove eva (banned)\n\
        3 in the directory, 3 in Mode, 3 differences\n";
    assert_eq!(synced(other), Ok((lines.into(), false)));

    let nobody = synced("username,email,state\n").unwrap();
    assert!(
        nobody
            .0
            .starts_with("remove ada (active)\nremove Ben@Example.com (invited)\n")
            && !nobody.1,
        "{nobody:?}"
    );
}

#[test]
fn sync_users_refuses_what_it_cannot_compare() {
    for (directory, text) in [
        ("", "no column `username`"),
        ("username,email\nada,\n", "no column `state`"),
        (
            "username,email,state\nada,active\n",
            "found record with 2 fields",
        ),
        (
            "username,email,state\n,,active\n",
            "row 1 of the directory has neither username nor email",
        ),
        (
            "username,email,state\nada,,active\n,ada@example.com,active\n",
            "ada@example.com is in the directory twice",
        ),
    ] {
        let error = synced(directory).unwrap_err();
        assert!(error.contains(text), "{error}");
    }
    let server = FakeMode::start();
    let result = sync_users::sync_users(
        &client(&server),
        "acme",
        &b"username,email,state\n"[..],
        &mut Vec::new(),
    );
    assert!(result.unwrap_err().to_string().contains("404"));
}
