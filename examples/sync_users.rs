//! Compares a workspace with your company's own directory: whom to add, whom to remove, and whose state differs.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example sync_users -- examples/people.csv`
//!
//! It changes nothing in Mode. It uses the lite listing, because only that one has e-mail addresses. The directory may
//! be an earlier state of the workspace itself, as `list_users --csv` prints it.
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `csv`, `lexopt`, `serde` (with its feature `derive`) and `serde_json`.

mod support;

use std::{collections::HashMap, fs, io, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use lexopt::prelude::*;
use mode_analytics::Membership;
use serde::{Deserialize, Serialize};

const HELP: &str = "\
Compares a Mode workspace with a CSV file of your people, and changes nothing.

Usage: sync_users FILE [--json] [--workspace NAME]
Example: list_users --csv | sync_users -

FILE is what `list_users --csv` prints, or a CSV with the column `state` and at
least one of `username`, `email` and `member_token`; `-` is standard input. A
person is matched by these three, in this order, ignoring case.

Options:
  --json            print the differences as JSON";

const EXIT_CODES: &str = "0 if nothing differs, 1 if something does, 2 after an error.";

/// Somebody in the directory, in Mode, or in both.
#[derive(Default, Deserialize, Serialize)]
pub struct Person {
    /// What to do: `add`, `remove`, or change the `state`.
    #[serde(skip_deserializing)]
    action: &'static str,
    #[serde(alias = "member_username")]
    username: Option<String>,
    email: Option<String>,
    member_token: Option<String>,
    state: Option<String>,
    #[serde(skip_deserializing)]
    state_in_mode: Option<String>,
    /// The line of the directory, if the person is in it.
    #[serde(skip_deserializing)]
    line: Option<u64>,
}

fn main() -> ExitCode {
    support::run(HELP, (2, EXIT_CODES), |mut arguments| {
        let mut print: fn(&[Person]) -> Result<String> = lines;
        let (mut file, mut workspace) = (None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => print = support::json,
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                Value(value) if file.is_none() && !value.is_empty() => file = Some(value.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let file = file.ok_or(lexopt::Error::from("FILE is missing"))?;
        let text = match &*file {
            "-" => io::read_to_string(io::stdin()),
            _ => fs::read_to_string(&file),
        };
        let directory = text.map_err(Into::into).and_then(|text| read(&text));
        let directory = directory.with_context(|| format!("cannot read {file}"))?;
        let client = support::client()?;
        let workspace = support::workspace(&client, workspace)?;
        let differences = compare(directory, client.memberships_lite(&workspace)?).context(file)?;
        Ok((print(&differences)?, u8::from(!differences.is_empty())))
    })
}

/// Reads the directory. An empty one would mean that everybody must be removed, so it is an error.
pub fn read(text: &str) -> Result<Vec<Person>> {
    let text = text.replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers()?;
    let found = Vec::from_iter(header).join("`, `");
    let hint = found.find(';').map_or("", |_| " (separated by `;`?)");
    let header: csv::StringRecord = header.iter().map(str::to_lowercase).collect();
    let mut directory = Vec::new();
    for row in reader.records().collect::<Result<Vec<_>, _>>()? {
        // `list_users` puts an apostrophe in front of what a spreadsheet would take for a formula.
        let cells = row.iter().map(|cell| cell.trim_start_matches('\''));
        let cells: csv::StringRecord = cells.collect();
        let mut person: Person = cells.deserialize(Some(&header))?;
        // The reader counts blank lines to the row that follows them.
        let (start, line) = row.position().map_or((0, 0), |at| (at.byte(), at.line()));
        let blank_lines = text[start as usize..].find(|c| c != '\n').unwrap_or(0);
        let line = *person.line.insert(line + blank_lines as u64);
        // Spreadsheets leave rows of empty cells behind.
        if row.iter().any(|cell| !cell.is_empty()) {
            let is_whole = person.state.is_some() && keys(&person).next().is_some();
            ensure!(
                is_whole,
                "line {line} lacks a state or a name; columns: `{found}`{hint}"
            );
            directory.push(person);
        }
    }
    ensure!(!directory.is_empty(), "it has no rows");
    index(&directory)?;
    Ok(directory)
}

/// What a person can be found by, the best first.
fn keys(person: &Person) -> impl Iterator<Item = (usize, &str)> {
    let keys = [&person.username, &person.email, &person.member_token];
    let keys = keys.into_iter().enumerate();
    keys.filter_map(|(column, key)| Some((column, key.as_deref()?)))
}

/// Indexes people by their keys, which no two of them may share.
fn index(people: &[Person]) -> Result<HashMap<(usize, String), usize>> {
    let mut index = HashMap::new();
    for (place, person) in people.iter().enumerate() {
        for (column, key) in keys(person) {
            if let Some(other) = index.insert((column, key.to_lowercase()), place) {
                let [other, line] = [&people[other], person].map(|it| it.line.unwrap_or(0));
                ensure!(line == 0, "lines {other} and {line} are both {key}");
                bail!("two members of the workspace are both {key}");
            }
        }
    }
    Ok(index)
}

/// Returns everybody whose state is not the same on both sides.
pub fn compare(mut directory: Vec<Person>, members: Vec<Membership>) -> Result<Vec<Person>> {
    let person = |member: Membership| Person {
        action: "remove",
        username: member.member_username.filter(|name| !name.is_empty()),
        email: member.email.filter(|email| !email.is_empty()),
        member_token: member.member_token.filter(|token| !token.is_empty()),
        state_in_mode: Some(member.state),
        ..Person::default()
    };
    let mut members: Vec<Person> = members.into_iter().map(person).collect();
    let index = index(&members)?;
    for person in &mut directory {
        let found = keys(person).find_map(|(column, key)| index.get(&(column, key.to_lowercase())));
        person.action = if found.is_some() { "state" } else { "add" };
        if let Some(member) = found.map(|&place| &mut members[place]) {
            let [other, line] = [member.line, person.line].map(Option::unwrap_or_default);
            ensure!(other == 0, "lines {other} and {line} are the same member");
            member.line = person.line;
            person.state_in_mode = member.state_in_mode.clone();
        }
    }
    directory.extend(members.into_iter().filter(|member| member.line.is_none()));
    directory.retain(|person| person.state != person.state_in_mode);
    Ok(directory)
}

pub fn lines(differences: &[Person]) -> Result<String> {
    let line = |person: &Person| {
        let name = keys(person).next().map_or("-", |(_, key)| key);
        let states = match (&person.state, &person.state_in_mode) {
            (Some(to), Some(from)) => format!(": {from} in Mode, {to} in the directory"),
            (state, None) | (None, state) => format!(" ({})", state.as_deref().unwrap_or("-")),
        };
        support::escape(&format!("{:<6} {name}{states}", person.action)) + "\n"
    };
    let lines: String = differences.iter().map(line).collect();
    let plural = if differences.len() == 1 { "" } else { "s" };
    Ok(lines + &format!("{} difference{plural}\n", differences.len()))
}
