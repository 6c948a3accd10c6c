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

use contenders::{Contender, Job};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody else has chosen one");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let check = args.pop_if(|arg| *arg == "--check").is_some();
    match args[..] {
        [] => speed::run()?.check(check),
        ["network"] => network::run(check),
        ["network-trusting", file] => network::run_trusting(file)?.check(check),
        ["footprint"] => footprint::run()?.check(check),
        ["newcomer"] => newcomer::run(None)?.check(check),
        ["newcomer", other] => newcomer::run(Some(other))?.check(check),
        ["serve"] => stand_in::serve(),
        ["memory", contender, job, origin, workspace] => {
            memory::measure(contender, job, origin, workspace)
        }
        ["once", contender, job, origin, workspace, repeats] => {
            let (contender, job) = (Contender::new(contender, origin)?, Job::new(job)?);
            for _ in 0..repeats.parse()? {
                contender.call(job, workspace)?;
            }
            Ok(())
        }
        _ => Err("no such command: see benches/README.md".into()),
    }
}
