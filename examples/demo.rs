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

fn main() -> Result<(), Box<dyn Error>> {
    let server = FakeMode::start();
    Workspace::new("acme", 20).serve(&server);

    if env::args().any(|argument| argument == "--serve") {
        println!("export MODE_BASE_URL={}", server.origin());
        println!("export MODE_API_TOKEN=demo-token MODE_API_SECRET=demo-secret MODE_WORKSPACE=acme");
        eprintln!("serving until interrupted; paste the lines above into another shell");
        loop {
            thread::park();
        }
    }

    let client = Client::builder(Credentials::new("demo-token", "demo-secret")?).base_url(server.origin()).build()?;
    let mut out = io::stdout();
    println!("$ cargo run --example check_access");
    check_access::check_access(&client, &mut out)?;
    println!("\n$ cargo run --example list_users");
    list_users::list_users(&client, "acme", false, &mut out)?;
    println!("\n$ cargo run --example active_users");
    active_users::active_users(&client, "acme", &mut out)
}
