//! Builds a copy of `examples/embed-in-build` for real, against a stand-in for Mode, and checks what it promises.
//!
//! `cargo run -p fake-mode --example embed_check`: about a minute, 15 seconds of it waiting for a Mode that is silent.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode};
use std::time::{Duration, Instant, SystemTime};
use std::{env, io};

use fake_mode::{FakeMode, Reply};

type Check<T = ()> = Result<T, Box<dyn Error>>;
/// Paths, relative to some directory, and contents.
type Files = BTreeMap<PathBuf, Vec<u8>>;

const TOKEN: &str = "only-a-test-token";
const SECRET: &str = "only-a-test-secret";
/// How both begin, and how base64 writes it (of the header's pair too): in no text and in no file.
const SECRETS: [&str; 2] = ["only-a-test-", "b25seS1hLXRlc3Qt"];

const MEMBERSHIPS: &str = "/api/acme/memberships";
const ROWS: &str =
    r#"[{"state":"pending"},{"state":"active"},{"state":"active"},{"state":"banned"}]"#;
const COUNTS: &str = "people: 4, active: 2\n       2 active\n       1 banned\n       1 pending\n";
const HOSTILE_ROWS: &str =
    r#"[{"state":"\"); std::process::exit(3); (\""},{"state":"a\"b\\\n\u001b[31m\u009b\u202e"}]"#;
const HOSTILE_COUNTS: &str = r#"people: 2, active: 0
       1 \"); std::process::exit(3); (\"
       1 a\"b\\\n\u{1b}[31m\u{9b}\u{202e}
"#;

