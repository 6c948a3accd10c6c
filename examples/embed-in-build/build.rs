//! Embeds the counts of a Mode workspace: live with the feature `live` and an answer from Mode, else from snapshot.json.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, iter};

use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The layout of snapshot.json.
const SCHEMA: u64 = 1;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=snapshot.json");
    // Never the token or the secret: cargo writes the values down under `target`, in clear text.
    for switch in [
        "MODE_EMBED",
        "MODE_WORKSPACE",
        "MODE_BASE_URL",
        "DOCS_RS",
        "CARGO_NET_OFFLINE",
    ] {
        println!("cargo::rerun-if-env-changed={switch}");
    }
    if let Err(error) = embed() {
        tell("error", &with_causes(&*error));
    }
}

fn embed() -> Result<()> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let (source, data) = choose(&out_dir)?;
    // By rename: a build that is killed leaves no half of a module behind.
    let unfinished = out_dir.join("mode.rs.unfinished");
    fs::write(&unfinished, rust(source, &data)?)?;
    Ok(fs::rename(unfinished, out_dir.join("mode.rs"))?)
}

/// Where the data is from, and the data, laid out as in snapshot.json.
fn choose(out_dir: &Path) -> Result<(&'static str, Value)> {
    if !cfg!(feature = "live") {
        return Ok(("snapshot", snapshot()?));
    }
    let is_required = match setting("MODE_EMBED").as_deref() {
        None | Some("refresh") => false,
        Some("require") => true,
        Some(other) => {
            return Err(format!("MODE_EMBED is {other:?}, not `refresh` or `require`").into());
        }
    };
    let reason = match live() {
        Ok(data) => return Ok(("live", data)),
        Err(error) if is_required => return Err(error),
        Err(error) => with_causes(&*error),
    };
    // Read no earlier: redirecting a fresh snapshot into the file empties it before the build starts.
    let data = snapshot().map_err(|error| format!("{reason}; and {error}"))?;
    let days =
        now().saturating_sub(data["fetched_at"].as_u64().unwrap_or_default()) / (24 * 60 * 60);
    tell(
        "warning",
        &format!("not live, but the snapshot of {days} days ago: {reason}"),
    );
    // A file that never exists: the next build asks again.
    println!(
        "cargo::rerun-if-changed={}",
        out_dir.join("never-written").display()
    );
    Ok(("snapshot", data))
}

fn snapshot() -> Result<Value> {
    let path = env::current_dir()?.join("snapshot.json");
    let read = || -> Result<Value> {
        let data: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        if data["schema"] != SCHEMA {
            return Err(format!(
                "its schema is {}, this build.rs reads {SCHEMA}",
                data["schema"]
            )
            .into());
        }
        rust("snapshot", &data).map(|_| data)
    };
    let path = path.display();
    read().map_err(|error| {
        format!("{path} is of no use: {error}; bring it back with `git checkout {path}`").into()
    })
}

#[cfg(feature = "live")]
fn live() -> Result<Value> {
    use mode_analytics::{Client, Credentials};
    use std::time::Duration;

    if env::var_os("DOCS_RS").is_some() {
        return Err("no network, as DOCS_RS is set".into());
    }
    // cargo's own `--offline` does not show here.
    if setting("CARGO_NET_OFFLINE").as_deref() == Some("true") {
        return Err("no network, as CARGO_NET_OFFLINE is true".into());
    }
    let needed = ["MODE_WORKSPACE", "MODE_API_TOKEN", "MODE_API_SECRET"];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| setting(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(format!("cannot ask Mode: set {}", missing.join(", ")).into());
    }

    let workspace = setting("MODE_WORKSPACE").unwrap_or_default();
    let counts = Client::builder(Credentials::from_env()?)
        .base_url(setting("MODE_BASE_URL").unwrap_or(Client::DEFAULT_BASE_URL.into()))
        .timeout(Duration::from_secs(15))
        .max_retries(1)
        .max_retry_delay(Duration::from_secs(5))
        .on_retry(|retry| {
            let wait = retry.delay().as_secs_f64();
            tell(
                "warning",
                &format!(
                    "asking again in {wait:.1} s: {}",
                    with_causes(retry.error())
                ),
            );
        })
        .build()?
        .membership_counts(&workspace)?;
    Ok(serde_json::json!({
        "schema": SCHEMA, "fetched_at": now(), "workspace": workspace,
        "total": counts.total, "active": counts.active, "by_state": counts.by_state,
    }))
}

#[cfg(not(feature = "live"))]
fn live() -> Result<Value> {
    Err("built without the feature `live`".into())
}

/// The data as Rust. `{:?}` makes a literal of a text, and nothing in the text can end it.
fn rust(source: &str, data: &Value) -> Result<String> {
    let number = |value: &Value| value.as_u64().ok_or("a number is missing");
    let (fetched_at, total, active) = (
        number(&data["fetched_at"])?,
        number(&data["total"])?,
        number(&data["active"])?,
    );
    let workspace = data["workspace"].as_str().ok_or("`workspace` is missing")?;
    let states = data["by_state"]
        .as_object()
        .ok_or("`by_state` is missing")?
        .iter();
    let by_state = states
        .map(|(state, people)| Ok((state, number(people)?)))
        .collect::<Result<Vec<_>>>()?;
    let snapshot = serde_json::to_string_pretty(data)?;
    Ok(format!(
        "pub const SOURCE: &str = {source:?};\n\
         pub const FETCHED_AT: u64 = {fetched_at};\n\
         pub const WORKSPACE: &str = {workspace:?};\n\
         pub const TOTAL: u64 = {total};\n\
         pub const ACTIVE: u64 = {active};\n\
         pub const BY_STATE: &[(&str, u64)] = &{by_state:?};\n\
         pub const SNAPSHOT: &str = {snapshot:?};\n"
    ))
}

/// An environment variable. An empty one counts as unset.
fn setting(name: &str) -> Option<String> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(|value| value.to_string_lossy().into())
}

/// Seconds since 1970: the age is a subtraction, and a date would take a library.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn with_causes(error: &dyn Error) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain
        .map(|error| error.to_string())
        .collect::<Vec<_>>()
        .join(": ")
}

/// In one line: cargo would take the next one for an instruction.
fn tell(kind: &str, text: &str) {
    println!("cargo::{kind}={}", text.replace(char::is_control, " "));
}
