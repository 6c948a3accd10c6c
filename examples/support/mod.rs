//! What all the example programs have in common: how they start, print and fail.
//!
//! Copy this file together with a program. It needs `anyhow`, `lexopt`, `serde` and `serde_json`.

use std::env;
use std::io::{self, ErrorKind::BrokenPipe, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use lexopt::Parser;
use mode_analytics::{Client, ClientBuilder, ErrorKind};
use serde::Serialize;

const COMMON: &str = "
  --workspace NAME  use this workspace instead of MODE_WORKSPACE
  -h, --help        print this text

Variables:
  MODE_API_TOKEN    the token of your API key in Mode
  MODE_API_SECRET   its secret
  MODE_WORKSPACE    the workspace (default: the one that the key opens)
  MODE_BASE_URL     the server, for tests (default: https://app.mode.com)

Exit code: 1 if there is an error, which is printed to standard error.
";

/// What named the workspace that the program asks about, unless the key did.
static WORKSPACE_FROM: OnceLock<&str> = OnceLock::new();

/// Runs a program, or prints its help. An error ends it with exit code 1.
pub fn run(help: &str, program: fn(Parser) -> Result<ExitCode>) -> ExitCode {
    let result = if env::args_os()
        .skip(1)
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print(&format!("{help}{COMMON}")).map(|()| ExitCode::SUCCESS)
    } else {
        program(Parser::from_env())
    };
    result.unwrap_or_else(|error| {
        announce(&format!("error: {error}"));
        if error.is::<lexopt::Error>() {
            // Its cause is in its text.
            let usage = help.lines().find(|line| line.starts_with("Usage: "));
            usage.into_iter().for_each(announce);
            return ExitCode::FAILURE;
        }
        for cause in error.chain().skip(1) {
            announce(&format!("  because: {cause}"));
        }
        let mode_error = error.downcast_ref::<mode_analytics::Error>();
        match (mode_error.map(|error| error.kind()), WORKSPACE_FROM.get()) {
            (Some(ErrorKind::MissingCredentials), _) => {
                announce("To try it without an account: cargo run --example demo");
            }
            (Some(ErrorKind::InvalidInput | ErrorKind::NotFound), Some(from)) => {
                announce(&format!("The workspace comes from {from}."));
            }
            _ => {}
        }
        ExitCode::FAILURE
    })
}

/// Makes a client from the environment. It says on standard error when it tries again.
#[allow(dead_code)] // api_report makes one that does not try again.
pub fn client() -> Result<Client> {
    let builder = ClientBuilder::from_env()?.on_retry(|retry| {
        let (error, delay) = (retry.error(), retry.delay());
        announce(&format!("trying again in {delay:.1?}: {error:?}"));
    });
    Ok(builder.build()?)
}

/// The workspace that the argument or the environment names, or else the one that the key opens.
#[allow(dead_code)] // Two of the programs find out what the key opens anyway.
pub fn workspace(client: &Client, argument: Option<String>) -> Result<String> {
    let from = argument
        .as_ref()
        .map_or("MODE_WORKSPACE", |_| "--workspace");
    match named_workspace(argument)? {
        Some(name) => {
            WORKSPACE_FROM.get_or_init(|| from);
            Ok(name)
        }
        None => client
            .verify()?
            .workspace
            .context("Mode does not say which workspace this key opens: set MODE_WORKSPACE"),
    }
}

/// The workspace that the argument or the environment names.
pub fn named_workspace(argument: Option<String>) -> Result<Option<String>> {
    let variable = env::var_os("MODE_WORKSPACE").filter(|name| !name.is_empty());
    match (argument, variable.map(|name| name.into_string())) {
        (Some(name), _) | (None, Some(Ok(name))) => Ok(Some(name)),
        (None, Some(Err(_))) => Err(anyhow::anyhow!("MODE_WORKSPACE is not Unicode")),
        (None, None) => Ok(None),
    }
}

/// `value` as JSON, with every character escaped that could control a terminal.
pub fn json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    let mut json = String::new();
    for c in serde_json::to_string_pretty(value)?.chars() {
        if c == '\n' || !is_unprintable(c) {
            json.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                json += &format!("\\u{unit:04x}");
            }
        }
    }
    Ok(json + "\n")
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
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        )
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
