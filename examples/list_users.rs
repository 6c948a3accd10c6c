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
use mode_analytics::{Membership, MembershipCounts};
use serde_json::{Map, Value};

const HELP: &str = "\
Lists the members of a Mode workspace, one per line.

Usage: list_users [--json | --csv] [--emails] [--state STATE] [--workspace NAME]
Example: list_users --csv --state active

Options:
  --json            print all columns as JSON
  --csv             print all columns as CSV: lines end with CRLF, and what a
                    spreadsheet would take for a formula gets an apostrophe
  --emails          use Mode's lite listing, which has name and email; only the
                    full one has invited, managed_by_scim and activated_at
  --state STATE     list only the members in this state, such as active";

/// The columns of the full listing, and of the lite one.
pub const FULL: &str =
    "member_username,state,member_token,admin,invited,managed_by_scim,activated_at";
const LITE: &str = "member_username,state,member_token,admin,name,email";

type Row = Map<String, Value>;
type Print = fn(&[Row], &str) -> Result<String>;

fn main() -> ExitCode {
    support::run(HELP, support::EXIT_CODE, |mut arguments| {
        let mut print: Option<Print> = None;
        let (mut columns, mut state, mut workspace) = (FULL, None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") if print.is_none() => print = Some(|rows, _| support::json(rows)),
                Long("csv") if print.is_none() => print = Some(csv),
                Long("emails") => columns = LITE,
                Long("state") => state = Some(arguments.value()?.string()?),
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let client = support::client()?;
        let workspace = support::workspace(&client, workspace)?;
        let mut members = match columns {
            LITE => client.memberships_lite(&workspace)?,
            _ => client.memberships(&workspace)?,
        };
        let states = MembershipCounts::from_iter(&members).by_state;
        members.retain(|member| state.as_ref().is_none_or(|state| member.state == *state));
        if let (Some(state), []) = (state, &*members) {
            support::announce(&format!(
                "no member is {state}; the states are {:?}",
                states.keys()
            ));
        }
        let rows = rows(&members, columns)?;
        Ok((print.unwrap_or(lines)(&rows, columns)?, 0))
    })
}

/// The members with these columns only, since a listing never fills the other ones.
pub fn rows(members: &[Membership], columns: &str) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = serde_json::from_value(serde_json::to_value(members)?)?;
    for row in &mut rows {
        row.retain(|name, _| columns.split(',').any(|column| column == name));
    }
    Ok(rows)
}

pub fn lines(rows: &[Row], columns: &str) -> Result<String> {
    let line = |row: &Row| {
        let text = |column| row[column].as_str().unwrap_or("-");
        let (user, state) = (text("member_username"), text("state"));
        let mut line = format!("User: {user}, State: {state}");
        if columns == LITE {
            line += &format!(", Name: {}, Email: {}", text("name"), text("email"));
        }
        support::escape(&line) + "\n"
    };
    Ok(rows.iter().map(line).collect())
}

fn csv(rows: &[Row], columns: &str) -> Result<String> {
    let mut csv = csv::WriterBuilder::new();
    let mut csv = csv.terminator(csv::Terminator::CRLF).from_writer(vec![]);
    csv.write_record(columns.split(','))?;
    for row in rows {
        csv.write_record(columns.split(',').map(|column| support::cell(&row[column])))?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}
