//! Prints the counts that build.rs embedded or, with `--snapshot`, the JSON for a fresh snapshot.json.

mod counts;

use std::env;
use std::process::ExitCode;
use std::time::SystemTime;

use counts::Counts;

/// Where the counts come from: `live` or `snapshot`.
const SOURCE: &str = env!("MODE_SOURCE");
const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/mode.json"));

fn main() -> ExitCode {
    match env::args_os().nth(1) {
        None => print_counts(),
        Some(argument) if argument != "--snapshot" => {
            eprintln!("usage: embed-in-build [--snapshot]");
            return ExitCode::FAILURE;
        }
        Some(_) if SOURCE != "live" => {
            eprintln!(
                "this build embeds the old snapshot: a fresh one needs `--features live` and an answer from Mode"
            );
            return ExitCode::FAILURE;
        }
        Some(_) => println!("{}", in_ascii(JSON)),
    }
    ExitCode::SUCCESS
}

fn print_counts() {
    let counts: Counts = serde_json::from_str(JSON).expect("build.rs wrote this type");
    let age = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let days = age.as_secs().saturating_sub(counts.fetched_at) / (24 * 60 * 60);
    println!("source: {SOURCE}");
    println!("fetched: {days} days ago (Unix time {})", counts.fetched_at);
    // These strings come from outside, and a terminal might obey them, so escape them.
    println!("workspace: {}", counts.workspace.escape_debug());
    println!("members: {}, active: {}", counts.total, counts.active);
    for (state, members) in &counts.by_state {
        println!("{members:>8} {}", state.escape_debug());
    }
}

/// The same JSON with `\u` escapes, in case standard output is a terminal.
fn in_ascii(json: &str) -> String {
    let escape = |unit: u16| match char::from_u32(unit.into()) {
        Some(c) if c.is_ascii() => c.to_string(),
        _ => format!("\\u{unit:04x}"),
    };
    json.encode_utf16().map(escape).collect()
}
