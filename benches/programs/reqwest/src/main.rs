//! How many people of a workspace are active.

use std::env;
use std::error::Error;
use std::time::Duration;

use reqwest::blocking::Client;
use serde::Deserialize;

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Embedded {
    memberships: Vec<Membership>,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody else has chosen one");
    let url = format!(
        "{}/api/{}/memberships",
        env::var("MODE_BASE_URL")?,
        env::var("MODE_WORKSPACE")?
    );
    let (token, secret) = (env::var("MODE_API_TOKEN")?, env::var("MODE_API_SECRET")?);
    let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
    let response = client
        .get(url)
        .basic_auth(token, Some(secret))
        .send()?
        .error_for_status()?;
    let listing: Listing = response.json()?;
    println!(
        "{}",
        listing
            .embedded
            .memberships
            .iter()
            .filter(|person| person.state == "active")
            .count()
    );
    Ok(())
}
