//! What "GET, decode, count" costs to build: the three crates in `programs/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use fake_mode::{FakeMode, Workspace};

use crate::report::{self, Budgets, median, ratio};
use crate::{Result, cargo};

const PROGRAMS: [&str; 3] = ["mode-analytics", "ureq", "reqwest"];
const ROUNDS: usize = 3;

pub fn run() -> Result<Budgets> {
    let mut seconds = [const { Vec::new() }; PROGRAMS.len()];
    let mut sizes = [0.0; PROGRAMS.len()];
    for round in 1..=ROUNDS {
        for (at, program) in PROGRAMS.into_iter().enumerate() {
            eprintln!("round {round} of {ROUNDS}: {program}");
            let (time, size) = build(program)?;
            seconds[at].push(time);
            sizes[at] = size;
        }
    }

    println!(
        "A release build from nothing, the median of {ROUNDS} in turn. In parentheses: how many times as much as with mode-analytics."
    );
    report::head(&["", "CPU time", "binary, stripped", "crates"]);
    for (at, program) in PROGRAMS.into_iter().enumerate() {
        let (time, size) = (median(&seconds[at]), sizes[at] / 1e6);
        let time = format!("{time:.1} s ({:.2})", ratio(&seconds[at], &seconds[0]));
        let size = format!("{size:.2} MB ({:.2})", sizes[at] / sizes[0]);
        report::row(program, &[time, size, crates(program)?.to_string()]);
    }
    let [this, ureq, reqwest] = &seconds;
    let mut budgets = Budgets::default();
    budgets.at_most(1.15, "CPU time / CPU time with ureq", ratio(this, ureq));
    budgets.at_most(
        0.8,
        "CPU time / CPU time with reqwest",
        ratio(this, reqwest),
    );
    budgets.at_most(1.15, "size / size with ureq", sizes[0] / sizes[1]);
    Ok(budgets)
}

fn folder(program: &str) -> PathBuf {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    programs.join(program)
}

/// Builds from nothing, makes sure that the program works, and returns the CPU time and the size of the binary.
fn build(program: &str) -> Result<(f64, f64)> {
    let target = cargo::empty_target()?;
    cargo::run(&folder(program), &["fetch", "--locked"])?;
    let before = cargo::cpu_time()?;
    let build = [
        "build",
        "--release",
        "--locked",
        "--offline",
        "--target-dir",
    ];
    cargo::run(&folder(program), &[&build[..], &[&target]].concat())?;
    let time = cargo::cpu_time()? - before;

    let binary = Path::new(&target).join(format!("release/count-with-{program}"));
    let mode = FakeMode::start();
    Workspace::new("acme", 20).serve(&mode);
    let output = Command::new(&binary)
        .env("MODE_API_TOKEN", "token")
        .env("MODE_API_SECRET", "secret")
        .env("MODE_WORKSPACE", "acme")
        .env("MODE_BASE_URL", mode.origin())
        .output()?;
    if output.stdout != b"16\n" {
        return Err(format!("{program} counts wrong: {output:?}").into());
    }
    Ok((time, fs::metadata(&binary)?.len() as f64))
}

/// The number of distinct crates in the program's tree, without the program itself.
fn crates(program: &str) -> Result<usize> {
    let tree = "tree --locked --offline -e normal --prefix none --no-dedupe";
    let tree = cargo::run(&folder(program), &tree.split(' ').collect::<Vec<_>>())?;
    Ok(tree.lines().collect::<BTreeSet<_>>().len() - 1)
}
