//! The contenders. Each asks for the memberships of a workspace, with a client that it keeps.

use std::any::Any;
use std::borrow::Cow;
use std::io::{self, Read};
use std::time::Duration;

use mode_analytics::{Client, ClientBuilder, Credentials};
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

    pub fn new(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|job| job.name() == name)
            .ok_or_else(|| format!("no job {name}").into())
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Count => "count",
        }
    }
}

/// The result of a call, as far as it can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Bytes(u64),
    Active(usize),
    People { all: usize, active: usize },
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
    Reqwest {
        client: reqwest::blocking::Client,
        origin: String,
    },
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
                let client = reqwest::blocking::Client::builder()
                    .timeout(TIMEOUT)
                    .build()?;
                Self::Reqwest {
                    client,
                    origin: origin.into(),
                }
            }
            _ => return Err(format!("no contender {name}").into()),
        })
    }

    /// Asks whether the key works, and checks that it is for this workspace.
    pub fn verify(&self, workspace: &str) -> Result<()> {
        const PATH: &str = "/api/verify";
        let opened = match self {
            Self::ModeAnalytics(client) => client.verify()?.workspace,
            Self::Floor(bare) => {
                bare.drop_body(PATH)?;
                return Ok(());
            }
            Self::ByHand(bare) => serde_json::from_slice::<Opened>(&bare.read(PATH)?)?.workspace,
            Self::Value(bare) => {
                let opened: Value = serde_json::from_slice(&bare.read(PATH)?)?;
                opened["workspace"].as_str().map(str::to_owned)
            }
            Self::Reqwest { client, origin } => {
                reqwest_get::<Opened>(client, origin, PATH)?.workspace
            }
        };
        if opened.as_deref() == Some(workspace) {
            Ok(())
        } else {
            Err(format!("the key opens {opened:?} in place of {workspace}").into())
        }
    }

    /// Does the job. Returns its answer, and the value that a caller would hold afterwards.
    pub fn call(&self, job: Job, workspace: &str) -> Result<(Answer, Box<dyn Any>)> {
        let path = &format!("/api/{workspace}/memberships");
        match (self, job) {
            (Self::ModeAnalytics(client), Job::List) => {
                let rows = client.memberships(workspace)?;
                Ok(people(rows, |row| row.is_active()))
            }
            (Self::ModeAnalytics(client), Job::Count) => {
                let counts = client.membership_counts(workspace)?;
                Ok((Answer::Active(counts.active), Box::new(counts)))
            }
            (Self::Floor(bare), _) => Ok((Answer::Bytes(bare.drop_body(path)?), Box::new(()))),
            (Self::ByHand(bare), Job::List) => {
                let listing: Listing<Row> = serde_json::from_slice(&bare.read(path)?)?;
                Ok(people(listing.embedded.memberships, |row| {
                    row.state == "active"
                }))
            }
            (Self::ByHand(bare), Job::Count) => {
                let body = bare.read(path)?;
                let listing: Listing<BorrowedState<'_>> = serde_json::from_slice(&body)?;
                let active = listing
                    .embedded
                    .memberships
                    .iter()
                    .filter(|row| row.state == "active")
                    .count();
                Ok((Answer::Active(active), Box::new(())))
            }
            (Self::Value(bare), Job::List) => {
                let mut listing: Value = serde_json::from_slice(&bare.read(path)?)?;
                let Value::Array(rows) = listing["_embedded"]["memberships"].take() else {
                    return Err("no listing".into());
                };
                Ok(people(rows, |row| row["state"] == "active"))
            }
            (Self::Value(bare), Job::Count) => {
                let listing: Value = serde_json::from_slice(&bare.read(path)?)?;
                let rows = listing["_embedded"]["memberships"]
                    .as_array()
                    .ok_or("no listing")?;
                let active = rows.iter().filter(|row| row["state"] == "active").count();
                Ok((Answer::Active(active), Box::new(())))
            }
            (Self::Reqwest { client, origin }, Job::List) => {
                let listing: Listing<Row> = reqwest_get(client, origin, path)?;
                Ok(people(listing.embedded.memberships, |row| {
                    row.state == "active"
                }))
            }
            (Self::Reqwest { client, origin }, Job::Count) => {
                let listing: Listing<OwnedState> = reqwest_get(client, origin, path)?;
                let active = listing
                    .embedded
                    .memberships
                    .iter()
                    .filter(|row| row.state == "active")
                    .count();
                Ok((Answer::Active(active), Box::new(())))
            }
        }
    }
}

fn people<T: 'static>(rows: Vec<T>, is_active: impl Fn(&T) -> bool) -> (Answer, Box<dyn Any>) {
    let active = rows.iter().filter(|row| is_active(row)).count();
    (
        Answer::People {
            all: rows.len(),
            active,
        },
        Box::new(rows),
    )
}

/// This crate's client, before a bench adds settings of its own.
pub fn builder(origin: &str) -> Result<ClientBuilder> {
    let builder = Client::builder(Credentials::new("token", "secret")?).base_url(origin);
    Ok(if is_https(origin) {
        builder.system_roots()
    } else {
        builder
    })
}

fn is_https(origin: &str) -> bool {
    origin.starts_with("https:")
}

/// A bare `ureq`.
pub struct Bare {
    agent: ureq::Agent,
    origin: String,
}

impl Bare {
    fn new(origin: &str) -> Self {
        let mut config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT));
        if is_https(origin) {
            let system = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
            config = config.tls_config(system.build());
        }
        Self {
            agent: config.build().new_agent(),
            origin: origin.into(),
        }
    }

    fn get(&self, path: &str) -> Result<ureq::http::Response<ureq::Body>> {
        Ok(self
            .agent
            .get(format!("{}{path}", self.origin))
            .header("Authorization", AUTHORIZATION)
            .call()?)
    }

    /// Returns the length of the body.
    fn drop_body(&self, path: &str) -> Result<u64> {
        let mut response = self.get(path)?;
        let mut body = response.body_mut().with_config().limit(MAX_BYTES).reader();
        Ok(io::copy(&mut body, &mut io::sink())?)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut response = self.get(path)?;
        let length = response.body().content_length().unwrap_or(0).min(MAX_BYTES);
        let mut bytes = Vec::with_capacity(length as usize);
        response
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .reader()
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn reqwest_get<T: DeserializeOwned>(
    client: &reqwest::blocking::Client,
    origin: &str,
    path: &str,
) -> Result<T> {
    let request = client
        .get(format!("{origin}{path}"))
        .basic_auth("token", Some("secret"));
    Ok(request.send()?.error_for_status()?.json()?)
}

/// The part of the response to `/api/verify` that is read.
#[derive(Deserialize)]
struct Opened {
    workspace: Option<String>,
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