fn main() -> ExitCode {
    let start = Instant::now();
    let dir = env::temp_dir().join(format!("embed-check-{}", process::id()));
    let result = Copy::make(&dir).and_then(|copy| check(&copy));
    // What is left behind harms nobody.
    let _ = fs::remove_dir_all(&dir);
    match result {
        Ok(()) => {
            println!(
                "embed_check: all is well, after {} s",
                start.elapsed().as_secs()
            );
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("NOT ok: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn check(copy: &Copy) -> Check {
    let source = files(&copy.source)?;
    without_the_feature(copy)?;
    refreshed(copy)?;
    fresh_snapshot(copy)?;
    fallbacks(copy)?;
    asked_again(copy)?;
    announced_wait(copy)?;
    required(copy)?;
    without_network(copy)?;
    without_credentials(copy)?;
    broken_snapshot(copy)?;
    if files(&copy.source)? != source {
        return Err("the source tree has changed".into());
    }
    println!("ok: the source tree stays clean");
    no_secret_on_disk(copy)
}

fn without_the_feature(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = || {
        run(copy
            .cargo("plain", &mode.origin())
            .env("MODE_EMBED", "require"))
    };
    let first = build()?;
    first.expect(
        "the snapshot",
        first
            .stdout
            .starts_with("source: snapshot\nfetched: 3 days ago"),
    )?;
    first.expect(
        "the snapshot's counts",
        first
            .stdout
            .ends_with("6 banned\n      12 invited\n       6 pending\n"),
    )?;
    first.expect("0 connections", mode.connections() == 0)?;
    println!("ok: without the feature: the snapshot, 0 connections");

    first.expect(
        "nothing of an HTTP client",
        copy.compiled_clients("plain")?.is_empty(),
    )?;
    println!("ok: without the feature: nothing of ring, ureq or mode-analytics is compiled");

    let embedded = copy.out_dir("plain")?;
    touch(&copy.source.join("build.rs"))?;
    let second = build()?;
    second.expect(
        "a second run of build.rs",
        second.stderr.contains("Compiling embed-in-build"),
    )?;
    let is_complete = embedded.len() == 1 && embedded.keys().all(|path| path.ends_with("mode.rs"));
    second.expect(
        "one file, and the same again",
        is_complete && copy.out_dir("plain")? == embedded,
    )?;
    println!("ok: OUT_DIR holds one file, the same from the same data");
    Ok(())
}

fn refreshed(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = || copy.cargo("live", &mode.origin());
    let first = run(&mut build())?;
    first.expect(
        "live counts",
        first.is_live() && first.stdout.ends_with(COUNTS),
    )?;
    first.expect("one request", mode.targets() == [MEMBERSHIPS])?;
    let key = mode.requests()[0]
        .header("authorization")
        .unwrap_or_default()
        .to_owned();
    first.expect(
        "the key in it",
        key.starts_with(&format!("Basic {}", SECRETS[1])),
    )?;
    first.expect(
        "a sign of the HTTP client",
        copy.compiled_clients("live")?.len() >= 3,
    )?;
    println!("ok: refresh: live counts, whatever the proxy variables say");

    let second = run(&mut build())?;
    second.expect(
        "no question from a second build",
        second.is_live() && mode.connections() == 1,
    )?;
    touch(&copy.source.join("src/main.rs"))?;
    let touched = run(&mut build())?;
    touched.expect(
        "main.rs compiled again",
        touched.stderr.contains("Compiling embed-in-build"),
    )?;
    touched.expect(
        "no question for main.rs",
        touched.is_live() && mode.connections() == 1,
    )?;
    let other_key = run(build()
        .env("MODE_API_TOKEN", "other")
        .env("MODE_API_SECRET", "other"))?;
    other_key.expect(
        "no watch on token and secret",
        other_key.is_live() && mode.connections() == 1,
    )?;
    println!("ok: after a success: a second build, a touched main.rs and another key ask nothing");
    Ok(())
}

fn fresh_snapshot(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, HOSTILE_ROWS));
    let live = run(&mut copy.cargo("live", &mode.origin()))?;
    live.expect(
        "names as text, escaped for the terminal",
        live.is_live() && live.stdout.ends_with(HOSTILE_COUNTS),
    )?;
    println!("ok: a hostile state name injects no code");

    let path = copy.source.join("snapshot.json");
    let committed = fs::read(&path)?;
    // As a shell does it: the file is empty before the build starts.
    let redirected = File::create(&path)?;
    let printed = run(copy
        .cargo("live", &mode.origin())
        .args(["--", "--snapshot"])
        .stdout(redirected))?;
    printed.expect("a fresh snapshot", printed.code == Some(0))?;
    let embedded = run(&mut copy.cargo("plain", ""))?;
    embedded.expect(
        "it as the snapshot",
        embedded
            .stdout
            .starts_with("source: snapshot\nfetched: 0 days ago"),
    )?;
    embedded.expect("its counts", embedded.stdout.ends_with(HOSTILE_COUNTS))?;
    let again = run(copy.cargo("plain", "").args(["--", "--snapshot"]))?;
    again.expect(
        "no old snapshot as a fresh one",
        again.code == Some(1) && again.stdout.is_empty(),
    )?;
    again.expect("what it takes", again.stderr.contains("--features live"))?;
    fs::write(&path, committed)?;
    println!(
        "ok: --snapshot: redirected into snapshot.json it works, and an old one is not passed off as fresh"
    );
    Ok(())
}

fn fallbacks(copy: &Copy) -> Check {
    let refusal = format!("no key {SECRET} here\ncargo::error=injected");
    let busy = Reply::error(429, "busy", "too many").header("Retry-After", "60");
    for (name, reply, reason, requests) in [
        (
            "500",
            Some(Reply::error(500, "oops", "out of order")),
            "500 oops: out of order",
            2,
        ),
        (
            "401",
            Some(Reply::error(401, "unauthorized", &refusal)),
            "401 unauthorized: no key [redacted] here",
            1,
        ),
        (
            "429 for a minute",
            Some(busy),
            "429 busy: too many (wait 60 s)",
            1,
        ),
        (
            "a sign-in page",
            Some(Reply::bytes(200, "text/html", "<html>")),
            "cannot read the answer: not JSON",
            1,
        ),
        (
            "silence",
            Some(Reply::silence()),
            "no complete answer within",
            1,
        ),
        ("a refused port", None, "refused", 0),
    ] {
        let mode = reply.map(answering);
        let origin = mode
            .as_ref()
            .map_or_else(refusing, |mode| Ok(mode.origin()))?;
        let run = run(&mut copy.cargo("live", &origin))?;
        run.expect_fallback(reason)?;
        run.expect("an end within 20 s", run.took < Duration::from_secs(20))?;
        run.expect(
            "no more requests than that",
            mode.map_or(0, |mode| mode.requests().len()) == requests,
        )?;
        println!(
            "ok: {name}: the snapshot with a warning, after {:.1} s",
            run.took.as_secs_f64()
        );
    }
    Ok(())
}

fn asked_again(copy: &Copy) -> Check {
    let mode = FakeMode::start();
    let down = Reply::error(403, "forbidden", "not now");
    mode.script(MEMBERSHIPS, [down.clone(), down, Reply::json(200, ROWS)]);
    for _ in 0..2 {
        run(&mut copy.cargo("live", &mode.origin()))?.expect_fallback("403 forbidden: not now")?;
    }
    let third = run(&mut copy.cargo("live", &mode.origin()))?;
    third.expect(
        "an answer to the third build",
        third.is_live() && mode.requests().len() == 3,
    )?;
    third.expect("no warning any more", !third.stderr.contains("warning"))?;
    println!("ok: after a fallback the next build asks again");
    Ok(())
}

fn announced_wait(copy: &Copy) -> Check {
    let mode = FakeMode::start();
    let busy = Reply::error(503, "busy", "").header("Retry-After", "2");
    mode.script(MEMBERSHIPS, [busy, Reply::json(200, ROWS)]);
    let run = run(&mut copy.cargo("live", &mode.origin()))?;
    run.expect(
        "an answer after the wait",
        run.is_live() && run.took > Duration::from_secs(2),
    )?;
    run.expect(
        "the wait announced",
        run.stderr
            .contains("warning: embed-in-build@0.0.0: asking again in 2.0 s: GET "),
    )?;
    println!("ok: a wait of 2 s is obeyed and announced");
    Ok(())
}

fn required(copy: &Copy) -> Check {
    let refusal = format!("no {SECRET}\nhere");
    for (reply, reason) in [
        (
            Some(Reply::error(500, "oops", "out of order")),
            "GET /api/acme/memberships: 500 oops: out of order (",
        ),
        (
            Some(Reply::error(401, "unauthorized", &refusal)),
            "401 unauthorized: no [redacted]",
        ),
        (None, "GET /api/acme/memberships: cannot connect ("),
    ] {
        let mode = reply.map(answering);
        let origin = mode
            .as_ref()
            .map_or_else(refusing, |mode| Ok(mode.origin()))?;
        run(copy.cargo("live", &origin).env("MODE_EMBED", "require"))?.expect_failure(reason)?;
    }
    let mode = FakeMode::start();
    mode.script(
        MEMBERSHIPS,
        [
            Reply::error(403, "forbidden", "not now"),
            Reply::json(200, ROWS),
        ],
    );
    let build = || {
        run(copy
            .cargo("live", &mode.origin())
            .env("MODE_EMBED", "require"))
    };
    build()?.expect_failure("403 forbidden: not now (the key lacks permission for this)\n")?;
    let second = build()?;
    second.expect(
        "live counts",
        second.is_live() && second.stdout.ends_with(COUNTS),
    )?;
    println!("ok: require: live counts, or a readable error without a secret");

    let unknown = run(copy
        .cargo("live", &mode.origin())
        .env("MODE_EMBED", "never\n"))?;
    unknown.expect_failure(r#"MODE_EMBED is "never\n", not `refresh` or `require`"#)?;
    println!("ok: an unknown MODE_EMBED is an error");
    Ok(())
}

fn without_network(copy: &Copy) -> Check {
    for (name, value) in [("DOCS_RS", "1"), ("CARGO_NET_OFFLINE", "true")] {
        let mode = answering(Reply::json(200, ROWS));
        let reason = format!("no network, as {name} is ");
        let refresh = run(copy.cargo("live", &mode.origin()).env(name, value))?;
        refresh.expect_fallback(&reason)?;
        let require = run(copy
            .cargo("live", &mode.origin())
            .env(name, value)
            .env("MODE_EMBED", "require"))?;
        require.expect_failure(&reason)?;
        require.expect("0 connections", mode.connections() == 0)?;
        println!(
            "ok: {name}: the snapshot with a warning, an error where live is required, 0 connections"
        );
    }
    Ok(())
}

fn without_credentials(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = |mode_embed| {
        let mut cargo = copy.cargo("live", &mode.origin());
        cargo
            .env_remove("MODE_API_TOKEN")
            .env("MODE_API_SECRET", "")
            .env("MODE_EMBED", mode_embed);
        cargo
    };
    run(&mut build("refresh"))?.expect_fallback("set MODE_API_TOKEN, MODE_API_SECRET\n")?;
    run(build("").env_remove("MODE_WORKSPACE"))?
        .expect_fallback("set MODE_WORKSPACE, MODE_API_TOKEN, MODE_API_SECRET")?;
    let require = run(&mut build("require"))?;
    require.expect_failure("set MODE_API_TOKEN, MODE_API_SECRET\n")?;
    require.expect("0 connections", mode.connections() == 0)?;
    println!("ok: credentials missing: the variables are named");
    Ok(())
}

fn broken_snapshot(copy: &Copy) -> Check {
    let path = copy.source.join("snapshot.json");
    let mend = format!("bring it back with `git checkout {}`", path.display());
    let good = fs::read_to_string(&path)?;
    let newer = replaced(&good, r#""schema": 1"#, r#""schema": 2"#)?;
    let negative = replaced(&good, r#""total": 120"#, r#""total": -120"#)?;
    let mode = answering(Reply::error(403, "forbidden", "not now"));
    for (content, reason) in [
        (None, "No such file"),
        (Some(""), "EOF"),
        (Some("[1]"), "its schema is null, this build.rs reads 1"),
        (Some(&newer), "its schema is 2, this build.rs reads 1"),
        (Some(&negative), "a number is missing"),
    ] {
        match content {
            Some(content) => fs::write(&path, content)?,
            None => fs::remove_file(&path)?,
        }
        for (target, start) in [
            ("plain", ""),
            ("live", "GET /api/acme/memberships: 403 forbidden"),
        ] {
            let run = run(&mut copy.cargo(target, &mode.origin()))?;
            run.expect_failure(start)?;
            run.expect(
                "why, and what mends it",
                run.stderr.contains(reason) && run.stderr.contains(&mend),
            )?;
        }
    }
    fs::write(&path, good)?;
    println!("ok: a missing, unreadable or newer snapshot is an error that names `git checkout`");
    Ok(())
}

fn no_secret_on_disk(copy: &Copy) -> Check {
    let refusal = Reply::error(401, "unauthorized", &format!("no {SECRET} here"));
    // A scan after each: a build overwrites what cargo kept of the one before.
    for (reply, source) in [(Reply::json(200, ROWS), "live"), (refusal, "snapshot")] {
        let mode = answering(reply);
        let run = run(&mut copy.cargo("live", &mode.origin()))?;
        run.expect(
            "a build with a key",
            run.code == Some(0) && mode.connections() == 1,
        )?;
        let files = files(&copy.dir)?;
        for (path, content) in &files {
            if let Some(secret) = secret_in(&String::from_utf8_lossy(content)) {
                return Err(format!("{} contains {secret}", path.display()).into());
            }
        }
        println!(
            "ok: source {source}: token and secret, also as base64, are in none of {} files",
            files.len()
        );
    }
    Ok(())
}

/// The crate copied to `source`, with a target directory for each set of features beside it.
struct Copy {
    dir: PathBuf,
    source: PathBuf,
}

impl Copy {
    fn make(dir: &Path) -> Check<Copy> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .canonicalize()?;
        let original = root.join("examples/embed-in-build");
        let mut fetch = Command::new(cargo());
        fetch
            .args(["fetch", "--locked", "--manifest-path"])
            .arg(original.join("Cargo.toml"));
        let fetched = run(&mut fetch)?;
        fetched.expect("a lock file that fits", fetched.code == Some(0))?;

        let copy = Copy {
            dir: dir.to_owned(),
            source: dir.join("crate"),
        };
        fs::create_dir_all(copy.source.join("src"))?;
        for name in [
            "Cargo.toml",
            "Cargo.lock",
            "build.rs",
            "snapshot.json",
            "src/main.rs",
        ] {
            let text = fs::read_to_string(original.join(name))?;
            let text = match name {
                "Cargo.toml" => replaced(&text, r#"path = "../..""#, &format!("path = {root:?}"))?,
                "snapshot.json" => aged_3_days(&text)?,
                _ => text,
            };
            fs::write(copy.source.join(name), text)?;
        }
        Ok(copy)
    }

    /// `cargo run`, with the feature for the target "live" and without for "plain". With `--offline`, which a build
    /// script cannot see, with a key, and with nothing of the caller's environment that would matter.
    fn cargo(&self, target: &str, base_url: &str) -> Command {
        let mut cargo = Command::new(cargo());
        cargo
            .args(["run", "--locked", "--offline"])
            .current_dir(&self.source);
        if target == "live" {
            cargo.args(["--features", "live"]);
        }
        for name in [
            "MODE_EMBED",
            "DOCS_RS",
            "CARGO_NET_OFFLINE",
            "NO_PROXY",
            "no_proxy",
        ] {
            cargo.env_remove(name);
        }
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            cargo.env(name, "http://127.0.0.1:1");
        }
        cargo
            .env("CARGO_TARGET_DIR", self.dir.join(target))
            .env("CARGO_TERM_COLOR", "never")
            .env("MODE_WORKSPACE", "acme")
            .env("MODE_API_TOKEN", TOKEN)
            .env("MODE_API_SECRET", SECRET)
            .env("MODE_BASE_URL", base_url);
        cargo
    }

    fn out_dir(&self, target: &str) -> io::Result<Files> {
        let mut files = files(&self.dir.join(target).join("debug/build"))?;
        files.retain(|path, _| {
            let path = path.to_string_lossy();
            path.starts_with("embed-in-build-") && path.contains("/out/")
        });
        Ok(files)
    }

    fn compiled_clients(&self, target: &str) -> io::Result<Vec<PathBuf>> {
        let is_client = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            ["libring-", "libureq-", "libmode_analytics-"]
                .iter()
                .any(|library| name.starts_with(library))
        };
        Ok(files(&self.dir.join(target))?
            .into_keys()
            .filter(is_client)
            .collect())
    }
}

/// A cargo that has run, and what it ran.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
}

fn run(command: &mut Command) -> Check<Run> {
    let start = Instant::now();
    let output = command.output()?;
    let run = Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
        took: start.elapsed(),
    };
    run.expect("no panic", !run.stderr.contains("panicked"))?;
    run.expect(
        "no secret",
        secret_in(&run.stdout).or(secret_in(&run.stderr)).is_none(),
    )?;
    Ok(run)
}

