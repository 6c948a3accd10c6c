//! How many people of a workspace are active, and a small chart of all the states.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… MODE_WORKSPACE=acme cargo run --example active_users`

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::{env, io};

use mode_analytics::{Client, Credentials};

fn main() -> ExitCode {
    match client()
        .and_then(|(client, workspace)| active_users(&client, &workspace, &mut io::stdout()))
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

/// Writes the number of active people, then a bar for each state.
pub fn active_users(
    client: &Client,
    workspace: &str,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let counts = client.membership_counts(workspace)?;
    writeln!(out, "Active Users Count: {}", counts.active)?;
    let width = counts
        .by_state
        .keys()
        .map(|state| state.chars().count())
        .max()
        .unwrap_or(0);
    for (state, people) in &counts.by_state {
        let bar = "█".repeat((people * 40).div_ceil(counts.total));
        writeln!(out, "{state:<width$} {bar} {people}")?;
    }
    Ok(())
}
