//! Builds a copy of this crate for real, against a stand-in for Mode, and checks what its README promises.
//!
//! `cargo run -p fake-mode --example embed_check`: takes about a minute, 15 seconds of it spent waiting for a Mode
//! that does not answer. Every broken promise is reported, not only the first.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode};
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

use fake_mode::{FakeMode, Reply, Request};

type Check<T = ()> = Result<T, Box<dyn Error>>;

/// One build of the copy in each row, in an order that matters: what cargo does again depends on the build before.
///
/// * `build`: with or without the feature. Before it, snapshot.json is touched, so that build.rs runs; or another file;
///   or, before a build `again`, nothing.
/// * `n`: the number of requests that Mode receives.
/// * `outcome`: `live` counts, the `snapshot` or a `hostile` one, a `failure` of the build, or a `refusal` by the
///   program. `either` is the snapshot and, in a second build, which has `MODE_EMBED=require`, a failure.
/// * `says`: parts of the one warning or error. If there are none, there is no warning.
const TABLE: &str = r#"
what                           | build              | snapshot.json  | variables                              | Mode sends     | n | outcome  | says
the default, whatever is set   | plain              |                | MODE_EMBED=require MODE_WORKSPACE=beta | good           | 0 | snapshot |
with the feature               | live               |                |                                        | good           | 1 | live     |
a second build                 | live again         |                |                                        | good           | 0 | live     |
a touched main.rs              | live src/main.rs   |                |                                        | good           | 0 | live     |
another key                    | live again         |                | MODE_API_TOKEN=x MODE_API_SECRET=x     | good           | 0 | live     |
a touched snapshot.json        | live               |                |                                        | good           | 1 | live     |
a touched build.rs             | live build.rs      |                |                                        | good           | 1 | live     |
MODE_EMBED is watched          | live again         |                | MODE_EMBED=require                     | good           | 1 | live     |
…and again                     | live again         |                |                                        | good           | 1 | live     |
MODE_WORKSPACE is watched      | live again         |                | MODE_WORKSPACE=beta                    | good           | 1 | live     |
…and again                     | live again         |                |                                        | good           | 1 | live     |
MODE_BASE_URL is watched       | live again         |                | MODE_BASE_URL=CAPITALS                 | good           | 1 | live     |
…and again                     | live again         |                |                                        | good           | 1 | live     |
DOCS_RS is watched             | live again         |                | DOCS_RS=1                              | good           | 0 | snapshot | DOCS_RS
…and again                     | live again         |                |                                        | good           | 1 | live     |
CARGO_NET_OFFLINE is watched   | live again         |                | CARGO_NET_OFFLINE=true                 | good           | 0 | snapshot | CARGO_NET_OFFLINE
a fallback                     | live               |                |                                        | 403            | 1 | snapshot | 403 forbidden: not now
the build after a fallback     | live again         |                |                                        | 403            | 1 | snapshot | 403 forbidden: not now
…and the one after that        | live again         |                |                                        | good           | 1 | live     |
a failure                      | live               |                | MODE_EMBED=require                     | 403            | 1 | failure  | 403 forbidden: not now
the build after a failure      | live again         |                | MODE_EMBED=require                     | good           | 1 | live     |
a refusal with a hostile text  | live               |                |                                        | hostile 401    | 1 | either   | 401 unauthorized: no [redacted] here
a fault of the server          | live               |                |                                        | 500            | 2 | either   | 500 oops: out of order
a wait of a minute             | live               |                |                                        | 429            | 1 | either   | 429 busy: x
a wait of 2 s is announced     | live               |                |                                        | 503, then good | 2 | live     | asking again in 2.0s: GET
a sign-in page                 | live               |                |                                        | page           | 1 | either   | GET /api/acme/memberships:
silence, for 15 s at most      | live               |                |                                        | silence        | 1 | snapshot | GET /api/acme/memberships:
a closed port                  | live               |                | MODE_BASE_URL=CLOSED                   | good           | 0 | either   | refused
no workspace                   | live               |                | MODE_WORKSPACE                         | good           | 0 | either   | MODE_WORKSPACE is not set
no token                       | live               |                | MODE_API_TOKEN                         | good           | 0 | either   | MODE_API_TOKEN
an empty secret                | live               |                | MODE_API_SECRET=                       | good           | 0 | either   | MODE_API_SECRET
no network on docs.rs          | live               |                | DOCS_RS=1                              | good           | 0 | either   | no network: DOCS_RS
no network for cargo           | live               |                | CARGO_NET_OFFLINE=true                 | good           | 0 | either   | no network: CARGO_NET_OFFLINE
an empty MODE_EMBED            | live               |                | MODE_EMBED=                            | good           | 1 | live     |
an unknown MODE_EMBED          | live               |                | MODE_EMBED=Require                     | good           | 0 | failure  | MODE_EMBED is "Require"
a hostile MODE_EMBED           | live               |                | MODE_EMBED=HOSTILE                     | good           | 0 | failure  | MODE_EMBED is HOSTILE
another workspace              | live               |                | MODE_WORKSPACE=beta                    | 403            | 1 | failure  | 403 … is of "acme", not of "beta" (commit one of
the same in capitals           | live               |                | MODE_WORKSPACE=Acme                    | 403            | 1 | failure  | 403 … is of "acme", not of "Acme" (commit one of
another without network        | live               |                | MODE_WORKSPACE=beta DOCS_RS=1          | good           | 0 | failure  | DOCS_RS … is of "acme", not of "beta"
a hostile workspace            | live               |                | MODE_WORKSPACE=HOSTILE                 | good           | 0 | failure  | workspace … is of "acme", not of HOSTILE
a hostile state is text        | live               |                |                                        | hostile state  | 1 | live     |
no snapshot yet, and an answer | live               | none           |                                        | good           | 1 | live     |
no snapshot                    | plain              | none           |                                        | good           | 0 | failure  | No such file … `git checkout snapshot.json`
an empty snapshot              | live               | empty          |                                        | 403            | 1 | failure  | 403 … EOF … `git checkout snapshot.json`
a snapshot without total       | live               | no total       |                                        | 403            | 1 | failure  | 403 … total … `git checkout snapshot.json`
a negative snapshot            | live               | negative       |                                        | 403            | 1 | failure  | 403 … -6 … `git checkout snapshot.json`
a hostile number, live         | live               | hostile number |                                        | 403            | 1 | failure  | 403 … injected … `git checkout snapshot.json`
a hostile snapshot             | plain              | hostile        |                                        | good           | 0 | hostile  |
a hostile snapshot, live       | live               | hostile        | MODE_WORKSPACE                         | good           | 0 | hostile  | MODE_WORKSPACE is not set
a foreign hostile snapshot     | live               | hostile        |                                        | 403            | 1 | failure  | 403 … is of HOSTILE, not of "acme"
an old --snapshot              | plain --snapshot   |                |                                        | good           | 0 | refusal  | --features live
an old --snapshot, live        | live --snapshot    |                | DOCS_RS=1                              | good           | 0 | refusal  | --features live
"#;

const SOURCES: &str = "Cargo.toml Cargo.lock build.rs src/counts.rs src/main.rs";

/// How a line begins.
const FALLBACK: &str = "warning: embed-in-build@0.0.0: using the snapshot of 3 days ago instead";

const SECRET: &str = "only-a-test-secret";
const AUTHORIZATION: &str = "Basic b25seS1hLXRlc3QtdG9rZW46b25seS1hLXRlc3Qtc2VjcmV0";
/// How the token and the secret begin, and how base64 writes that (in the header's pair, too).
const SECRETS: [&str; 2] = ["only-a-test-", "b25seS1hLXRlc3Qt"];

const ROWS: &str = r#"[{"state":"pending"},{"state":"active"},{"state":"active"}]"#;
const COUNTS: &str = "members: 3, active: 2\n       2 active\n       1 pending\n";
const SNAPSHOT_COUNTS: &str = "members: 120, active: 96\n      96 active\n       6 banned\n";

/// If this were printed as it is, it would be an instruction to cargo, and one to a terminal.
const HOSTILE: &str = "x\"\ncargo::error=injected\r\n\u{1b}[31m\u{9b}\u{202e}";
const HOSTILE_JSON: &str = r#""x\"\ncargo::error=injected\r\n\u001b[31m\u009b\u202e""#;

fn main() -> Check<ExitCode> {
    let copy = Copy::make()?;
    let mut broken = 0;
    let mut report = |row: &str, outcome: Check| match outcome {
        Ok(()) => println!("ok: {row}"),
        Err(fault) => {
            broken += 1;
            println!("NOT ok: {row}: {fault}");
        }
    };
    for row in TABLE.lines().skip(2) {
        report(row, copy.check(&row.replace("either  ", "snapshot")));
        if row.contains("either  ") {
            report(row, copy.check(&row.replace("either  ", "require ")));
        }
    }
    report("a fresh --snapshot", copy.check_fresh_snapshot());
    report("a build that is killed", copy.check_killed());
    fs::remove_dir_all(&copy.dir)?;
    println!("embed_check: {broken} broken promises");
    Ok(ExitCode::from(u8::from(broken > 0)))
}

fn replies(name: &str) -> Vec<Reply> {
    let good = Reply::json(200, ROWS);
    let busy = |status, wait| Reply::error(status, "busy", HOSTILE).header("Retry-After", wait);
    let unauthorized = format!("no {SECRET} here\n{HOSTILE}");
    match name {
        "good" => vec![good],
        "hostile state" => vec![Reply::json(200, format!(r#"[{{"state":{HOSTILE_JSON}}}]"#))],
        "page" => vec![Reply::bytes(200, "text/html", "<html>")],
        "hostile 401" => vec![Reply::error(401, "unauthorized", &unauthorized)],
        "403" => vec![Reply::error(403, "forbidden", "not now")],
        "429" => vec![busy(429, "60")],
        "500" => vec![Reply::error(500, "oops", "out of order")],
        "503, then good" => vec![busy(503, "2"), good],
        "silence" => vec![Reply::silence()],
        _ => unreachable!("{name}"),
    }
}

/// What the table calls by this name, made from a good snapshot.
fn snapshot(good: &str, name: &str) -> Option<String> {
    match name {
        "" => Some(good.into()),
        "none" => None,
        "empty" => Some(String::new()),
        "no total" => Some(good.replace(r#""total": 120,"#, "")),
        "negative" => Some(good.replace(": 6", ": -6")),
        "hostile number" => Some(good.replace("120", HOSTILE_JSON)),
        "hostile" => Some(good.replace(r#""acme""#, HOSTILE_JSON)),
        "long" => Some(good.replace("acme", &"long".repeat(100_000))),
        _ => unreachable!("{name}"),
    }
}

fn ensure(holds: bool, otherwise: &str) -> Check {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// The crate, copied to `dir/crate`, and what is built from it.
struct Copy {
    dir: PathBuf,
    /// The committed snapshot, but three days old.
    good: String,
    mode: FakeMode,
}

impl Copy {
    fn make() -> Check<Self> {
        let dir = env::temp_dir().join(format!("embed-check-{}", process::id()));
        let source = dir.join("crate");
        fs::create_dir_all(source.join("src"))?;
        let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
        for name in SOURCES.split(' ') {
            let text = fs::read_to_string(root.join("examples/embed-in-build").join(name))?;
            let text = text.replace(r#"path = "../..""#, &format!("path = {root:?}"));
            fs::write(source.join(name), text)?;
        }
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let three_days_ago = (now - 3 * 24 * 60 * 60 - 60).to_string();
        let good = include_str!("snapshot.json").replace("1793491200", &three_days_ago);
        let mode = FakeMode::start();
        Ok(Self { dir, good, mode })
    }

    /// `cargo run`, with a key, and whatever the caller's environment says.
    fn cargo(&self, build: &str) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["run", "--locked"]);
        if build.starts_with("live") {
            cargo.args(["--features", "live"]);
        }
        if build.ends_with("--snapshot") {
            cargo.args(["--", "--snapshot"]);
        }
        for name in ["MODE_EMBED", "DOCS_RS", "CARGO_NET_OFFLINE"] {
            cargo.env_remove(name);
        }
        cargo
            .current_dir(self.dir.join("crate"))
            .env("CARGO_TARGET_DIR", self.dir.join("target"))
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_PROFILE_DEV_DEBUG", "0") // There is less to compile and to search.
            .env("MODE_WORKSPACE", "acme")
            .env("MODE_API_TOKEN", "only-a-test-token")
            .env("MODE_API_SECRET", SECRET)
            .env("MODE_BASE_URL", self.mode.origin());
        cargo
    }

    /// Builds and runs as the row says. Checks what comes of it, and what must hold for every build.
    fn check(&self, row: &str) -> Check {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, build, json, variables, sent, requests, outcome, says] = cells[..] else {
            return Err("not a row".into());
        };
        self.write_snapshot(snapshot(&self.good, json))?;
        let (_, touched) = build.split_once(' ').unwrap_or((build, "snapshot.json"));
        let path = self.dir.join("crate").join(touched);
        // Cargo also runs build.rs again if the snapshot is missing.
        if let Ok(file) = fs::File::options().append(true).open(path) {
            file.set_modified(SystemTime::now())?;
        }
        for workspace in ["acme", "Acme", "beta"] {
            self.mode
                .script(&format!("/api/{workspace}/memberships"), replies(sent));
        }
        let mut cargo = self.cargo(build);
        if outcome == "require" {
            cargo.env("MODE_EMBED", "require");
        }
        for variable in variables.split_whitespace() {
            match variable.split_once('=') {
                None => cargo.env_remove(variable),
                Some((name, "HOSTILE")) => cargo.env(name, HOSTILE),
                Some((name, "CLOSED")) => cargo.env(name, FakeMode::start().origin()),
                Some((name, "CAPITALS")) => cargo.env(name, self.mode.origin().to_uppercase()),
                Some((name, value)) => cargo.env(name, value),
            };
        }
        let (start, before) = (SystemTime::now(), self.mode.requests().len());
        let sources = files(&self.dir.join("crate"))?;
        let output = cargo.output()?;
        let is_slow = start.elapsed()? > Duration::from_secs(25);
        let stdout = String::from_utf8(output.stdout)?;
        let stderr = String::from_utf8(output.stderr)?;

        let hostile = &*HOSTILE.escape_debug().to_string();
        let (code, source, counts, line) = match outcome {
            "live" if sent == "hostile state" => (0, "live\nfetched: 0", hostile, "warning: "),
            "live" => (0, "live\nfetched: 0", COUNTS, "warning: "),
            "snapshot" => (0, "snapshot\nfetched: 3", SNAPSHOT_COUNTS, FALLBACK),
            "hostile" => (0, "snapshot\nfetched: 3", hostile, FALLBACK),
            "refusal" => (1, "", "", "this build embeds the old snapshot"),
            _ => (101, "", "", "error: embed-in-build@0.0.0: "),
        };
        let line = if says.is_empty() { "warning: " } else { line };
        let says = says.replace("HOSTILE", &format!("{HOSTILE:?}"));
        let says_it = |text: &&str| says.split(" … ").all(|part| text.contains(part));
        let lines = stderr.lines().filter(|text| text.starts_with(line));
        let told = lines.filter(says_it).count();
        let received = &self.mode.requests()[before..];
        let has_key = |it: &Request| it.header("authorization") == Some(AUTHORIZATION);
        let is_built = stderr.contains("Compiling embed-in-build");
        let text = stdout.clone() + &stderr;
        let has_secret = |text: &str| SECRETS.iter().any(|secret| text.contains(secret));
        let is_active = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        let mut faults = vec![
            ("exit code", output.status.code() != Some(code)),
            ("source", !stdout.contains(source)),
            ("counts", !stdout.contains(counts)),
            ("output", stdout.is_empty() != source.is_empty()),
            ("text", told != usize::from(!says.is_empty())),
            ("requests", received.len().to_string() != requests),
            ("key", !received.iter().all(has_key)),
            ("build script", touched.contains('.') && !is_built),
            ("time", is_slow && sent == "silence"),
            ("HTTP client", build == "plain" && stderr.contains(" ureq ")),
            ("panic", text.contains("panicked")),
            ("source tree", files(&self.dir.join("crate"))? != sources),
            ("secret", has_secret(&text)),
            ("terminal", text.contains(is_active)),
            ("injection", text.contains(": injected")),
        ];
        for file in files(&self.dir)? {
            // The next build overwrites what cargo keeps of this one.
            let is_new = file.metadata()?.modified()? >= start;
            let has_secret = is_new && has_secret(&String::from_utf8_lossy(&fs::read(&file)?));
            faults.push(("secret on disk", has_secret));
        }
        faults.retain(|(_, is_fault)| *is_fault);
        ensure(faults.is_empty(), &format!("{faults:?} {text}"))
    }

    /// Writes the file only if it changes, because cargo watches it.
    fn write_snapshot(&self, text: Option<String>) -> io::Result<()> {
        let path = self.dir.join("crate/snapshot.json");
        let old = fs::read_to_string(&path).ok();
        match text {
            _ if old == text => Ok(()),
            Some(text) => fs::write(path, text),
            None => fs::remove_file(path),
        }
    }

    fn check_fresh_snapshot(&self) -> Check {
        self.write_snapshot(None)?; // It may be the first one.
        let target = "/api/acme/memberships";
        self.mode.script(target, replies("hostile state"));
        let text = String::from_utf8(self.cargo("live --snapshot").output()?.stdout)?;
        let is_plain = text.chars().all(|c| c == '\n' || matches!(c, ' '..='~'));
        self.write_snapshot(Some(text))?;
        let embedded = String::from_utf8(self.cargo("plain").output()?.stdout)?;
        let is_hostile = embedded.contains(&HOSTILE.escape_debug().to_string());
        let is_fresh = embedded.starts_with("source: snapshot\nfetched: 0 days ago");
        ensure(is_plain && is_fresh && is_hostile, &embedded)
    }

    /// Runs the build script itself with a limit on file sizes, which kills it in the middle of a large file.
    fn check_killed(&self) -> Check {
        let embedded = self.dir.join("mode.json");
        fs::write(&embedded, "whole")?;
        self.write_snapshot(snapshot(&self.good, "long"))?;
        let script = "../target/debug/build/embed-in-build-*/build-script-build";
        let limited = format!("ulimit -c 0; ulimit -f 8; for it in {script}; do exec $it; done");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &limited])
            .current_dir(self.dir.join("crate"));
        shell.env("OUT_DIR", &self.dir).env("DOCS_RS", "1");
        ensure(shell.status()?.code().is_none(), "it was not killed")?;
        ensure(fs::read(embedded)? == b"whole", "the earlier file is lost")
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
