//! Every file of `tests/fixtures/`, sent by the stand-in and read by the client: what the crate makes of each shape
//! that Mode has been seen to send. The README in that folder says where each shape was seen.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::{ErrorKind, Membership};
use serde_json::{Value, json};

use crate::{FULL, LITE, builder, client, each};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const KEY: &str = "/api/acme/api_keys/6d81f2ab40c9";

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The body in `file`, with the content type that its extension tells.
fn reply(status: u16, file: &str) -> Reply {
    let content_type = match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/hal+json",
        Some("html") => "text/html",
        _ => "text/plain",
    };
    Reply::bytes(status, content_type, text(file))
}

/// A server that sends these files, each with status 200.
fn serving<const N: usize>(routes: [(&str, &str); N]) -> FakeMode {
    let server = FakeMode::start();
    for (target, file) in routes {
        server.on(target, reply(200, file));
    }
    server
}

/// A server that refuses the account route to a key, as Mode does, and sends these files.
fn serving_a_key<const N: usize>(routes: [(&str, &str); N]) -> FakeMode {
    let server = serving(routes);
    server.on("/api/account", reply(400, "errors/400-account.json"));
    server
}

fn page(number: usize) -> String {
    format!("{FULL}?page={number}")
}

fn user_names(rows: &[Membership]) -> Vec<Option<&str>> {
    rows.iter()
        .map(|row| row.member_username.as_deref())
        .collect()
}

/// The names `user01` to `userNN`, which the pages of `paging/` list.
fn numbered(last: usize) -> Vec<String> {
    (1..=last).map(|n| format!("user{n:02}")).collect()
}

/// Lists the members of `server`, checks that they are `numbered(last)`, and returns what was asked.
fn asked_for_all(server: &FakeMode, last: usize) -> Vec<String> {
    let rows = client(server).memberships("acme").unwrap();
    let listed: Vec<_> = rows
        .into_iter()
        .map(|row| row.member_username.unwrap())
        .collect();
    assert_eq!(listed, numbered(last));
    let asked = server.targets();
    let counts = client(server).membership_counts("acme").unwrap();
    assert_eq!(counts.active, last);
    assert_eq!(server.targets()[asked.len()..], asked);
    asked
}

/// The files below `folder`, by their path relative to `tests/fixtures/`.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let file = path.strip_prefix(FOLDER).unwrap().to_str().unwrap();
            found.push(file.replace('\\', "/"));
        }
    }
    found
}

#[test]
fn every_file_is_used_here_and_described_in_the_readme() {
    let readme = text("README.md");
    let tests = include_str!("fixtures.rs");
    let files = files(Path::new(FOLDER));
    each(files.iter().filter(|file| *file != "README.md"), |file| {
        assert!(tests.contains(&format!("\"{file}\"")), "no test uses it");
        assert!(
            readme.contains(&format!("\n| `{file}` |")),
            "the README has no row for it"
        );
    });
    let rows = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    each(rows, |(file, _)| {
        assert!(files.iter().any(|known| known == file), "no such file");
    });
}

#[test]
fn the_account_route_sends_a_user() {
    let server = serving([("/api/account", "account.json")]);
    let account = client(&server).account().unwrap();
    assert_eq!(
        serde_json::to_value(account).unwrap(),
        json!({
            "username": "ada",
            "name": "Ada Okafor",
            "token": "3f0c8a1b9d21",
            "email": "ada@example.com",
            "created_at": "2019-03-14T08:00:00.000Z",
        })
    );
}

#[test]
fn verify_names_the_workspace_and_at_times_the_scope() {
    let cases = [
        ("verify.json", Some("member")),
        ("verify-without-scope.json", None),
    ];
    each(cases, |&(file, scope)| {
        let server = serving([("/api/verify", file)]);
        let verification = client(&server).verify().unwrap();
        assert_eq!(verification.workspace, "acme");
        assert_eq!(
            verification.workspace_token.as_deref(),
            Some("a0c3e5f71b92")
        );
        assert_eq!(verification.api_key_scope.as_deref(), scope);
    });
}

#[test]
fn the_record_of_a_key_leads_to_its_member() {
    let server = serving_a_key([
        ("/api/verify", "verify.json"),
        (KEY, "api-key.json"),
        ("/api/bob", "member.json"),
    ]);
    let account = client(&server).account().unwrap();
    assert_eq!(account.username, "bob");
    assert_eq!(
        server.targets(),
        ["/api/account", "/api/verify", KEY, "/api/bob"]
    );
}

#[test]
fn a_key_without_a_member_has_no_account() {
    let cases = [
        ("verify.json", KEY, "api-key-without-member.json"),
        ("verify-without-scope.json", "/api/acme", "workspace.json"),
    ];
    each(cases, |&(verification, target, linked)| {
        let server = serving_a_key([("/api/verify", verification), (target, linked)]);
        let error = client(&server).account().unwrap_err();
        assert_eq!(
            (error.kind(), error.status(), error.api_message()),
            (
                ErrorKind::BadRequest,
                Some(400),
                Some("This endpoint is unsupported for use with Api Keys")
            )
        );
        assert_eq!(server.targets(), ["/api/account", "/api/verify", target]);
    });
}

