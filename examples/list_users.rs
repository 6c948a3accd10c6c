//! Lists the members of a workspace.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example list_users`
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `csv`, `lexopt`, `serde` and `serde_json`.

mod support;

use std::process::ExitCode;

use anyhow::Result;
use lexopt::prelude::*;
use mode_analytics::Membership;
use serde_json::Value;

const HELP: &str = "\
Lists the members of a Mode workspace, one per line.

Usage: list_users [--json | --csv] [--state STATE] [--workspace NAME]
Example: cargo run --example list_users -- --csv --state active

Options:
  --json            print everything that Mode says about each member, as JSON
  --csv             print the same as CSV, for a spreadsheet
  --state STATE     list only the members in this state, such as active";

const COLUMNS: &str =
    "member_username,state,member_token,name,email,admin,invited,managed_by_scim,activated_at";

fn main() -> ExitCode {
    support::run(HELP, |mut arguments| {
        let mut print: fn(&[Membership]) -> Result<String> = lines;
        let (mut state, mut workspace) = (None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => print = support::json,
                Long("csv") => print = csv,
                Long("state") => state = Some(arguments.value()?.string()?),
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let client = support::client()?;
        let workspace = support::workspace(&client, workspace)?;
        let mut members = client.memberships(&workspace)?;
        members.retain(|member| state.as_ref().is_none_or(|state| member.state == **state));
        support::print(&print(&members)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn lines(members: &[Membership]) -> Result<String> {
    let lines = members.iter().map(|member| {
        let user = support::escape(member.member_username.as_deref().unwrap_or("-"));
        let state = support::escape(member.state.as_str());
        format!("User: {user}, State: {state}\n")
    });
    Ok(lines.collect())
}

fn csv(members: &[Membership]) -> Result<String> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    csv.write_record(COLUMNS.split(','))?;
    for member in members {
        let member = serde_json::to_value(member)?;
        csv.write_record(COLUMNS.split(',').map(|column| cell(&member[column])))?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// Text that a spreadsheet would take for a formula gets an apostrophe in front, which keeps it text.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{}", support::escape(text))
        }
        Value::String(text) => support::escape(text),
        other => other.to_string(),
    }
}
