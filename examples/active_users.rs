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
Counts the active members of a Mode workspace, and the members in every other state.
In a terminal, the counts are shown as a chart.

Usage: active_users [--json] [--workspace NAME]
Example: cargo run --example active_users -- --workspace acme

Options:
  --json            print the counts as JSON";

fn main() -> ExitCode {
    support::run(HELP, |mut arguments| {
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
        support::print(&print(&counts)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// How wide the terminal is, if standard output is one.
pub fn columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    // A terminal that does not report its size is treated as a narrow one.
    let columns = size.map_or(40, |(width, _)| width.0.into());
    io::stdout().is_terminal().then_some(columns)
}

/// The count of active members, then a line for each state, with a bar that fits into `columns` if that is given.
pub fn chart(counts: &MembershipCounts, columns: Option<usize>) -> Result<String> {
    let mut text = format!("Active Users Count: {}\n", counts.active);
    let states = counts.by_state.keys().map(|state| support::escape(state));
    let states: Vec<String> = states.collect();
    let widest = states.iter().map(|state| state.width()).max().unwrap_or(0);
    let most = counts.by_state.values().copied().max().unwrap_or(0);
    // One column stays free for each of the two spaces, and for the cursor.
    let room = columns.map(|columns| columns.saturating_sub(most.to_string().len() + 3));
    for (state, members) in states.iter().zip(counts.by_state.values()) {
        text += &match room {
            None => format!("{state} {members}\n"),
            Some(room) => {
                let label = fit(state, widest.min(room / 2));
                let bar = (room - widest.min(room / 2)) * members;
                format!("{label} {} {members}\n", "█".repeat(bar.div_ceil(most)))
            }
        };
    }
    Ok(text)
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
