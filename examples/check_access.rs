//! Checks whether an API key works, which workspace it opens, and whose it is.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example check_access`
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `lexopt`, `serde` (with its feature `derive`) and `serde_json`.

mod support;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use lexopt::prelude::*;
use mode_analytics::{Client, ErrorKind};
use serde::Serialize;

const HELP: &str = "\
Checks whether a Mode API key works, which workspace it opens, and whose it is.

Usage: check_access [--json] [--workspace NAME]
Example: cargo run --example check_access -- --json

If you name a workspace, it is an error if the key opens another one.

Options:
  --json            print the result as JSON";

/// What a key opens, and the user name of the member it belongs to.
#[derive(Serialize)]
pub struct Access {
    workspace: Option<String>,
    scope: Option<String>,
    belongs_to: Option<String>,
}

fn main() -> ExitCode {
    support::run(HELP, |mut arguments| {
        let mut print: fn(&Access) -> Result<String> = lines;
        let mut workspace = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => print = support::json,
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let expected = support::named_workspace(workspace)?;
        let access = check_access(&support::client()?)?;
        if let (Some(expected), Some(opened)) = (expected, &access.workspace) {
            ensure!(
                expected.eq_ignore_ascii_case(opened),
                "this key opens the workspace {opened}, not {expected}"
            );
        }
        support::print(&print(&access)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn check_access(client: &Client) -> Result<Access> {
    let opened = client.verify()?;
    let belongs_to = match client.account() {
        Ok(account) => Some(account.username),
        // This is how Mode answers for a key that does not belong to a member.
        Err(error) if error.kind() == ErrorKind::BadRequest => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Access {
        workspace: opened.workspace,
        scope: opened.api_key_scope,
        belongs_to,
    })
}

pub fn lines(access: &Access) -> Result<String> {
    let or = |text: &Option<String>, other| support::escape(text.as_deref().unwrap_or(other));
    let (workspace, scope) = (or(&access.workspace, "-"), or(&access.scope, "-"));
    let member = or(&access.belongs_to, "no member");
    Ok(format!(
        "Workspace: {workspace}\nScope: {scope}\nBelongs to: {member}\n"
    ))
}
