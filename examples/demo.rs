//! All of it without an account and without a network: a stand-in for Mode runs in this process.
//!
//! `cargo run --example demo`; with `-- --serve` it stays up, for the other examples.

use std::error::Error;
use std::{env, io, thread};

use fake_mode::{FakeMode, Workspace};
use mode_analytics::{Client, Credentials};

#[allow(dead_code)]
#[path = "active_users.rs"]
mod active_users;
#[allow(dead_code)]
#[path = "check_access.rs"]
mod check_access;
#[allow(dead_code)]
#[path = "list_users.rs"]
mod list_users;

#[allow(dead_code)]
#[path = "sync_users.rs"]
mod sync_users;

/// What a company's own directory might say of the same people.
const DIRECTORY: &str = "state,email,username
active,ada1@example.com,ada1
active,ben2@example.com,
active,finn6@example.com,finn6
active,zoe@example.com,zoe
";

fn main() -> Result<(), Box<dyn Error>> {
    let server = FakeMode::start();
    Workspace::new("acme", 8).serve(&server);

    if env::args().any(|argument| argument == "--serve") {
        println!("export MODE_BASE_URL={}", server.origin());
        println!(
            "export MODE_API_TOKEN=demo-token MODE_API_SECRET=demo-secret MODE_WORKSPACE=acme"
        );
        eprintln!("serving until interrupted; paste the lines above into another shell");
        loop {
            thread::park();
        }
    }

    let client = Client::builder(Credentials::new("demo-token", "demo-secret")?)
        .base_url(server.origin())
        .build()?;
    let mut out = io::stdout();
    println!("$ cargo run --example check_access");
    check_access::check_access(&client, &mut out)?;
    println!("\n$ cargo run --example list_users");
    list_users::list_users(&client, "acme", false, &mut out)?;
    println!("\n$ cargo run --example active_users");
    active_users::active_users(&client, "acme", &mut out)?;
    println!("\n$ cargo run --example sync_users -- people.csv");
    sync_users::sync_users(&client, "acme", DIRECTORY.as_bytes(), &mut out)?;
    Ok(())
}