impl Run {
    fn expect(&self, what: &str, holds: bool) -> Check {
        if holds {
            return Ok(());
        }
        let Run {
            code,
            stdout,
            stderr,
            took,
        } = self;
        Err(
            format!("expected: {what}\nexit code {code:?} after {took:?}\n{stderr}\n{stdout}")
                .into(),
        )
    }

    fn is_live(&self) -> bool {
        self.code == Some(0) && self.stdout.starts_with("source: live\nfetched: 0 days ago")
    }

    fn expect_fallback(&self, reason: &str) -> Check {
        let fallback = "warning: embed-in-build@0.0.0: not live, but the snapshot of 3 days ago: ";
        let mut warnings = self
            .stderr
            .split_inclusive('\n')
            .filter_map(|line| line.strip_prefix(fallback));
        let is_one =
            warnings.next().is_some_and(|text| text.contains(reason)) && warnings.next().is_none();
        self.expect(&format!("one warning with {reason:?}"), is_one)?;
        self.expect(
            "the snapshot",
            self.code == Some(0) && self.stdout.starts_with("source: snapshot\n"),
        )
    }

    fn expect_failure(&self, reason: &str) -> Check {
        let error = "error: embed-in-build@0.0.0: ";
        let mut errors = self
            .stderr
            .split_inclusive('\n')
            .filter_map(|line| line.strip_prefix(error));
        let is_one =
            errors.next().is_some_and(|text| text.contains(reason)) && errors.next().is_none();
        self.expect(
            &format!("one error with {reason:?}"),
            is_one && self.code == Some(101),
        )
    }
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or("cargo".into())
}

