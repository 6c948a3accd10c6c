//! How many people of a workspace are active.

use std::env;
use std::error::Error;

use mode_analytics::{Client, Credentials};

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder(Credentials::from_env()?)
        .base_url(env::var("MODE_BASE_URL")?)
        .build()?;
    println!(
        "{}",
        client
            .membership_counts(&env::var("MODE_WORKSPACE")?)?
            .active
    );
    Ok(())
}
