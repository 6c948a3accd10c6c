//! How much memory a job takes, measured in a process of its own, on Linux only.

use std::fs;
use std::process::{Command, ExitCode};

use crate::Result;
use crate::contenders::{Contender, Job};

/// In MiB, minus what the process held before.
#[derive(Clone, Copy)]
pub struct Memory {
    pub peak: f64,
    /// At the end, while the result is still held.
    pub held: f64,
}

/// Starts a process that does the job once. Returns `None` if this is not Linux.
pub fn of(contender: &str, job: Job, origin: &str, workspace: &str) -> Result<Option<Memory>> {
    if cfg!(not(target_os = "linux")) {
        return Ok(None);
    }
    let args = ["memory", contender, job.name(), origin, workspace];
    let output = Command::new(std::env::current_exe()?).args(args).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (peak, held) = text
        .trim_end()
        .split_once(' ')
        .ok_or("the process for the memory has failed")?;
    Ok(Some(Memory {
        peak: peak.parse()?,
        held: held.parse()?,
    }))
}

/// What that process does.
pub fn measure(contender: &str, job: &str, origin: &str, workspace: &str) -> Result<ExitCode> {
    let (contender, job) = (Contender::new(contender, origin)?, Job::new(job)?);
    let before = status("VmRSS:")?;
    let answer = contender.call(job, workspace)?;
    println!(
        "{} {}",
        status("VmHWM:")? - before,
        status("VmRSS:")? - before
    );
    drop(answer);
    Ok(ExitCode::SUCCESS)
}

fn status(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or("not in /proc/self/status")?;
    let kib: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
