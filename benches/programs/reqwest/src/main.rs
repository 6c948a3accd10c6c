//! How many people of a workspace are active.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::time::Duration;

use reqwest::blocking::Client;
use serde::Deserialize;

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "_embedded")]
    embedded: HashMap<String, Vec<Membership>>,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody else has chosen one");
    let (origin, workspace) = (env::var("MODE_BASE_URL")?, env::var("MODE_WORKSPACE")?);
    let (token, secret) = (env::var("MODE_API_TOKEN")?, env::var("MODE_API_SECRET")?);
    let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
    let request = client.get(format!("{origin}/api/{workspace}/memberships"));
    let response = request.basic_auth(token, Some(secret)).send()?;
    let listing: Listing = response.error_for_status()?.json()?;
    let members = listing.embedded["memberships"].iter();
    println!("{}", members.filter(|it| it.state == "active").count());
    Ok(())
}
