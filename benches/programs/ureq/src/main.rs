//! How many people of a workspace are active.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
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
    let (origin, workspace) = (env::var("MODE_BASE_URL")?, env::var("MODE_WORKSPACE")?);
    let (token, secret) = (env::var("MODE_API_TOKEN")?, env::var("MODE_API_SECRET")?);
    let authorization = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{token}:{secret}"))
    );
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
    let response = config
        .build()
        .new_agent()
        .get(format!("{origin}/api/{workspace}/memberships"))
        .header("Authorization", authorization)
        .call()?;
    let body = response.into_body().read_to_vec()?;
    let listing: Listing = serde_json::from_slice(&body)?;
    let members = listing.embedded["memberships"].iter();
    println!("{}", members.filter(|it| it.state == "active").count());
    Ok(())
}
