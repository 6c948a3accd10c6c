//! The server that is asked. It runs in a process of its own, so that its time and memory count for nobody.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use fake_mode::{FakeMode, Workspace};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Result;

/// The workspace of this many people. The stand-in serves 50, 1,000, 10,000 and 100,000.
pub fn workspace(people: usize) -> (String, Workspace) {
    let name = format!("people-{people}");
    let workspace = Workspace::new(&name, people);
    (name, workspace)
}

pub fn gzip(body: &str) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes())?;
    Ok(encoder.finish()?)
}

/// Prints its origin and serves until its standard input ends.
pub fn serve() -> Result<()> {
    let mode = FakeMode::start();
    for people in [50, 1_000, 10_000, 100_000] {
        workspace(people).1.serve(&mode);
    }
    println!("{}", mode.origin());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// A running stand-in.
pub struct StandIn {
    pub origin: String,
    process: Child,
}

impl StandIn {
    pub fn start() -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut origin = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut origin)?;
        let origin = origin.trim_end().to_owned();
        Ok(Self { origin, process })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
