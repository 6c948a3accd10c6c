//! Reports what Mode's API really answers for your key, in a form that you can paste into an issue.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example api_report`
//!
//! It sends six GET requests to Mode, each of them once, and nothing to anybody else. It shows the shape of each
//! response but none of its values: no person, address, workspace or token, and no error message. The only exceptions
//! are the names of the states. The name of a field or a state should consist of lower-case letters and underscores; any
//! other name is shown as `(other)`.
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
Reports what Mode's API answers for your key, so that you can paste it into an issue:
the names and types of the fields and the counts of the states, but nobody's data.

Usage: api_report [--json] [--workspace NAME]
Example: cargo run --example api_report -- --json

Options:
  --json            print the report as JSON";

const NOTE: &str = "\
This report contains no value from any response, except for the names of states.

request                                  status shape     rows repeated error
";

const REQUESTS: [&str; 6] = [
    "/api/account",
    "/api/verify",
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
    support::run(HELP, |mut arguments| {
        let mut print: fn(&[Response]) -> Result<String> = table;
        let mut workspace = None;
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
        support::print(&print(&report(&client, workspace)?)?)?;
        Ok(ExitCode::SUCCESS)
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
    /// Notes everything except values. Returns the rows as text.
    fn describe(&mut self, body: &Json) -> HashSet<String> {
        let (shape, rows) = match (body, &body["_embedded"]["memberships"]) {
            (Json::Array(rows), _) => ("array", &rows[..]),
            (_, Json::Array(rows)) => ("envelope", &rows[..]),
            _ => (kind(body), &[][..]),
        };
        (self.status, self.shape, self.rows) = (Some(200), Some(shape), rows.len());
        let mut note =
            |part, name| *self.found.entry(part).or_default().entry(name).or_default() += 1;
        let mut note_fields = |part, object: &Json| {
            for (name, value) in object.as_object().into_iter().flatten() {
                note(part, format!("{}: {}", shown(name), kind(value)));
            }
        };
        note_fields("body", body);
        note_fields("links", &body["_links"]);
        note_fields("pagination", &body["pagination"]);
        for row in rows {
            note_fields("rows", row);
            note_fields("links of rows", &row["_links"]);
        }
        for row in rows {
            note("states", shown(row["state"].as_str().unwrap_or_default()));
        }
        rows.iter().map(Json::to_string).collect()
    }
}

/// A name, unless it could be somebody's data.
fn shown(name: &str) -> String {
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_short = (1..=40).contains(&name.len());
    (if is_name && is_short { name } else { "(other)" }).to_owned()
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
    let mut text = NOTE.to_owned();
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
