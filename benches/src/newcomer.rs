//! How long somebody who has just cloned the repository waits for the demo and for the first test.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::report::{self, Budgets, median};
use crate::{Result, cargo};

const ROUNDS: usize = 3;
/// `cargo test` builds everything and then runs the unit tests first, so the second step ends after the unit tests.
const STEPS: [(&str, &[&str]); 2] = [
    ("the demo", &["run --example demo"]),
    ("the unit tests", &["test --no-run", "test --lib"]),
];

/// Measures this checkout, and `other` in turn with it.
pub fn run(other: Option<&str>) -> Result<Budgets> {
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let checkouts: Vec<PathBuf> = [this].into_iter().chain(other.map(PathBuf::from)).collect();
    let mut seconds = vec![[const { Vec::new() }; STEPS.len()]; checkouts.len()];
    let mut cpu = seconds.clone();
    for round in 1..=ROUNDS {
        for (at, folder) in checkouts.iter().enumerate() {
            eprintln!("round {round} of {ROUNDS}: {}", folder.display());
            cargo::run(folder, &["fetch", "--locked"])?;
            for (step, (_, commands)) in STEPS.into_iter().enumerate() {
                let target = cargo::empty_target()?;
                let (start, before) = (Instant::now(), cargo::cpu_time()?);
                for command in commands {
                    let options = format!("{command} --locked --offline --target-dir {target}");
                    cargo::run(folder, &options.split(' ').collect::<Vec<_>>())?;
                }
                seconds[at][step].push(start.elapsed().as_secs_f64());
                cpu[at][step].push(cargo::cpu_time()? - before);
            }
        }
    }

    println!(
        "With an empty target folder and all crates downloaded; the median of {ROUNDS}, and in parentheses the CPU time of all cores."
    );
    report::head(&["until the end of", "this checkout", "the other one"]);
    let mut budgets = Budgets::default();
    for (step, (what, _)) in STEPS.into_iter().enumerate() {
        let times = seconds.iter().zip(&cpu).map(|(seconds, cpu)| {
            let (seconds, cpu) = (median(&seconds[step]), median(&cpu[step]));
            format!("{seconds:.1} s ({cpu:.1} s)")
        });
        report::row(what, &times.collect::<Vec<_>>());
        if let [this, other] = &seconds[..] {
            let rounds = this[step].iter().zip(&other[step]);
            let longer: Vec<f64> = rounds.map(|(this, other)| this - other).collect();
            let what = format!("{what}: seconds longer than in the other checkout");
            budgets.at_most(5.0, what, median(&longer));
        }
    }
    Ok(budgets)
}
