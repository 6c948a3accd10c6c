//! Compares `mode-analytics` with what a program would use instead of it. `README.md` has the commands.

mod cargo;
mod contenders;
mod distant;
mod footprint;
mod memory;
mod network;
mod newcomer;
mod report;
mod speed;
mod stand_in;

use std::process::ExitCode;

use contenders::{Contender, Job};
use report::Budgets;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<ExitCode> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody else has chosen one");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let check = args.contains(&"--check");
    args.retain(|arg| *arg != "--check");
    match args[..] {
        [] => Ok(end(&speed::run()?, check)),
        ["network"] => network::run(check),
        ["network-trusting", file] => Ok(end(&network::run_trusting(file)?, check)),
        ["footprint"] => Ok(end(&footprint::run()?, check)),
        ["newcomer"] => Ok(end(&newcomer::run(None)?, check)),
        ["newcomer", other] => Ok(end(&newcomer::run(Some(other))?, check)),
        ["serve"] => stand_in::serve(),
        ["memory", contender, job, origin, workspace] => {
            memory::measure(contender, job, origin, workspace)
        }
        ["once", contender, job, origin, workspace, repeats] => {
            let (contender, job) = (Contender::new(contender, origin)?, Job::new(job)?);
            for _ in 0..repeats.parse()? {
                contender.call(job, workspace)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("no such command: see benches/README.md".into()),
    }
}

fn end(budgets: &Budgets, check: bool) -> ExitCode {
    budgets.print();
    if check && budgets.are_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
