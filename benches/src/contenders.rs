//! The contenders. Each asks for the memberships of a workspace, with a client that it keeps.

use std::any::Any;
use std::borrow::Cow;
use std::io::{self, Read};
use std::time::Duration;

use mode_analytics::{Client, ClientBuilder, Credentials, Verification};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use crate::Result;

const TIMEOUT: Duration = Duration::from_secs(60);
/// `token:secret`.
const AUTHORIZATION: &str = "Basic dG9rZW46c2VjcmV0";
const MAX_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    List,
    Count,
}

impl Job {
    pub const ALL: [Self; 2] = [Self::List, Self::Count];

    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Count => "count",
        }
    }

    pub fn new(name: &str) -> Result<Self> {
        let job = Self::ALL.into_iter().find(|job| job.name() == name);
        Ok(job.ok_or("no such job")?)
    }
}

pub enum Contender {
    /// This crate.
    ModeAnalytics(Client),
    /// Reads the body and drops it: what it costs to move the bytes.
    Floor(Bare),
    /// `ureq` and `serde_json`, written with care for this one purpose.
    ByHand(Bare),
    /// `ureq` and `serde_json::Value`.
    Value(Bare),
    /// `reqwest::blocking` and typed rows.
    Reqwest(reqwest::blocking::Client, String),
}

impl Contender {
    pub const NAMES: [&str; 5] = ["mode-analytics", "floor", "by-hand", "value", "reqwest"];

    /// If `origin` is https, every contender trusts what the system trusts, through the same verifier.
    pub fn new(name: &str, origin: &str) -> Result<Self> {
        Ok(match name {
            "mode-analytics" => Self::ModeAnalytics(builder(origin)?.build()?),
            "floor" => Self::Floor(Bare::new(origin)),
            "by-hand" => Self::ByHand(Bare::new(origin)),
            "value" => Self::Value(Bare::new(origin)),
            "reqwest" => {
                let client = reqwest::blocking::Client::builder().timeout(TIMEOUT);
                Self::Reqwest(client.build()?, origin.into())
            }
            _ => return Err(format!("no contender {name}").into()),
        })
    }

    /// Asks whether the key works, and checks that it is for this workspace.
    pub fn verify(&self, workspace: &str) -> Result<()> {
        let path = "/api/verify";
        let verification: Verification = match self {
            Self::ModeAnalytics(client) => client.verify()?,
            Self::Floor(bare) | Self::ByHand(bare) | Self::Value(bare) => {
                serde_json::from_slice(&bare.read(path)?)?
            }
            Self::Reqwest(client, origin) => reqwest_get(client, origin, path)?,
        };
        if verification.workspace != workspace {
            return Err("a key for another workspace".into());
        }
        Ok(())
    }

    /// Does the job. Returns how many members are active (the floor: the length of the body), and the value that a
    /// caller would hold afterwards.
    pub fn call(&self, job: Job, workspace: &str) -> Result<(usize, Box<dyn Any>)> {
        let path = &format!("/api/{workspace}/memberships");
        Ok(match (self, job) {
            (Self::ModeAnalytics(client), Job::List) => {
                held(client.memberships(workspace)?, |row| row.is_active())
            }
            (Self::ModeAnalytics(client), Job::Count) => {
                let counts = client.membership_counts(workspace)?;
                (counts.active, Box::new(counts))
            }
            (Self::Floor(bare), _) => (bare.drop_body(path)?, Box::new(())),
            (Self::ByHand(bare), Job::List) => {
                let listing: Listing<Row> = serde_json::from_slice(&bare.read(path)?)?;
                held(listing.embedded.memberships, |row| row.state == "active")
            }
            (Self::ByHand(bare), Job::Count) => {
                let body = bare.read(path)?;
                let listing: Listing<BorrowedState<'_>> = serde_json::from_slice(&body)?;
                let rows = listing.embedded.memberships.iter();
                let active = rows.filter(|row| row.state == "active").count();
                (active, Box::new(()))
            }
            (Self::Value(bare), _) => {
                let mut listing: Value = serde_json::from_slice(&bare.read(path)?)?;
                let Value::Array(rows) = listing["_embedded"]["memberships"].take() else {
                    return Err("no listing".into());
                };
                held(rows, |row| row["state"] == "active")
            }
            (Self::Reqwest(client, origin), Job::List) => {
                let listing: Listing<Row> = reqwest_get(client, origin, path)?;
                held(listing.embedded.memberships, |row| row.state == "active")
            }
            (Self::Reqwest(client, origin), Job::Count) => {
                let listing: Listing<OwnedState> = reqwest_get(client, origin, path)?;
                held(listing.embedded.memberships, |row| row.state == "active")
            }
        })
    }
}

fn held<T: 'static>(rows: Vec<T>, is_active: impl Fn(&T) -> bool) -> (usize, Box<dyn Any>) {
    let active = rows.iter().filter(|row| is_active(row)).count();
    (active, Box::new(rows))
}

/// This crate's client, before a bench adds settings of its own.
pub fn builder(origin: &str) -> Result<ClientBuilder> {
    let builder = Client::builder(Credentials::new("token", "secret")?).base_url(origin);
    Ok(if origin.starts_with("https:") {
        builder.system_roots()
    } else {
        builder
    })
}

/// A bare `ureq`.
pub struct Bare {
    agent: ureq::Agent,
    origin: String,
}

impl Bare {
    fn new(origin: &str) -> Self {
        let system = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .tls_config(system.build());
        Self {
            agent: config.build().new_agent(),
            origin: origin.into(),
        }
    }

    fn get(&self, path: &str) -> Result<ureq::Body> {
        let request = self.agent.get(format!("{}{path}", self.origin));
        let response = request.header("Authorization", AUTHORIZATION).call()?;
        Ok(response.into_body())
    }

    /// Returns the length of the body.
    fn drop_body(&self, path: &str) -> Result<usize> {
        let body = self.get(path)?;
        let mut reader = body.into_with_config().limit(MAX_BYTES).reader();
        Ok(io::copy(&mut reader, &mut io::sink())? as usize)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let body = self.get(path)?;
        let length = body.content_length().unwrap_or(0).min(MAX_BYTES);
        let mut bytes = Vec::with_capacity(length as usize);
        let mut reader = body.into_with_config().limit(MAX_BYTES).reader();
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn reqwest_get<T: DeserializeOwned>(
    client: &reqwest::blocking::Client,
    origin: &str,
    path: &str,
) -> Result<T> {
    let request = client.get(format!("{origin}{path}"));
    let response = request.basic_auth("token", Some("secret")).send()?;
    Ok(response.error_for_status()?.json()?)
}

#[derive(Deserialize)]
struct Listing<T> {
    #[serde(rename = "_embedded")]
    embedded: Embedded<T>,
}

#[derive(Deserialize)]
struct Embedded<T> {
    memberships: Vec<T>,
}

/// The fields of a `Membership`.
#[derive(Deserialize)]
#[expect(dead_code, reason = "a list is measured, not read")]
struct Row {
    member_username: Option<String>,
    state: String,
    member_token: Option<String>,
    name: Option<String>,
    email: Option<String>,
    admin: Option<bool>,
    invited: Option<bool>,
    managed_by_scim: Option<bool>,
    activated_at: Option<String>,
}

#[derive(Deserialize)]
struct BorrowedState<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
}

#[derive(Deserialize)]
struct OwnedState {
    state: String,
}
