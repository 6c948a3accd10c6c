//! Cargo, run as a child, and what its runs cost.

use std::path::Path;
use std::process::{self, Command};
use std::{env, fs};

use crate::Result;

/// Runs cargo in `folder` and returns its standard output.
pub fn run(folder: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("cargo")
        .args(args)
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {args:?} in {}: {text}", folder.display()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A target folder without anything in it.
pub fn empty_target() -> Result<String> {
    let target = env::temp_dir().join(format!("mode-analytics-bench-{}", process::id()));
    let _ = fs::remove_dir_all(&target);
    let target = target.into_os_string().into_string();
    target.map_err(|_| "the temporary folder has a strange name".into())
}

/// User and system time of the children that have ended, and of theirs, in seconds.
pub fn cpu_time() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat");
    let stat = stat.map_err(|_| "the CPU time is only known on Linux")?;
    // cutime and cstime, in hundredths: the 14th and 15th field behind the name, which is in parentheses.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let mut ticks = 0;
    for field in fields.split_whitespace().skip(13).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(ticks as f64 / 100.0)
}
