//! The server that is asked. It runs in a process of its own, so that its time and memory count for nobody.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};

use fake_mode::{FakeMode, Reply, Workspace};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Result;

const SIZES: [usize; 4] = [50, 1_000, 10_000, 100_000];
const GZIPPED: usize = 10_000;

/// The name of the workspace of this many people. The stand-in serves 50, 1,000, 10,000 and 100,000.
pub fn plain(people: usize) -> String {
    format!("people-{people}")
}

/// The same for a workspace that is served with gzip only. The stand-in serves 10,000.
pub fn gzipped(people: usize) -> String {
    format!("people-{people}-gzip")
}

/// The body of the response for either, before gzip.
pub fn body(people: usize) -> String {
    Workspace::new(&plain(people), people).memberships_json()
}

pub fn gzip(body: &str) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes())?;
    Ok(encoder.finish()?)
}

/// Prints its origin and serves until its standard input ends.
pub fn serve() -> Result<ExitCode> {
    let mode = FakeMode::start();
    for people in SIZES {
        Workspace::new(&plain(people), people).serve(&mode);
    }
    let zipped = gzip(&body(GZIPPED))?;
    let reply =
        Reply::bytes(200, "application/hal+json", zipped).header("Content-Encoding", "gzip");
    mode.route(
        &format!("/api/{}/memberships", gzipped(GZIPPED)),
        move |request| match request.header("accept-encoding") {
            Some(accepted) if accepted.contains("gzip") => reply.clone(),
            _ => Reply::error(406, "not_acceptable", "This one is gzip alone"),
        },
    );
    println!("{}", mode.origin());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(ExitCode::SUCCESS)
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
        Ok(Self {
            origin: origin.trim_end().to_owned(),
            process,
        })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