fn answering(reply: Reply) -> FakeMode {
    let mode = FakeMode::start();
    mode.on(MEMBERSHIPS, reply);
    mode
}

/// An origin where nobody listens.
fn refusing() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(format!("http://{}", listener.local_addr()?))
}

fn secret_in(text: &str) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| text.contains(secret))
}

fn replaced(text: &str, from: &str, to: &str) -> Check<String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        count => Err(format!("{from} is there {count} times, not once").into()),
    }
}

/// The snapshot as if it had been fetched three days ago.
fn aged_3_days(snapshot: &str) -> Check<String> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    let name = r#""fetched_at": "#;
    let old = snapshot
        .lines()
        .find_map(|line| line.trim().strip_prefix(name))
        .ok_or("no fetched_at")?;
    let new = format!("{},", now - 3 * 24 * 60 * 60 - 60);
    replaced(snapshot, old, &new)
}

fn touch(path: &Path) -> io::Result<()> {
    File::options()
        .append(true)
        .open(path)?
        .set_modified(SystemTime::now())
}

/// Every file below `dir`.
fn files(dir: &Path) -> io::Result<Files> {
    let mut found = Files::new();
    let mut directories = vec![dir.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(
                    path.strip_prefix(dir).unwrap_or(&path).to_owned(),
                    fs::read(&path)?,
                );
            }
        }
    }
    Ok(found)
}
