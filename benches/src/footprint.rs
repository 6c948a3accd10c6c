//! What "GET, decode, count" costs to build: the three crates in `programs/`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs, process};

use fake_mode::{FakeMode, Workspace};

use crate::Result;
use crate::report::{self, Budgets, median, ratio};

const PROGRAMS: [&str; 3] = ["mode-analytics", "ureq", "reqwest"];
const ROUNDS: usize = 3;

pub fn run() -> Result<Budgets> {
    for program in PROGRAMS {
        cargo(program, &["fetch", "--locked"])?;
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

    println!("A cold release build, the median of {ROUNDS} in turn:");
    report::head(&["", "CPU time", "binary, stripped", "crates"]);
    for (at, program) in PROGRAMS.into_iter().enumerate() {
        let time = format!("{:.1} s", median(seconds[at].clone()));
        let size = format!("{:.2} MB", sizes[at] as f64 / 1e6);
        report::row(&[program, &time, &size, &crates(program)?.to_string()]);
    }

    let [this, ureq, reqwest] = &seconds;
    let mut budgets = Budgets::default();
    budgets.at_most(1.15, "CPU time, over that of ureq", ratio(this, ureq));
    budgets.at_most(0.7, "CPU time, over that of reqwest", ratio(this, reqwest));
    budgets.at_most(
        1.05,
        "size, over that of ureq",
        sizes[0] as f64 / sizes[1] as f64,
    );
    Ok(budgets)
}

/// Builds from nothing, makes sure that the program works, and returns the CPU time and the size of the binary.
fn build(program: &str, target: &Path) -> Result<(f64, u64)> {
    let before = cpu_time_of_children()?;
    let target_dir = target
        .to_str()
        .ok_or("the temporary folder has a strange name")?;
    cargo(
        program,
        &[
            "build",
            "--release",
            "--locked",
            "--offline",
            "--target-dir",
            target_dir,
        ],
    )?;
    let time = cpu_time_of_children()? - before;

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

/// The distinct crates in the program's tree, itself not counted.
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
    let tree = cargo(program, &args)?;
    Ok(tree.lines().collect::<BTreeSet<_>>().len() - 1)
}

/// Runs cargo on a program and returns its standard output.
fn cargo(program: &str, args: &[&str]) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("programs")
        .join(program);
    let strip = ("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    let output = Command::new("cargo")
        .args(args)
        .current_dir(folder)
        .envs([strip])
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "cargo {args:?} for {program}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// User and system time of the children that have ended, and of theirs, in seconds.
fn cpu_time_of_children() -> Result<f64> {
    let stat =
        fs::read_to_string("/proc/self/stat").map_err(|_| "the CPU time is only known on Linux")?;
    // cutime and cstime, in hundredths: the 14th and 15th field behind the name, which is in parentheses.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let mut ticks = 0;
    for field in fields.split_whitespace().skip(13).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(ticks as f64 / 100.0)
}
