//! Does the key work, what does it open, and whose is it?
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example check_access`

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::{env, io};

use mode_analytics::{Client, Credentials, ErrorKind};

fn main() -> ExitCode {
    match client().and_then(|client| check_access(&client, &mut io::stdout())) {
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

fn client() -> Result<Client, Box<dyn Error>> {
    let demo = |error| format!("{error}; without an account: cargo run --example demo");
    let base_url = env::var("MODE_BASE_URL").unwrap_or(Client::DEFAULT_BASE_URL.into());
    let client = Client::builder(Credentials::from_env().map_err(demo)?)
        .base_url(base_url)
        .on_retry(|retry| eprintln!("{:?}; trying again in {:.1?}", retry.error(), retry.delay()));
    Ok(client.build()?)
}

/// Writes what the key opens, and the person behind it where there is one.
pub fn check_access(client: &Client, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let opened = client.verify()?;
    writeln!(
        out,
        "Workspace: {}",
        opened.workspace.as_deref().unwrap_or("-")
    )?;
    writeln!(
        out,
        "Scope: {}",
        opened.api_key_scope.as_deref().unwrap_or("-")
    )?;
    match client.account() {
        Ok(account) => writeln!(out, "Belongs to: {}", account.username)?,
        Err(error) if error.kind() == ErrorKind::BadRequest => {
            writeln!(out, "Belongs to: no person")?
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
