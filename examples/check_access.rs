//! Checks whether an API key works, which workspace it gives access to, and whose it is.
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
Checks whether a Mode API key works, what it gives access to, and whose it is.

Usage: check_access [--json] [--workspace NAME]

If you name a workspace, it is an error if the key gives access to another one.

Options:
  --json            print the result as JSON";

/// What a key gives access to, and the user name of the member it belongs to.
#[derive(Serialize)]
pub struct Access {
    workspace: String,
    scope: Option<String>,
    belongs_to: Option<String>,
}

fn main() -> ExitCode {
    support::run(HELP, support::EXIT_CODE, |mut arguments| {
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
        if let Some(expected) = expected {
            ensure!(
                expected.eq_ignore_ascii_case(&access.workspace),
                "this key gives access to the workspace {}, not to {expected}",
                access.workspace
            );
        }
        Ok((print(&access)?, 0))
    })
}

pub fn check_access(client: &Client) -> Result<Access> {
    let verification = client.verify()?;
    let belongs_to = match client.account() {
        Ok(account) => Some(account.username),
        // This is how Mode answers for a key that does not belong to a member.
        Err(error) if error.kind() == ErrorKind::BadRequest => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Access {
        workspace: verification.workspace,
        scope: verification.api_key_scope,
        belongs_to,
    })
}

pub fn lines(access: &Access) -> Result<String> {
    let scope = access.scope.as_deref().unwrap_or("-");
    let member = access.belongs_to.as_deref().unwrap_or("no member");
    let [workspace, scope, member] = [&access.workspace, scope, member].map(support::escape);
    Ok(format!(
        "Workspace: {workspace}\nScope: {scope}\nBelongs to: {member}\n"
    ))
}
