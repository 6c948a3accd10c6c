//! Reports the shape of Mode's real responses for your key, in a form that you can paste into an issue.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example api_report`
//!
//! It sends at most seven GET requests to Mode, each of them once, and nothing to anybody else. It shows the shape of
//! the responses but none of their values: no person, address, workspace or token, and no error message. The only
//! exceptions are the names of the states, the ids of errors and, of the workspace's links to memberships, where they
//! lead. The name of a field, a state or a link should consist of lower-case letters and underscores, and a link should
//! lead to a route whose path mentions memberships; everything else is shown as `(other)`.
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `lexopt`, `serde` (with its feature `derive`) and `serde_json`.

mod support;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use lexopt::prelude::*;
use mode_analytics::ErrorKind::{Timeout, Tls, Transport};
use mode_analytics::{Client, ClientBuilder};
use serde::Serialize;
use serde_json::Value as Json;

const HELP: &str = "\
Reports the shape of Mode's real responses for your key. The report contains
nobody's data, so you can paste it into an issue.

Usage: api_report [--json] [--workspace NAME]

Options:
  --json            print the report as JSON";

const NOTE: &str = "\
The only values here are states, error ids and routes of links to memberships.

request                                  status shape     rows repeated error";

const REQUESTS: [&str; 7] = [
    "/api/account",
    "/api/verify",
    "/api/{workspace}",
    "/api/{workspace}/memberships",
    "/api/{workspace}/memberships?page=2",
    "/api/{workspace}/memberships/lite",
    "/api/{workspace}/memberships/lite?page=2",
];

/// What is reported about a response. `repeated` counts the rows that the previous response had as well.
#[derive(Default, Serialize)]
pub struct Response {
    request: &'static str,
    status: Option<u16>,
    shape: Option<&'static str>,
    rows: usize,
    repeated: usize,
    error: Option<String>,
    found: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

fn main() -> ExitCode {
    support::run(HELP, support::EXIT_CODE, |mut arguments| {
        let (mut print, mut workspace): (fn(&[Response]) -> _, _) = (table, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => print = support::json,
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let workspace = support::named_workspace(workspace)?;
        // A failure belongs in the report, even if a second attempt would succeed.
        let client = ClientBuilder::from_env()?.max_retries(0).build()?;
        Ok((print(&report(&client, workspace)?)?, 0))
    })
}

/// Sends all the requests, even if some of them fail, unless the first one finds no connection.
pub fn report(client: &Client, mut workspace: Option<String>) -> Result<Vec<Response>> {
    let mut responses = Vec::new();
    let mut rows_before = HashSet::new();
    for request in REQUESTS {
        let name = workspace.as_deref().unwrap_or_default();
        // Even a hostile name must not lead to another route.
        let path = request.replace("{workspace}", &name.replace(['/', '?', '%'], " "));
        let mut response = Response::default();
        match client.get::<Json>(&path) {
            Ok(body) if request == "/api/{workspace}" => response.note_routes(&body, name),
            Ok(body) => {
                let rows = response.describe(&body);
                response.repeated = rows.intersection(&rows_before).count();
                rows_before = rows;
                workspace = workspace.or(body["workspace"].as_str().map(str::to_owned));
            }
            Err(error) => {
                let is_unreachable = matches!(error.kind(), Transport | Tls | Timeout);
                ensure!(!is_unreachable || !responses.is_empty(), error);
                let id = error.api_id().map(shown).unwrap_or_default();
                response.error = Some(format!("{:?} {id}", error.kind()).trim_end().to_owned());
                response.status = error.status();
            }
        }
        response.request = request;
        responses.push(response);
    }
    Ok(responses)
}

impl Response {
    /// Notes where the links to memberships lead, without the parts that could be somebody's data. Notes nothing else.
    fn note_routes(&mut self, body: &Json, workspace: &str) {
        self.status = Some(200);
        let part = |part| match part {
            "" | "api" | "lite" => part,
            _ if part.eq_ignore_ascii_case(workspace) => "{workspace}",
            _ if part.contains("membership") => shown(part),
            _ => "(other)",
        };
        let links = body["_links"].as_object().into_iter().flatten();
        for (name, link) in links.filter(|(name, _)| name.contains("membership")) {
            let route = link["href"].as_str().unwrap_or("(other)").split('/');
            let route = Vec::from_iter(route.map(part)).join("/");
            self.note("links", format!("{}: {route}", shown(name)));
        }
    }

    /// Notes everything except values. Returns the rows as text.
    fn describe(&mut self, body: &Json) -> HashSet<String> {
        let listing = body["_embedded"]["memberships"].as_array();
        let shape = listing.map_or(kind(body), |_| "envelope");
        let rows = listing.or(body.as_array()).map_or(&[][..], Vec::as_slice);
        (self.status, self.shape, self.rows) = (Some(200), Some(shape), rows.len());
        self.note_fields("body", body);
        self.note_fields("links", &body["_links"]);
        self.note_fields("pagination", &body["pagination"]);
        for row in rows {
            self.note_fields("rows", row);
            self.note_fields("links of rows", &row["_links"]);
            self.note("states", shown(row["state"].as_str().unwrap_or_default()));
        }
        rows.iter().map(Json::to_string).collect()
    }

    fn note_fields(&mut self, part: &'static str, object: &Json) {
        for (name, value) in object.as_object().into_iter().flatten() {
            self.note(part, format!("{}: {}", shown(name), kind(value)));
        }
    }

    fn note(&mut self, part: &'static str, text: impl Into<String>) {
        let counts = self.found.entry(part).or_default();
        *counts.entry(text.into()).or_default() += 1;
    }
}

/// A name, unless it could be somebody's data.
fn shown(name: &str) -> &str {
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_short = (1..=40).contains(&name.len());
    if is_name && is_short { name } else { "(other)" }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

pub fn table(responses: &[Response]) -> Result<String> {
    let mut text = NOTE.to_owned() + "\n";
    for it in responses {
        let status = it.status.map_or("-".into(), |s| s.to_string());
        let (shape, error) = (it.shape.unwrap_or("-"), it.error.as_deref().unwrap_or("-"));
        text += &format!("{:<40} {status:<6} {shape:<8} ", it.request);
        text += &format!("{:>5} {:>8} {error}\n", it.rows, it.repeated);
        for (part, counts) in &it.found {
            let counts = counts.iter().map(|(name, n)| format!("{name} ({n})"));
            text += &format!("    {part}: {}\n", Vec::from_iter(counts).join(", "));
        }
    }
    Ok(text)
}
