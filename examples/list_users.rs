//! Everyone in a workspace, a line each; with `--json`, the rows for a machine.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… MODE_WORKSPACE=acme cargo run --example list_users [-- --json]`

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::{env, io};

use mode_analytics::{Client, Credentials};

fn main() -> ExitCode {
    let json = env::args().any(|argument| argument == "--json");
    match client()
        .and_then(|(client, workspace)| list_users(&client, &workspace, json, &mut io::stdout()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn client() -> Result<(Client, String), Box<dyn Error>> {
    let workspace = env::var("MODE_WORKSPACE")
        .map_err(|_| "set MODE_WORKSPACE: check_access tells which it is");
    let also = if workspace.is_err() {
        " and MODE_WORKSPACE"
    } else {
        ""
    };
    let demo = |error| format!("{error}{also}; without an account: cargo run --example demo");
    let base_url = env::var("MODE_BASE_URL").unwrap_or(Client::DEFAULT_BASE_URL.into());
    let client = Client::builder(Credentials::from_env().map_err(demo)?)
        .base_url(base_url)
        .on_retry(|retry| eprintln!("{:?}; trying again in {:.1?}", retry.error(), retry.delay()))
        .build()?;
    Ok((client, workspace?))
}

/// Writes `User: ada, State: active` for each, or all rows as JSON.
pub fn list_users(
    client: &Client,
    workspace: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let people = client.memberships(workspace)?;
    let mut out = io::BufWriter::new(out);
    if json {
        serde_json::to_writer_pretty(&mut out, &people)?;
        writeln!(out)?;
    } else {
        for person in people {
            let user = person.member_username.as_deref().unwrap_or("-");
            writeln!(out, "User: {user}, State: {}", person.state)?;
        }
    }
    Ok(out.flush()?)
}
