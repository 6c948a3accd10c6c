//! Prints what build.rs embedded; with `--snapshot`, as a fresh snapshot.json.

use std::env;
use std::process::ExitCode;
use std::time::SystemTime;

mod mode {
    include!(concat!(env!("OUT_DIR"), "/mode.rs"));
}

fn main() -> ExitCode {
    let Some(argument) = env::args_os().nth(1) else {
        print_counts();
        return ExitCode::SUCCESS;
    };
    if argument != "--snapshot" {
        eprintln!("usage: embed-in-build [--snapshot]");
    } else if mode::SOURCE != "live" {
        eprintln!(
            "this build embeds the snapshot itself: a fresh one takes `--features live` and an answer from Mode"
        );
    } else {
        println!("{}", mode::SNAPSHOT);
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

fn print_counts() {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let days = now.saturating_sub(mode::FETCHED_AT) / (24 * 60 * 60);
    println!("source: {}", mode::SOURCE);
    println!("fetched: {days} days ago (Unix time {})", mode::FETCHED_AT);
    // Escaped, for the terminal's sake: these texts come from outside.
    println!("workspace: {}", mode::WORKSPACE.escape_debug());
    println!("people: {}, active: {}", mode::TOTAL, mode::ACTIVE);
    for (state, people) in mode::BY_STATE {
        println!("{people:>8} {}", state.escape_debug());
    }
}
