//! How long somebody who has just cloned the repository waits for the demo and for the first test.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, process};

use crate::report::{self, Budgets, median};
use crate::{Result, cargo};

const ROUNDS: usize = 3;
const DEMO: &[&[&str]] = &[&["run", "--example", "demo"]];
/// `cargo test` builds everything and then runs the unit tests first. These two steps do the same, and end after the
/// unit tests.
const FIRST_TEST: &[&[&str]] = &[&["test", "--no-run"], &["test", "--lib"]];

/// How long one thing took, in each round.
#[derive(Default)]
struct Waits {
    seconds: Vec<f64>,
    cpu: Vec<f64>,
}

/// Measures this checkout, and `other` in turn with it.
pub fn run(other: Option<&str>) -> Result<Budgets> {
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut checkouts = vec![("this checkout", this.canonicalize()?)];
    if let Some(other) = other {
        checkouts.push(("the other one", PathBuf::from(other).canonicalize()?));
    }
    for (_, folder) in &checkouts {
        cargo::run(folder, &["fetch", "--locked"])?;
    }

    let mut waits: Vec<[Waits; 2]> = checkouts.iter().map(|_| Default::default()).collect();
    for round in 1..=ROUNDS {
        for ((name, folder), waits) in checkouts.iter().zip(&mut waits) {
            eprintln!("round {round} of {ROUNDS}: {name}");
            for (commands, waits) in [DEMO, FIRST_TEST].into_iter().zip(waits) {
                wait(folder, commands, waits)?;
            }
        }
    }

    println!(
        "With an empty target folder and all crates downloaded; the median of {ROUNDS}. CPU time is the sum over all cores."
    );
    report::head(&[
        "",
        "until the demo has ended",
        "CPU time",
        "until the unit tests have ended",
        "CPU time",
    ]);
    for ((name, _), [demo, test]) in checkouts.iter().zip(&waits) {
        let [a, b, c, d] = [&demo.seconds, &demo.cpu, &test.seconds, &test.cpu]
            .map(|seconds| format!("{:.1} s", median(seconds.clone())));
        report::row(&[*name, &a, &b, &c, &d]);
    }

    let mut budgets = Budgets::default();
    if let [this, other] = &waits[..] {
        for (at, what) in ["the demo", "the unit tests"].into_iter().enumerate() {
            let rounds = this[at].seconds.iter().zip(&other[at].seconds);
            budgets.at_most(
                5.0,
                &format!("{what}: seconds longer than in the other checkout"),
                median(rounds.map(|(this, other)| this - other).collect()),
            );
        }
    }
    Ok(budgets)
}

/// Runs the commands with an empty target folder, and adds how long they took.
fn wait(folder: &Path, commands: &[&[&str]], waits: &mut Waits) -> Result<()> {
    let target = env::temp_dir().join(format!("mode-analytics-newcomer-{}", process::id()));
    let target_dir = target
        .to_str()
        .ok_or("the temporary folder has a strange name")?;
    let (start, cpu) = (Instant::now(), cargo::cpu_time()?);
    for command in commands {
        let options = ["--locked", "--offline", "--target-dir", target_dir];
        cargo::run(folder, &[command, &options[..]].concat())?;
    }
    waits.seconds.push(start.elapsed().as_secs_f64());
    waits.cpu.push(cargo::cpu_time()? - cpu);
    fs::remove_dir_all(&target)?;
    Ok(())
}
