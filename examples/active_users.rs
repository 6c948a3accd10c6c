//! Counts the active members of a workspace, and draws a chart of all the states.
//!
//! `MODE_API_TOKEN=… MODE_API_SECRET=… cargo run --example active_users`
//!
//! To use it in a crate of your own, copy `examples/support/mod.rs` too, and `cargo add` the crates `mode-analytics`,
//! `anyhow`, `lexopt`, `serde`, `serde_json`, `terminal_size` and `unicode-width`.

mod support;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::Result;
use lexopt::prelude::*;
use mode_analytics::MembershipCounts;
use unicode_width::UnicodeWidthStr;

const HELP: &str = "\
Counts the active members of a Mode workspace, and those in every other state.
In a terminal, it shows the counts as a chart.

Usage: active_users [--json] [--workspace NAME]

Options:
  --json            print the counts as JSON";

fn main() -> ExitCode {
    support::run(HELP, support::EXIT_CODE, |mut arguments| {
        let mut print: fn(&MembershipCounts) -> Result<String> = |counts| chart(counts, columns());
        let mut workspace = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("json") => print = support::json,
                Long("workspace") => workspace = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let client = support::client()?;
        let workspace = support::workspace(&client, workspace)?;
        let counts = client.membership_counts(&workspace)?;
        Ok((print(&counts)?, 0))
    })
}

/// How wide the terminal is, if standard output is one.
pub fn columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    // A terminal that does not report its size is treated as a narrow one.
    let columns = size.map_or(40, |(width, _)| width.0.into());
    io::stdout().is_terminal().then_some(columns)
}

/// The count of active members, then a line for each state. If `columns` is given, the lines are a chart that fits.
pub fn chart(counts: &MembershipCounts, columns: Option<usize>) -> Result<String> {
    let mut text = format!("Active Users Count: {}\n", counts.active);
    let states = Vec::from_iter(counts.by_state.keys().map(|state| support::escape(state)));
    let widest = states.iter().map(|state| state.width()).max().unwrap_or(0);
    let most = counts.by_state.values().copied().max().unwrap_or(0);
    let digits = most.to_string().len();
    // A share takes four columns, and one stays free for each of the three spaces and for the cursor.
    let room = columns.map(|columns| columns.min(80).saturating_sub(digits + 8));
    for (state, &members) in states.iter().zip(counts.by_state.values()) {
        text += &match room {
            None => format!("{state} {members}\n"),
            Some(room) => {
                let label = widest.min(room / 2);
                let (state, share) = (fit(state, label), share(members, counts.total));
                let bar = bar(members, most, room - label);
                format!("{state} {members:>digits$} {share:>4} {bar}\n")
            }
        };
    }
    Ok(text)
}

/// Per cent, without a fraction. Even one member of many is not 0%, and only everybody is 100%.
fn share(members: usize, total: usize) -> String {
    let share = 100.0 * members as f64 / total as f64;
    match share {
        0.0..1.0 => "<1%".into(),
        99.0..100.0 => ">99%".into(),
        _ => format!("{share:.0}%"),
    }
}

/// A bar that is `columns` wide for `most` members, exact to an eighth of a column.
fn bar(members: usize, most: usize, columns: usize) -> String {
    let eighths = (8 * columns * members).div_ceil(most);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}

/// `text`, cut or padded to this many columns.
fn fit(text: &str, columns: usize) -> String {
    let mut fitted = text.to_owned();
    if text.width() > columns {
        fitted = text.chars().take(columns).collect();
        while fitted.width() >= columns && fitted.pop().is_some() {}
        fitted.push('…');
    }
    let padding = columns.saturating_sub(fitted.width());
    fitted + &" ".repeat(padding)
}
