//! A workspace of made-up people.

use std::collections::BTreeMap;

use crate::reply::Reply;
use crate::server::FakeMode;

const NAMES: [&str; 7] = [
    "Ada Okafor",
    "Ben Núñez",
    "Cleo O'Brien",
    "Dev Sato",
    "Eva Weiß",
    "Finn Moreau",
    "Gita Lind",
];

/// A plausible whole workspace, the same on every run.
///
/// About four people in five are `active`; the others are `invited` (half of these without a user name, for want of
/// an account), `banned` or `pending`.
#[derive(Clone, Debug)]
pub struct Workspace {
    name: String,
    people: usize,
    shape: Shape,
}

/// How the memberships route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The envelope with `_embedded.memberships`. The default.
    Hal,
    /// A bare array, whose rows have `member_username` and `state` alone.
    Array,
}

impl Workspace {
    /// A workspace of so many people. `name` is a slug, such as `acme`.
    pub fn new(name: &str, people: usize) -> Workspace {
        Workspace {
            name: name.to_owned(),
            people,
            shape: Shape::Hal,
        }
    }

    /// Default: [`Shape::Hal`].
    pub fn shape(mut self, shape: Shape) -> Workspace {
        self.shape = shape;
        self
    }

    /// The body of `/api/{workspace}/memberships`.
    pub fn memberships_json(&self) -> String {
        match self.shape {
            Shape::Hal => self.envelope("memberships", |person| person.hal_row(&self.name)),
            Shape::Array => format!("[{}]", self.rows(Person::array_row)),
        }
    }

    /// The body of `/api/{workspace}/memberships/lite`.
    pub fn lite_json(&self) -> String {
        self.envelope("memberships/lite", Person::lite_row)
    }

    /// How many people are in each state, in the order of the states' names.
    pub fn states(&self) -> Vec<(String, usize)> {
        let mut states = BTreeMap::new();
        for person in self.people() {
            *states.entry(person.state.to_owned()).or_default() += 1;
        }
        states.into_iter().collect()
    }

