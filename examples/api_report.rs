//! Reports what Mode's API really answers for your key, in a form that you can paste into an issue.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example api_report`
//!
//! It sends GET requests to Mode and nothing to anybody else. It shows the shape of each response but none of its
//! values: no person, address, workspace or token, and no error message. The only exceptions are the names of the
//! states. The name of a field or a state should consist of lower-case letters and underscores; any other name is
//! shown as `(other)`.
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `lexopt`, `serde` (with its feature `derive`) and `serde_json`.

mod support;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::slice;

use anyhow::Result;
use lexopt::prelude::*;
use mode_analytics::Client;
use serde::Serialize;
use serde_json::Value as Json;

const HELP: &str = "\
Reports what Mode's API answers for your key, so that you can paste it into an issue:
the names and types of the fields and the counts of the states, but nobody's data.

Usage: api_report [--json] [--workspace NAME]
Example: cargo run --example api_report -- --json

Options:
  --json            print the report as JSON";

const NOTE: &str =
    "This report contains no value from any response, except for the names of states.\n";

const REQUESTS: [&str; 6] = [
    "/api/account",
    "/api/verify",
    "/api/{workspace}/memberships",
    "/api/{workspace}/memberships?page=2",
    "/api/{workspace}/memberships/lite",
    "/api/{workspace}/memberships/lite?page=2",
];

/// What is reported about a response. `again` counts the rows that the previous response had as well.
#[derive(Default, Serialize)]
pub struct Response {
    request: &'static str,
    status: Option<u16>,
    shape: Option<&'static str>,
    rows: usize,
    again: usize,
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
        support::print(&print(&report(&support::client()?, workspace))?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Sends all the requests, even if some of them fail.
pub fn report(client: &Client, mut workspace: Option<String>) -> Vec<Response> {
    let mut rows_before = HashSet::new();
    let mut ask = |request: &'static str| {
        let name = workspace.clone().unwrap_or_default();
        // Even a hostile name must not lead to another route.
        let path = request.replace("{workspace}", &name.replace(['/', '?', '%'], " "));
        let mut response = Response {
            request,
            ..Response::default()
        };
        match client.get::<Json>(&path) {
            Ok(body) => {
                let rows = response.describe(&body);
                response.again = rows.intersection(&rows_before).count();
                rows_before = rows;
                let opened = body["workspace"].as_str().map(str::to_owned);
                workspace = workspace.take().or(opened);
            }
            Err(error) => {
                let id = error.api_id().map(shown).unwrap_or_default();
                response.error = Some(format!("{:?} {id}", error.kind()).trim_end().to_owned());
                response.status = error.status();
            }
        }
        response
    };
    REQUESTS.into_iter().map(&mut ask).collect()
}

impl Response {
    /// Notes everything except values. Returns the rows as text.
    fn describe(&mut self, body: &Json) -> HashSet<String> {
        let (shape, rows) = match (body, &body["_embedded"]["memberships"]) {
            (Json::Array(rows), _) => ("array", &rows[..]),
            (_, Json::Array(rows)) => ("envelope", &rows[..]),
            _ => (kind(body), slice::from_ref(body)),
        };
        (self.status, self.shape, self.rows) = (Some(200), Some(shape), rows.len());
        let found = &mut self.found;
        let mut note = |what, name| *found.entry(what).or_default().entry(name).or_default() += 1;
        let parts = [
            ("counters", &body["pagination"]),
            ("links", &body["_links"]),
        ];
        for (what, part) in parts {
            entries(part).for_each(|(name, _)| note(what, shown(name)));
        }
        for row in rows {
            for (name, value) in entries(row) {
                note("fields", format!("{}: {}", shown(name), kind(value)));
            }
            if shape != "object" {
                entries(&row["_links"]).for_each(|(name, _)| note("links of rows", shown(name)));
                let state = row["state"].as_str();
                state
                    .into_iter()
                    .for_each(|state| note("states", shown(state)));
            }
        }
        rows.iter().map(Json::to_string).collect()
    }
}

fn entries(object: &Json) -> impl Iterator<Item = (&String, &Json)> {
    object.as_object().into_iter().flatten()
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
    let mut text = format!(
        "{NOTE}\n{:<40} status shape     rows again error\n",
        "request"
    );
    for it in responses {
        let status = it.status.map_or("-".into(), |s| s.to_string());
        let (request, shape, rows) = (it.request, it.shape.unwrap_or("-"), it.rows);
        let (again, error) = (it.again, it.error.as_deref().unwrap_or("-"));
        text += &format!("{request:<40} {status:<6} {shape:<8} {rows:>5} {again:>5} {error}\n");
        for (what, counts) in &it.found {
            let counts = counts.iter().map(|(name, n)| format!("{name} ({n})"));
            text += &format!("    {what}: {}\n", Vec::from_iter(counts).join(", "));
        }
    }
    Ok(text)
}
