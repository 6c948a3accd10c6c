//! How many people of a workspace are active.

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow, rename = "_embedded")]
    embedded: Embedded<'a>,
}

#[derive(Deserialize)]
struct Embedded<'a> {
    #[serde(borrow)]
    memberships: Vec<Membership<'a>>,
}

#[derive(Deserialize)]
struct Membership<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = format!(
        "{}/api/{}/memberships",
        env::var("MODE_BASE_URL")?,
        env::var("MODE_WORKSPACE")?
    );
    let key = format!(
        "{}:{}",
        env::var("MODE_API_TOKEN")?,
        env::var("MODE_API_SECRET")?
    );
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .new_agent();
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(key));
    let mut response = agent
        .get(url)
        .header("Authorization", authorization)
        .call()?;
    let body = response
        .body_mut()
        .with_config()
        .limit(256 * 1024 * 1024)
        .read_to_vec()?;
    let listing: Listing<'_> = serde_json::from_slice(&body)?;
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