    /// Makes `server` this workspace, asked with one of its workspace keys.
    ///
    /// The account route refuses such a key, as Mode does; verify leads to the key record, and that to the user
    /// object of the workspace's first person. Without a Basic `Authorization` header every route is a 401.
    pub fn serve(&self, server: &FakeMode) {
        let workspace = &self.name;
        let member = Person::new(1);
        let key_path = format!("/api/{workspace}/api_keys/{}", token(0));
        let (to_key, to_member) = (link("self", &key_path), link("member", &member.path));
        let verification = format!(
            r#"{{"workspace":"{workspace}","workspace_token":"{}","api_key_scope":"workspace","_links":{{{to_key}}}}}"#,
            token(1)
        );
        let key = format!(r#"{{"token_name":"Stand-in key","_links":{{{to_key},{to_member}}}}}"#);
        let refusal = "This endpoint is unsupported for use with Api Keys";

        let memberships = format!("/api/{workspace}/memberships");
        let lite = format!("{memberships}/lite");
        for (target, reply) in [
            ("/api/account", Reply::error(400, "bad_request", refusal)),
            ("/api/verify", Reply::json(200, verification)),
            (&key_path, Reply::json(200, key)),
            (&member.path, Reply::json(200, member.user())),
            (&memberships, Reply::json(200, self.memberships_json())),
            (&lite, Reply::json(200, self.lite_json())),
        ] {
            server.route(target, move |request| {
                match request.header("authorization") {
                    Some(value) if value.starts_with("Basic ") => reply.clone(),
                    _ => Reply::error(401, "unauthorized", "Authentication is required"),
                }
            });
        }
    }

    fn people(&self) -> impl Iterator<Item = Person> {
        (1..=self.people).map(Person::new)
    }

    fn rows(&self, row: impl Fn(&Person) -> String) -> String {
        let rows: Vec<String> = self.people().map(|person| row(&person)).collect();
        rows.join(",")
    }

    fn envelope(&self, route: &str, row: impl Fn(&Person) -> String) -> String {
        let to_self = link("self", &format!("/api/{}/{route}", self.name));
        let rows = self.rows(row);
        format!(r#"{{"_links":{{{to_self}}},"_embedded":{{"memberships":[{rows}]}}}}"#)
    }
}

/// One of the made-up people: every workspace has the same ones, numbered from 1.
pub(crate) struct Person {
    number: usize,
    name: &'static str,
    email: String,
    /// As JSON: `null` for those who have none.
    username: String,
    /// Of the user object.
    path: String,
    token: String,
    state: &'static str,
    admin: bool,
}

impl Person {
    pub(crate) fn new(number: usize) -> Person {
        let name = NAMES[(number - 1) % NAMES.len()];
        let first_name = name.split(' ').next().unwrap_or_default();
        let handle = format!("{}{number}", first_name.to_ascii_lowercase());
        let token = token(number + 1);
        let (username, path) = match number % 20 {
            3 => ("null".to_owned(), format!("/api/{token}")),
            _ => (format!("\"{handle}\""), format!("/api/{handle}")),
        };
        Person {
            number,
            name,
            email: format!("{handle}@example.com"),
            username,
            path,
            token,
            state: match number % 20 {
                3 | 13 => "invited",
                6 => "banned",
                16 => "pending",
                _ => "active",
            },
            admin: number % 25 == 1,
        }
    }

    fn array_row(&self) -> String {
        let (username, state) = (&self.username, self.state);
        format!(r#"{{"member_username":{username},"state":"{state}"}}"#)
    }

    fn lite_row(&self) -> String {
        let (email, name, username) = (&self.email, self.name, &self.username);
        let (token, state, admin) = (&self.token, self.state, self.admin);
        format!(
            r#"{{"email":"{email}","name":"{name}","username":{username},"member_token":"{token}","state":"{state}","admin":{admin}}}"#
        )
    }

    pub(crate) fn hal_row(&self, workspace: &str) -> String {
        let (username, token, state, admin) = (&self.username, &self.token, self.state, self.admin);
        let (invited, scim) = (state == "invited", self.number % 2 == 0);
        let day = self.number % 28 + 1;
        let activated_at = match state {
            "active" | "banned" => format!(r#""2024-05-{day:02}T09:30:00.000Z""#),
            _ => "null".to_owned(),
        };
        let api = format!("/api/{workspace}/memberships/{token}");
        let web = format!("https://app.mode.com/{workspace}/memberships/{token}");
        let links = [
            ("self", api.clone()),
            ("user", self.path.clone()),
            ("organization", format!("/api/{workspace}")),
            ("groups", format!("{api}/groups")),
            ("web_self", web.clone()),
            ("web_self_approve", format!("{web}/approve")),
            ("web_self_confirm_destroy", format!("{web}/confirm_destroy")),
            (
                "web_self_download_profile",
                format!("{web}/download_profile"),
            ),
            ("web_self_unban", format!("{web}/unban")),
        ];
        let links = links.map(|(name, href)| link(name, &href)).join(",");
        format!(
            r#"{{"admin":{admin},"invited":{invited},"limited":false,"state":"{state}","member_username":{username},"member_token":"{token}","activated_at":{activated_at},"managed_by_scim":{scim},"_links":{{{links}}},"_embedded":{{}}}}"#
        )
    }

    fn user(&self) -> String {
        let (username, name, id) = (&self.username, self.name, self.number);
        let (token, email, to_self) = (&self.token, &self.email, link("self", &self.path));
        format!(
            r#"{{"username":{username},"name":"{name}","id":{id},"token":"{token}","email":"{email}","email_verified":true,"user":true,"created_at":"2024-05-01T09:30:00.000Z","avatar":null,"_links":{{{to_self}}}}}"#
        )
    }
}

/// One entry of a `_links` object.
fn link(name: &str, href: &str) -> String {
    format!(r#""{name}":{{"href":"{href}"}}"#)
}

/// Twelve hexadecimal digits, other ones for each number.
fn token(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:012x}", mixed >> 16)
}
