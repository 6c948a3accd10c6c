//! Compares a workspace with the company's own directory: who to add, who to remove, whose state differs.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… MODE_WORKSPACE=acme cargo run --example sync_users -- people.csv`
//!
//! The CSV file has a header row with `username`, `email` and `state`, in any order; other columns do not matter. People
//! are matched by user name, else by e-mail address. It asks for the lite listing, the one that carries e-mail addresses.
//! Exit code 0: in sync; 2: not in sync; 1: an error, and nothing is known.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::{env, io};

use mode_analytics::{Client, Credentials, Membership};
use serde::Deserialize;

/// A row of the directory.
#[derive(Deserialize)]
struct Person {
    username: String,
    email: String,
    state: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
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

fn run() -> Result<bool, Box<dyn Error>> {
    let path = env::args()
        .nth(1)
        .ok_or("usage: cargo run --example sync_users -- people.csv")?;
    let directory = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
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
    sync_users(&client, &workspace?, directory, &mut io::stdout())
}

/// Writes a line for each difference, and says whether there is none.
pub fn sync_users(
    client: &Client,
    workspace: &str,
    directory: impl Read,
    out: &mut dyn Write,
) -> Result<bool, Box<dyn Error>> {
    let directory = read(directory)?;
    // A failed call ends here: it must not look like an empty workspace.
    let members = client.memberships_lite(workspace)?;

    let by = |key: fn(&Membership) -> Option<&str>| -> HashMap<String, usize> {
        let keys = members
            .iter()
            .enumerate()
            .filter_map(|(n, member)| Some((folded(key(member)?), n)));
        keys.filter(|(key, _)| !key.is_empty()).collect()
    };
    let by_username = by(|member| member.member_username.as_deref());
    let by_email = by(|member| member.email.as_deref());

    let mut known = vec![false; members.len()];
    let mut differences = 0;
    for person in &directory {
        let name = if person.username.is_empty() {
            &person.email
        } else {
            &person.username
        };
        let found = by_username
            .get(&folded(&person.username))
            .or_else(|| by_email.get(&folded(&person.email)));
        let Some(&found) = found else {
            writeln!(out, "add    {name} ({})", person.state)?;
            differences += 1;
            continue;
        };
        if std::mem::replace(&mut known[found], true) {
            return Err(format!("{name} is in the directory twice").into());
        }
        let state = &members[found].state;
        if *state != *person.state {
            writeln!(
                out,
                "state  {name}: {state} in Mode, {} in the directory",
                person.state
            )?;
            differences += 1;
        }
    }
    for (member, _) in members.iter().zip(known).filter(|(_, known)| !known) {
        let name = member
            .member_username
            .as_deref()
            .or(member.email.as_deref())
            .unwrap_or("-");
        writeln!(out, "remove {name} ({})", member.state)?;
        differences += 1;
    }
    writeln!(
        out,
        "{} in the directory, {} in Mode, {differences} differences",
        directory.len(),
        members.len()
    )?;
    Ok(differences == 0)
}

fn read(directory: impl Read) -> Result<Vec<Person>, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(directory);
    // Without this, an empty file would say that everyone is to be removed.
    for column in ["username", "email", "state"] {
        if !reader.headers()?.iter().any(|header| header == column) {
            return Err(format!("the directory has no column `{column}`").into());
        }
    }
    let mut people = Vec::new();
    for person in reader.deserialize() {
        let person: Person = person?;
        if person.username.is_empty() && person.email.is_empty() {
            return Err(format!(
                "row {} of the directory has neither username nor email",
                people.len() + 1
            )
            .into());
        }
        people.push(person);
    }
    Ok(people)
}

fn folded(key: &str) -> String {
    key.to_lowercase()
}
