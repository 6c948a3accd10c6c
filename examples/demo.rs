//! Runs all the programs without an account or a network: a stand-in for Mode runs in this process.
//!
//! `cargo run --example demo`; with `-- --serve`, the stand-in keeps running for the other programs.

// Each of the programs includes `support`.
#![allow(clippy::duplicate_mod, dead_code)]

#[path = "active_users.rs"]
mod active_users;
#[path = "api_report.rs"]
mod api_report;
#[path = "check_access.rs"]
mod check_access;
#[path = "list_users.rs"]
mod list_users;
mod support;
#[path = "sync_users.rs"]
mod sync_users;

use std::process::ExitCode;
use std::thread;

use anyhow::Result;
use fake_mode::{FakeMode, Workspace};
use lexopt::{Parser, prelude::*};
use mode_analytics::{Client, Credentials};

const HELP: &str = "\
Runs all the example programs against a stand-in for Mode, without an account
or a network.

Usage: demo [--serve]

Options:
  --serve           keep serving the other programs: print the variables that
                    they need, and log their requests to standard error
  -h, --help        print this text
";

/// What a company's own directory might say about the same people.
const DIRECTORY: &str = include_str!("people.csv");

/// The only key that the stand-in lets in.
const TOKEN: &str = "demo-token";
const SECRET: &str = "demo-secret";
/// The header that the key becomes.
const AUTHORIZATION: &str = "Basic ZGVtby10b2tlbjpkZW1vLXNlY3JldA==";

fn main() -> ExitCode {
    match run(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            support::explain(&error, HELP);
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Parser) -> Result<()> {
    let mut task: fn() -> Result<()> = demo;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("serve") => task = serve,
            Short('h') | Long("help") => return support::print(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    task()
}

fn start() -> FakeMode {
    let server = FakeMode::start();
    let workspace = Workspace::new("acme", 8).authorization(AUTHORIZATION);
    workspace.serve(&server);
    server
}

fn serve() -> Result<()> {
    let server = start();
    server.on_reply(|request, reply| {
        let status = reply.status().map_or("-".into(), |it| it.to_string());
        support::announce(&format!("{} {} {status}", request.method, request.target));
    });
    support::print(&format!(
        "export MODE_BASE_URL={}\n\
        export MODE_API_TOKEN={TOKEN} MODE_API_SECRET={SECRET} MODE_WORKSPACE=acme\n",
        server.origin()
    ))?;
    support::announce("serving until interrupted; paste the lines above into another shell");
    loop {
        thread::park();
    }
}

fn demo() -> Result<()> {
    let server = start();
    let client = Client::builder(Credentials::new(TOKEN, SECRET)?)
        .base_url(server.origin())
        .build()?;
    let show = |command: &str, output: &str| {
        support::print(&format!("$ cargo run --example {command}\n{output}\n"))
    };

    let access = check_access::check_access(&client)?;
    show("check_access", &check_access::lines(&access)?)?;

    let members = list_users::rows(&client.memberships("acme")?, list_users::FULL)?;
    show(
        "list_users",
        &list_users::lines(&members, list_users::FULL)?,
    )?;

    let counts = client.membership_counts("acme")?;
    let chart = active_users::chart(&counts, active_users::columns())?;
    show("active_users", &chart)?;

    let directory = sync_users::read(DIRECTORY)?;
    let differences = sync_users::compare(directory, client.memberships_lite("acme")?)?;
    let plan = sync_users::lines(&differences)?;
    show("sync_users -- examples/people.csv", &plan)?;

    let report = api_report::report(&client, None)?;
    show("api_report", &api_report::table(&report)?)
}