#[test]
fn every_shape_lists_the_same_members() {
    let cases = [
        (FULL, "memberships.json"),
        (FULL, "memberships-array.json"),
        (LITE, "memberships-lite.json"),
    ];
    each(cases, |&(target, file)| {
        let server = serving([(target, file)]);
        let rows = client(&server).memberships("acme").unwrap();
        assert_eq!(user_names(&rows), [Some("ada"), None, Some("cleo")]);
        let states: Vec<_> = rows.iter().map(|row| row.state.as_str()).collect();
        assert_eq!(states, ["active", "invited", "banned"]);

        let counts = client(&server).membership_counts("acme").unwrap();
        assert_eq!(counts, rows.iter().collect());
        assert_eq!((counts.total, counts.active), (3, 1));
    });
}

#[test]
fn a_row_holds_what_its_shape_has() {
    let row = |target, file| {
        let rows = client(&serving([(target, file)])).memberships("acme");
        serde_json::to_value(&rows.unwrap()[0]).unwrap()
    };
    assert_eq!(
        row(FULL, "memberships.json"),
        json!({
            "member_username": "ada",
            "state": "active",
            "member_token": "3f0c8a1b9d21",
            "name": null,
            "email": null,
            "admin": true,
            "invited": false,
            "managed_by_scim": false,
            "activated_at": "2024-05-02T09:30:00.000Z",
        })
    );
    assert_eq!(
        row(LITE, "memberships-lite.json"),
        json!({
            "member_username": "ada",
            "state": "active",
            "member_token": "3f0c8a1b9d21",
            "name": "Ada Okafor",
            "email": "ada@example.com",
            "admin": true,
            "invited": null,
            "managed_by_scim": null,
            "activated_at": null,
        })
    );
}

#[test]
fn the_rows_of_2024_lack_some_fields() {
    let server = serving([(FULL, "memberships-2024.json")]);
    let rows = client(&server).memberships("acme").unwrap();
    assert_eq!(user_names(&rows), [Some("ada"), Some("cleo")]);
    assert_eq!(rows[0].admin, Some(true));
    assert_eq!(rows[0].member_token.as_deref(), Some("3f0c8a1b9d21"));
    assert_eq!((rows[0].invited, rows[0].managed_by_scim), (None, None));
}

#[test]
fn rows_without_a_name_or_token_are_members_too() {
    let server = serving([(FULL, "memberships-reference.json")]);
    let rows = client(&server).memberships("acme").unwrap();
    assert_eq!(user_names(&rows), [None, None]);
    assert!(rows.iter().all(|row| row.member_token.is_none()));
    let counts = client(&server).membership_counts("acme").unwrap();
    assert_eq!((counts.total, counts.active), (2, 2));
}

#[test]
fn a_link_past_the_end_costs_one_request_and_nothing_else() {
    let server = serving([
        (FULL, "paging/counted-1.json"),
        (&page(2), "paging/counted-2.json"),
        (&page(3), "paging/counted-3.json"),
    ]);
    server.on(&page(4), reply(404, "errors/404-not_found.json"));
    assert!(text("paging/counted-3.json").contains("next_page"));
    let asked = [FULL.to_owned(), page(2), page(3), page(4)];
    assert_eq!(asked_for_all(&server, 7), asked);
}

