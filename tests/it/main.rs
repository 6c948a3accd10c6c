//! The contract of the crate, against a scripted server. A module is a topic.

mod account;
mod errors;
mod examples;
mod faults;
mod fixtures;
mod input;
mod leaks;
mod listing;
mod load;
mod model;
#[cfg(feature = "rustls")]
mod proxy;
mod retry;
mod simulation;
mod surface;
#[cfg(feature = "rustls")]
mod tls;

use std::env;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::time::Duration;

use fake_mode::{FakeMode, Reply};
use mode_analytics::{Client, ClientBuilder, Credentials, Error, ErrorKind};

const TOKEN: &str = "5f3a9c01d2e4";
const SECRET: &str = "77e1b2c3d4e5f60718293a4b";
const FULL: &str = "/api/acme/memberships";
const LITE: &str = "/api/acme/memberships/lite";

fn credentials() -> Credentials {
    Credentials::new(TOKEN, SECRET).unwrap()
}

/// A client for `server` whose waits between attempts are too short to notice.
fn builder(server: &FakeMode) -> ClientBuilder {
    builder_at(server.origin())
}

fn builder_at(origin: String) -> ClientBuilder {
    Client::builder(credentials())
        .base_url(origin)
        .retry_base_delay(Duration::from_millis(1))
}

fn client(server: &FakeMode) -> Client {
    builder(server).build().unwrap()
}

fn client_with(token: &str, secret: &str, server: &FakeMode) -> Client {
    let credentials = Credentials::new(token, secret).unwrap();
    let builder = Client::builder(credentials).base_url(server.origin());
    builder.build().unwrap()
}

/// A server with one response to `GET /api/acme/memberships`.
fn serving(reply: Reply) -> FakeMode {
    let server = FakeMode::start();
    server.on(FULL, reply);
    server
}

/// The error of a listing if this is the response to every attempt.
fn failing(reply: Reply) -> Error {
    client(&serving(reply)).memberships("acme").unwrap_err()
}

/// The input was refused before anything was sent.
fn assert_not_sent(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!((error.attempts(), error.is_retryable()), (0, false));
}

/// What is left of an error by way of its text and all of its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Runs `check` on every case. Fails if any case does, and names each one that does, in 200
/// characters at most.
fn each<T: Debug>(cases: impl IntoIterator<Item = T>, check: impl Fn(&T)) {
    let failed: Vec<String> = cases
        .into_iter()
        .filter(|case| catch_unwind(AssertUnwindSafe(|| check(case))).is_err())
        .map(|case| format!("{case:?}").chars().take(200).collect())
        .collect();
    assert!(
        failed.is_empty(),
        "{} cases failed, their messages are above:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// Rows `from..to` of a made-up listing.
fn rows(people: std::ops::Range<usize>) -> String {
    let row = |n| format!(r#"{{"member_username": "user{n}", "state": "active"}}"#);
    people.map(row).collect::<Vec<_>>().join(",")
}

/// Runs the test `name` again in a process of its own. Returns whether this is that process.
fn in_own_process(name: &str, variables: &[(&str, &str)]) -> bool {
    let is_here = is_own_process();
    if !is_here {
        run_in_own_process(name, variables);
    }
    is_here
}

fn is_own_process() -> bool {
    env::var_os("MODE_IT").is_some()
}

/// A process that runs `program`, without the variables that name a proxy or a key. `TEST_RUNNER` names
/// the emulator that runs it, if the system cannot do so by itself.
fn process(program: impl AsRef<OsStr>) -> Command {
    let mut process = match env::var_os("TEST_RUNNER") {
        None => Command::new(program),
        Some(runner) => {
            let mut process = Command::new(runner);
            process.arg(program);
            process
        }
    };
    for name in [
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "MODE_API_TOKEN",
        "MODE_API_SECRET",
        "MODE_WORKSPACE",
        "MODE_BASE_URL",
    ] {
        process.env_remove(name).env_remove(name.to_lowercase());
    }
    process
}

/// Runs the test `name` again in a process of its own, with these variables, without others that name
/// a proxy or a key, and with `MODE_IT` set. Returns what it prints.
fn run_in_own_process<V: AsRef<OsStr>>(name: &str, variables: &[(&str, V)]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = process(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("MODE_IT", "1")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    let output = [stdout, stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(status.success() && output.contains("1 passed"), "{output}");
    output
}
