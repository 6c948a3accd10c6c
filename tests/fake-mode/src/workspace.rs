//! A workspace of made-up members.

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

/// A whole workspace of made-up members, the same on every run.
///
/// About four members in five are `active`. The others are `invited` (half of these have no account yet, and so no user
/// name), `banned` or `pending`.
#[derive(Clone, Debug)]
pub struct Workspace {
    name: String,
    members: usize,
    shape: Shape,
    authorization: Option<String>,
}

/// How the memberships route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The envelope with `_embedded.memberships`. The default.
    Hal,
    /// A bare array, whose rows have only `member_username` and `state`.
    Array,
}

impl Workspace {
    /// A workspace with this many members. `name` is how it stands in a URL, such as `acme`.
    pub fn new(name: &str, members: usize) -> Workspace {
        Workspace {
            name: name.to_owned(),
            members,
            shape: Shape::Hal,
            authorization: None,
        }
    }

    /// Default: [`Shape::Hal`].
    pub fn shape(mut self, shape: Shape) -> Workspace {
        self.shape = shape;
        self
    }

    /// The only `Authorization` header that is let in. Default: any Basic one.
    pub fn authorization(mut self, header: &str) -> Workspace {
        self.authorization = Some(header.to_owned());
        self
    }

    /// The body of `/api/{workspace}/memberships`.
    pub fn memberships_json(&self) -> String {
        match self.shape {
            Shape::Hal => self.envelope("memberships", |member| member.hal_row(&self.name)),
            Shape::Array => format!("[{}]", self.rows(Member::array_row)),
        }
    }

    /// The body of `/api/{workspace}/memberships/lite`.
    pub fn lite_json(&self) -> String {
        self.envelope("memberships/lite", Member::lite_row)
    }

    /// How many members are in each state, sorted by the name of the state.
    pub fn states(&self) -> Vec<(String, usize)> {
        let mut states = BTreeMap::new();
        for member in self.members() {
            *states.entry(member.state.to_owned()).or_default() += 1;
        }
        states.into_iter().collect()
    }

    /// Makes `server` answer as this workspace does to one of its workspace keys.
    ///
    /// The account route refuses such a key, as Mode does. The verify route links to the key's record, which links to
    /// the user object of the first member. The workspace has groups on two pages, and links to its listings, of which
    /// `all_memberships` leads to a made-up route. Without the right `Authorization` header, every route answers 401.
    pub fn serve(&self, server: &FakeMode) {
        let workspace = &self.name;
        let member = Member::new(1);
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
        let groups = format!("/api/{workspace}/groups");
        let more_groups = format!("{groups}?page=2");
        for (target, reply) in [
            ("/api/account", Reply::error(400, "bad_request", refusal)),
            ("/api/verify", Reply::json(200, verification)),
            (&key_path, Reply::json(200, key)),
            (&member.path, Reply::json(200, member.user())),
            (&memberships, Reply::json(200, self.memberships_json())),
            (&lite, Reply::json(200, self.lite_json())),
            (
                &format!("/api/{workspace}"),
                Reply::json(200, self.record()),
            ),
            (&groups, Reply::json(200, self.group(1, "Analysts"))),
            (&more_groups, Reply::json(200, self.group(2, "Engineers"))),
        ] {
            let only = self.authorization.clone();
            server.route(target, move |request| {
                let header = request.header("authorization").unwrap_or_default();
                let is_right = match &only {
                    Some(only) => header == only,
                    None => header.starts_with("Basic "),
                };
                if is_right {
                    reply.clone()
                } else {
                    Reply::error(401, "unauthorized", "These credentials do not give access")
                }
            });
        }
    }

    /// The body of `/api/{workspace}`.
    fn record(&self) -> String {
        let links = [
            ("self", ""),
            ("memberships", "/memberships"),
            ("all_memberships", "/all_memberships"),
            ("memberships_lite", "/memberships/lite"),
            ("groups", "/groups"),
        ];
        let name = &self.name;
        let links = links.map(|(link_name, path)| link(link_name, &format!("/api/{name}{path}")));
        let links = links.join(",");
        format!(
            r#"{{"username":"{name}","token":"{}","_links":{{{links}}}}}"#,
            token(1)
        )
    }

    /// A page of `/api/{workspace}/groups`, with one group.
    fn group(&self, number: usize, name: &str) -> String {
        let to_self = link("self", &format!("/api/{}/groups?page={number}", self.name));
        let group = format!(r#"{{"name":"{name}","token":"{}"}}"#, token(number));
        format!(r#"{{"_links":{{{to_self}}},"_embedded":{{"groups":[{group}]}}}}"#)
    }

    fn members(&self) -> impl Iterator<Item = Member> {
        (1..=self.members).map(Member::new)
    }

    fn rows(&self, row: impl Fn(&Member) -> String) -> String {
        let rows: Vec<String> = self.members().map(|member| row(&member)).collect();
        rows.join(",")
    }

    fn envelope(&self, route: &str, row: impl Fn(&Member) -> String) -> String {
        let to_self = link("self", &format!("/api/{}/{route}", self.name));
        let rows = self.rows(row);
        format!(r#"{{"_links":{{{to_self}}},"_embedded":{{"memberships":[{rows}]}}}}"#)
    }
}

/// One of the made-up members. Every workspace has the same ones, numbered from 1.
pub(crate) struct Member {
    number: usize,
    name: &'static str,
    email: String,
    /// As JSON: `null` for a member who has none.
    username: String,
    /// The path of the user object.
    path: String,
    token: String,
    state: &'static str,
    admin: bool,
}

impl Member {
    pub(crate) fn new(number: usize) -> Member {
        let name = NAMES[(number - 1) % NAMES.len()];
        let first_name = name.split(' ').next().unwrap_or_default();
        let handle = format!("{}{number}", first_name.to_ascii_lowercase());
        let token = token(number + 1);
        let (username, path) = match number % 20 {
            3 => ("null".to_owned(), format!("/api/{token}")),
            _ => (format!("\"{handle}\""), format!("/api/{handle}")),
        };
        Member {
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

/// Twelve hexadecimal digits, different for each number.
fn token(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:012x}", mixed >> 16)
}
