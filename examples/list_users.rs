//! Lists the members of a workspace.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example list_users`
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `csv`, `lexopt`, `serde` and `serde_json`.

mod support;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;
use mode_analytics::{Membership, MembershipCounts};
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

type Print = fn(&[Membership]) -> Result<String>;

fn main() -> ExitCode {
    support::run(HELP, |mut arguments| {
        let (mut print, mut state, mut workspace) = (None::<Print>, None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") if print.is_none() => print = Some(support::json),
                Long("csv") if print.is_none() => print = Some(csv),
                Long("json" | "csv") => bail!(lexopt::Error::from("only one of --json and --csv")),
                Long("state") => state = Some(arguments.value()?.string()?),
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let client = support::client()?;
        let workspace = support::workspace(&client, workspace)?;
        let mut members = client.memberships(&workspace)?;
        let states = MembershipCounts::from_iter(&members).by_state;
        members.retain(|member| state.as_ref().is_none_or(|state| member.state == **state));
        if let Some(state) = state.filter(|_| members.is_empty() && !states.is_empty()) {
            let states = Vec::from_iter(states.into_keys()).join(", ");
            support::announce(&format!("nobody is in state {state}, only in: {states}"));
        }
        support::print(&print.unwrap_or(lines)(&members)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn lines(members: &[Membership]) -> Result<String> {
    let lines = members.iter().map(|member| {
        let user = member.member_username.as_deref().unwrap_or("-");
        support::escape(&format!("User: {user}, State: {}", member.state)) + "\n"
    });
    Ok(lines.collect())
}

fn csv(members: &[Membership]) -> Result<String> {
    let mut csv = csv::WriterBuilder::new();
    let mut csv = csv.terminator(csv::Terminator::CRLF).from_writer(vec![]);
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
