//! What all the example programs have in common: how they start, print and fail.
//!
//! Copy this file together with a program. It needs `anyhow`, `lexopt`, `serde` and `serde_json`.

// No program uses all of it.
#![allow(dead_code)]

use std::env;
use std::io::{self, ErrorKind::BrokenPipe, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use mode_analytics::{Client, ClientBuilder, ErrorKind};
use serde::Serialize;
use serde_json::Value;

/// The end of the help of every program that sends requests to Mode, apart from its exit codes.
const OPTIONS: &str = "
  --workspace NAME  use this workspace instead of MODE_WORKSPACE
  -h, --help        print this text

Variables:
  MODE_API_TOKEN    the token of your API key in Mode
  MODE_API_SECRET   its secret
  MODE_WORKSPACE    the workspace (default: the one the key gives access to)
  MODE_BASE_URL     the server, for tests (default: https://app.mode.com)

Exit code: ";

/// The exit code of a program that fails, and what its help says about it.
pub const EXIT_CODE: (u8, &str) = (1, "1 after an error, which goes to standard error.");

/// What named the workspace that the program asks about, unless the key did.
static WORKSPACE_FROM: OnceLock<&str> = OnceLock::new();

/// Runs a program and prints what it returns, which is its output and its exit code; or prints its help.
pub fn run(help: &str, exit: (u8, &str), program: fn(Parser) -> Result<(String, u8)>) -> ExitCode {
    let (failure, exit_codes) = exit;
    let is_help = |argument| argument == "--help" || argument == "-h";
    let output = if env::args_os().skip(1).any(is_help) {
        Ok((format!("{help}{OPTIONS}{exit_codes}\n"), 0))
    } else {
        program(Parser::from_env())
    };
    let printed = output.and_then(|(text, code)| print(&text).map(|()| code));
    ExitCode::from(printed.unwrap_or_else(|error| {
        explain(&error, help);
        failure
    }))
}

/// Prints what went wrong and, if it is known, what to do about it.
pub fn explain(error: &anyhow::Error, help: &str) {
    if error.is::<lexopt::Error>() {
        // Its text contains its cause.
        announce(&format!("error: {error}"));
        let usage = help.lines().filter(|line| line.starts_with("Usage: "));
        return usage.for_each(announce);
    }
    announce(&format!("error: {error:#}"));
    let mode_error = error.downcast_ref::<mode_analytics::Error>();
    // Cargo sets this variable, and only the repository has a demo.
    let is_in_repository = env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "mode-analytics");
    match (mode_error.map(|error| error.kind()), WORKSPACE_FROM.get()) {
        (Some(ErrorKind::MissingCredentials), _) if is_in_repository => {
            announce("To try it without an account: cargo run --example demo");
        }
        (Some(ErrorKind::InvalidInput | ErrorKind::NotFound), Some(from)) => {
            announce(&format!("The workspace comes from {from}."));
        }
        _ => {}
    }
}

/// Makes a client from the environment. It says on standard error when it tries again.
pub fn client() -> Result<Client> {
    let builder = ClientBuilder::from_env()?.on_retry(|retry| {
        let (error, delay) = (retry.error(), retry.delay());
        announce(&format!("trying again in {delay:.1?}: {error:?}"));
    });
    Ok(builder.build()?)
}

/// The workspace that the argument or the environment names, or else the one that the key gives access to.
pub fn workspace(client: &Client, argument: Option<String>) -> Result<String> {
    let from = argument
        .as_ref()
        .map_or("MODE_WORKSPACE", |_| "--workspace");
    let Some(name) = named_workspace(argument)? else {
        return Ok(client.verify()?.workspace);
    };
    WORKSPACE_FROM.get_or_init(|| from);
    Ok(name)
}

/// The workspace that the argument or the environment names. An empty variable counts as unset.
pub fn named_workspace(argument: Option<String>) -> Result<Option<String>> {
    let variable = env::var_os("MODE_WORKSPACE").filter(|name| !name.is_empty());
    match (argument, variable.map(|name| name.into_string())) {
        (Some(name), _) if name.is_empty() => bail!(lexopt::Error::from("--workspace is empty")),
        (Some(name), _) | (None, Some(Ok(name))) => Ok(Some(name)),
        (None, Some(Err(_))) => bail!("MODE_WORKSPACE is not Unicode"),
        (None, None) => Ok(None),
    }
}

/// `value` as JSON, with every character escaped that could control a terminal.
pub fn json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    let mut json = String::new();
    for c in serde_json::to_string_pretty(value)?.chars() {
        if c == '\n' || !is_unprintable(c) {
            json.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            json += &format!("\\u{unit:04x}");
        }
    }
    Ok(json + "\n")
}

/// `value` as a cell for a spreadsheet. What that would take for a formula gets an apostrophe in front.
pub fn cell(value: &Value) -> String {
    match value.as_str().map(escape) {
        Some(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
        Some(text) => text,
        None if value.is_null() => String::new(),
        None => value.to_string(),
    }
}

/// `text`, with every character escaped that could move the cursor, end the line, reverse the text or hide in it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if is_unprintable(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}')
        || matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Prints to standard output. It is not an error if the reader, such as `head`, has seen enough.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints a line to standard error. If nobody reads it, there is nobody to tell.
pub fn announce(line: &str) {
    let _ = writeln!(io::stderr(), "{}", escape(line));
}
