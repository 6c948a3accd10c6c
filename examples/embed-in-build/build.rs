//! Embeds the member counts of a Mode workspace: from snapshot.json or, with the feature `live`, from Mode itself.

#[path = "src/counts.rs"]
mod counts;

use std::path::PathBuf;
#[cfg(feature = "live")]
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fs};

use anyhow::{Context, Result};
use counts::Counts;

fn main() {
    println!("cargo::rerun-if-changed=snapshot.json");
    if let Err(error) = embed() {
        tell("error", format!("{error:#}"));
    }
}

fn embed() -> Result<()> {
    let (source, counts) = find_counts()?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let unfinished = out_dir.join("unfinished.json");
    fs::write(&unfinished, serde_json::to_vec_pretty(&counts)?)?;
    // Renamed once it is complete, so that a build that is killed does not leave half a `mode.json`.
    fs::rename(unfinished, out_dir.join("mode.json"))?;
    println!("cargo::rustc-env=MODE_SOURCE={source}");
    Ok(())
}

fn snapshot() -> Result<Counts> {
    let counts = fs::read("snapshot.json").and_then(|json| Ok(serde_json::from_slice(&json)?));
    counts.context("cannot read snapshot.json (`git checkout snapshot.json` brings it back)")
}

/// The counts, and where they come from. The environment does not matter here.
#[cfg(not(feature = "live"))]
fn find_counts() -> Result<(&'static str, Counts)> {
    Ok(("snapshot", snapshot()?))
}

/// The counts, and where they come from. `MODE_EMBED` decides what happens if Mode does not answer.
#[cfg(feature = "live")]
fn find_counts() -> Result<(&'static str, Counts)> {
    let is_required = match setting("MODE_EMBED").as_deref() {
        None | Some("refresh") => false,
        Some("require") => true,
        Some(other) => anyhow::bail!("MODE_EMBED is {other:?}, not `refresh` or `require`"),
    };
    let reason = match ask_mode() {
        Err(error) if !is_required => format!("{error:#}"),
        answer => return Ok(("live", answer?)),
    };
    // It is not read earlier, because the first live build may come before the first snapshot.
    let counts = snapshot().context(reason.clone())?;
    let held = &counts.workspace;
    if let Some(asked) = setting("MODE_WORKSPACE").filter(|asked| asked != held) {
        anyhow::bail!(
            "{reason}; and the snapshot is of {held:?}, not of {asked:?} \
             (commit one of {asked:?}, or unset MODE_WORKSPACE)"
        );
    }
    let now = UNIX_EPOCH.elapsed()?.as_secs();
    let days = now.saturating_sub(counts.fetched_at) / (24 * 60 * 60);
    let text = format!("using the snapshot of {days} days ago instead of live counts: {reason}");
    tell("warning", text);
    // This file does not exist, so cargo runs this script again in the next build.
    println!("cargo::rerun-if-changed=no-such-file");
    Ok(("snapshot", counts))
}

#[cfg(feature = "live")]
fn ask_mode() -> Result<Counts> {
    anyhow::ensure!(setting("DOCS_RS").is_none(), "no network: DOCS_RS is set");
    // A build script cannot see cargo's own `--offline`.
    let is_offline = setting("CARGO_NET_OFFLINE").as_deref() == Some("true");
    anyhow::ensure!(!is_offline, "no network: CARGO_NET_OFFLINE is true");
    let workspace = setting("MODE_WORKSPACE").context("MODE_WORKSPACE is not set")?;
    println!("cargo::rerun-if-env-changed=MODE_BASE_URL");
    let counts = mode_analytics::ClientBuilder::from_env()?
        .timeout(Duration::from_secs(15))
        .max_retries(1)
        .on_retry(|retry| {
            let (wait, error) = (retry.delay(), retry.error());
            tell("warning", format!("asking again in {wait:.1?}: {error:?}"));
        })
        .build()?
        .membership_counts(&workspace)?;
    Ok(Counts {
        workspace,
        fetched_at: UNIX_EPOCH.elapsed()?.as_secs(),
        total: counts.total,
        active: counts.active,
        by_state: counts.by_state,
    })
}

/// An environment variable, unless it is empty. Do not use this for the token or the secret: cargo watches what is
/// read here, and keeps its value under `target` in plain text.
#[cfg(feature = "live")]
fn setting(name: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed={name}");
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into())
}

/// Reports something to cargo in a single line, because cargo would take a second line for an instruction.
fn tell(kind: &str, text: String) {
    println!("cargo::{kind}={}", text.replace(char::is_control, " "));
}
