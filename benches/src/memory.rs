//! How much memory a job takes, measured in a process of its own, on Linux.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::contenders::{Contender, Job};

/// Starts a process that does the job once. Returns what it held at the peak and at the end, while it still held the
/// result, in MiB and minus what it held before.
pub fn of(contender: &str, job: Job, origin: &str, workspace: &str) -> Result<[f64; 2]> {
    let args = ["memory", contender, job.name(), origin, workspace];
    let output = Command::new(std::env::current_exe()?).args(args).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.trim_end().split_once(' ');
    let (peak, held) = numbers.ok_or("the process for the memory has failed")?;
    Ok([peak.parse()?, held.parse()?])
}

/// What that process does.
pub fn measure(contender: &str, job: &str, origin: &str, workspace: &str) -> Result<()> {
    let (contender, job) = (Contender::new(contender, origin)?, Job::new(job)?);
    let before = status("VmRSS:")?;
    let answer = contender.call(job, workspace)?;
    let (peak, held) = (status("VmHWM:")?, status("VmRSS:")?);
    println!("{} {}", peak - before, held - before);
    drop(answer);
    Ok(())
}

fn status(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(name));
    let kib: f64 = line
        .ok_or("not there")?
        .trim_end_matches("kB")
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}