#[test]
fn the_counters_of_the_openapi_file_are_read() {
    let server = serving([(FULL, "paging/counted-openapi.json")]);
    assert_eq!(asked_for_all(&server, 2), [FULL]);
    server.on(
        FULL,
        Reply::json(
            200,
            text("paging/counted-openapi.json")
                .replace(r#""total_count": 2"#, r#""total_count": 3"#),
        ),
    );
    let error = client(&server).memberships("acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn links_lead_on_until_a_page_is_missing() {
    let server = serving([
        (FULL, "paging/linked-1.json"),
        (&page(2), "paging/linked-2.json"),
    ]);
    server.on(&page(3), reply(404, "errors/404-not_found.json"));
    assert_eq!(
        asked_for_all(&server, 5),
        [FULL.to_owned(), page(2), page(3)]
    );
}

#[test]
fn thirty_rows_without_counters_or_link_may_have_a_second_page() {
    let server = serving([
        (FULL, "paging/unmarked-1.json"),
        (&page(2), "paging/unmarked-2.json"),
    ]);
    assert_eq!(asked_for_all(&server, 34), [FULL.to_owned(), page(2)]);
}

#[test]
fn a_route_that_ignores_the_page_number_gives_each_member_once() {
    // The stand-in finds a route by its path: so every page is the first one.
    let server = serving([(FULL, "paging/unmarked-1.json")]);
    assert_eq!(asked_for_all(&server, 30), [FULL.to_owned(), page(2)]);
}

#[test]
fn a_member_is_listed_once_even_if_their_state_changes_between_pages() {
    let server = serving([(FULL, "paging/linked-1.json")]);
    let later = text("paging/linked-1.json").replacen("active", "banned", 1);
    server.on(&page(2), Reply::json(200, later));
    assert_eq!(asked_for_all(&server, 3), [FULL.to_owned(), page(2)]);
}

#[test]
fn a_sign_in_page_is_not_an_answer() {
    let server = serving([
        (FULL, "sign-in.html"),
        ("/api/verify", "sign-in.html"),
        ("/api/account", "sign-in.html"),
    ]);
    let client = client(&server);
    let errors = [
        client.verify().unwrap_err(),
        client.account().unwrap_err(),
        client.memberships("acme").unwrap_err(),
        client.membership_counts("acme").unwrap_err(),
    ];
    each(errors, |error| assert_eq!(error.kind(), ErrorKind::Decode));
}

#[test]
fn every_error_body_gives_its_status_id_and_message() {
    use ErrorKind::*;
    let cases = [
        ("errors/400-bad_request.json", BadRequest),
        ("errors/400-param_missing.json", BadRequest),
        ("errors/401-unauthorized.json", Unauthorized),
        ("errors/403-forbidden.json", Forbidden),
        ("errors/404-not_found.json", NotFound),
        ("errors/413-payload_too_large.json", UnexpectedStatus),
        ("errors/429-rate_limited.json", RateLimited),
        ("errors/500-internal_server_error.json", Server),
        ("errors/503-service_unavailable.json", Server),
    ];
    each(cases, |&(file, kind)| {
        let body: Value = serde_json::from_str(&text(file)).unwrap();
        let (status, id) = file.trim_end_matches(".json")["errors/".len()..]
            .split_once('-')
            .unwrap();
        let error = error_of(status.parse().unwrap(), file);
        assert_eq!(error.kind(), kind);
        assert_eq!(error.api_id(), Some(id));
        assert_eq!(error.api_message(), body["message"].as_str());
    });
}

#[test]
fn an_error_body_of_another_shape_never_hides_the_status() {
    use ErrorKind::*;
    let problems = "name: is already taken, is too short";
    let cases = [
        ("errors/422-fields.json", UnexpectedStatus, Some(problems)),
        (
            "errors/429-plain-text.txt",
            RateLimited,
            Some("Too many API request"),
        ),
        ("errors/502-html.html", Server, None),
        ("errors/503-empty.txt", Server, None),
    ];
    each(cases, |&(file, kind, message)| {
        let (status, _) = file["errors/".len()..].split_once('-').unwrap();
        let error = error_of(status.parse().unwrap(), file);
        assert_eq!(error.kind(), kind);
        assert_eq!((error.api_id(), error.api_message()), (None, message));
    });
}

/// The error that a response with this status and the body in `file` becomes.
fn error_of(status: u16, file: &str) -> mode_analytics::Error {
    let server = FakeMode::start();
    server.on("/api/x", reply(status, file));
    let client = builder(&server).max_retries(0).build().unwrap();
    let error = client.get::<Value>("/api/x").unwrap_err();
    assert_eq!(error.status(), Some(status));
    error
}

#[test]
fn the_stand_in_sends_only_fields_that_a_fixture_has() {
    let people = Workspace::new("acme", 40);
    let server = FakeMode::start();
    people.serve(&server);
    let array = people.shape(Shape::Array).memberships_json();
    server.on("/api/array", Reply::json(200, array));

    let client = client(&server);
    let sent = |path: &str| client.get::<Value>(path).unwrap();
    let link =
        |value: Value, name: &str| value["_links"][name]["href"].as_str().unwrap().to_owned();
    let key = link(sent("/api/verify"), "self");
    let member = link(sent(&key), "member");
    let cases = [
        ("/api/verify", "verify.json"),
        (&key, "api-key.json"),
        (&member, "account.json"),
        (FULL, "memberships.json"),
        (LITE, "memberships-lite.json"),
        ("/api/array", "memberships-array.json"),
    ];
    each(cases, |&(path, file)| {
        let known = fields(&serde_json::from_str(&text(file)).unwrap());
        let extra: Vec<_> = fields(&sent(path)).difference(&known).cloned().collect();
        assert!(extra.is_empty(), "no fixture has {extra:?}");
    });
}

/// The names of all fields in `value`, with the names of the fields that they are in.
fn fields(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                names.extend(fields(value).into_iter().map(|f| format!("{name}/{f}")));
            }
        }
        Value::Array(items) => names.extend(items.iter().flat_map(fields)),
        _ => {}
    }
    names
}
