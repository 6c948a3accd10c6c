//! How many people of a workspace are active.

use std::env;
use std::error::Error;

use mode_analytics::ClientBuilder;

fn main() -> Result<(), Box<dyn Error>> {
    let client = ClientBuilder::from_env()?.build()?;
    let counts = client.membership_counts(&env::var("MODE_WORKSPACE")?)?;
    println!("{}", counts.active);
    Ok(())
}
