//! What "GET, decode, count" costs to build: the three crates in `programs/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use fake_mode::{FakeMode, Workspace};

use crate::report::{self, Budgets, median, ratio};
use crate::{Result, cargo};

const PROGRAMS: [&str; 3] = ["mode-analytics", "ureq", "reqwest"];
const ROUNDS: usize = 3;

pub fn run() -> Result<Budgets> {
    for program in PROGRAMS {
        cargo::run(&folder(program), &["fetch", "--locked"])?;
    }
    let target = env::temp_dir().join(format!("mode-analytics-footprint-{}", process::id()));
    let mut seconds = [const { Vec::new() }; PROGRAMS.len()];
    let mut sizes = [0; PROGRAMS.len()];
    for round in 1..=ROUNDS {
        for (at, program) in PROGRAMS.into_iter().enumerate() {
            eprintln!("round {round} of {ROUNDS}: {program}");
            let (time, size) = build(program, &target)?;
            seconds[at].push(time);
            sizes[at] = size;
            fs::remove_dir_all(&target)?;
        }
    }

    println!(
        "A release build from nothing, the median of {ROUNDS} in turn. In parentheses: how many times as much as with mode-analytics; above 1 is more than mode-analytics, below 1 is less."
    );
    report::head(&["", "CPU time", "binary, stripped", "crates"]);
    for (at, program) in PROGRAMS.into_iter().enumerate() {
        let time = format!(
            "{:.1} s ({:.2})",
            median(seconds[at].clone()),
            ratio(&seconds[at], &seconds[0])
        );
        let size = format!(
            "{:.2} MB ({:.2})",
            sizes[at] as f64 / 1e6,
            sizes[at] as f64 / sizes[0] as f64
        );
        report::row(&[program, &time, &size, &crates(program)?.to_string()]);
    }

    let [this, ureq, reqwest] = &seconds;
    let mut budgets = Budgets::default();
    budgets.at_most(1.15, "CPU time / CPU time with ureq", ratio(this, ureq));
    budgets.at_most(
        0.7,
        "CPU time / CPU time with reqwest",
        ratio(this, reqwest),
    );
    budgets.at_most(
        1.05,
        "size / size with ureq",
        sizes[0] as f64 / sizes[1] as f64,
    );
    Ok(budgets)
}

fn folder(program: &str) -> PathBuf {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    programs.join(program)
}

/// Builds from nothing, makes sure that the program works, and returns the CPU time and the size of the binary.
fn build(program: &str, target: &Path) -> Result<(f64, u64)> {
    let before = cargo::cpu_time()?;
    let target_dir = target
        .to_str()
        .ok_or("the temporary folder has a strange name")?;
    cargo::run(
        &folder(program),
        &[
            "build",
            "--release",
            "--config",
            "profile.release.strip='symbols'",
            "--locked",
            "--offline",
            "--target-dir",
            target_dir,
        ],
    )?;
    let time = cargo::cpu_time()? - before;

    let binary = target.join(format!(
        "release/count-with-{program}{}",
        env::consts::EXE_SUFFIX
    ));
    let size = fs::metadata(&binary)?.len();
    let mode = FakeMode::start();
    Workspace::new("acme", 20).serve(&mode);
    let keys = [
        ("MODE_API_TOKEN", "token"),
        ("MODE_API_SECRET", "secret"),
        ("MODE_WORKSPACE", "acme"),
    ];
    let output = Command::new(binary)
        .envs(keys)
        .env("MODE_BASE_URL", mode.origin())
        .output()?;
    if output.stdout != b"16\n" {
        return Err(format!("{program} counts wrong: {output:?}").into());
    }
    Ok((time, size))
}

/// The number of distinct crates in the program's tree, without the program itself.
fn crates(program: &str) -> Result<usize> {
    let args = [
        "tree",
        "--locked",
        "--offline",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--no-dedupe",
    ];
    let tree = cargo::run(&folder(program), &args)?;
    Ok(tree.lines().collect::<BTreeSet<_>>().len() - 1)
}
