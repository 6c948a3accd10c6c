//! Builds a copy of this crate for real, against a stand-in for Mode, and checks what its README promises.
//!
//! `cargo run -p fake-mode --example embed_check`: takes about a minute, 15 seconds of it spent waiting for a Mode
//! that does not answer. It reports every broken promise, not only the first.

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
/// A sentence, and the check that finds out whether it is true.
type Promise = (String, Box<dyn Fn(&Copy) -> Check>);
type Edit = fn(&str) -> Check<Option<String>>;
/// Paths relative to some directory, and the contents of the files.
type Files = BTreeMap<PathBuf, Vec<u8>>;

const TOKEN: &str = "only-a-test-token";
const SECRET: &str = "only-a-test-secret";
/// How the token and the secret begin, and how base64 writes that (in the header's pair, too). Neither may be in any
/// text or file.
const SECRETS: [&str; 2] = ["only-a-test-", "b25seS1hLXRlc3Qt"];

const MEMBERSHIPS: &str = "/api/acme/memberships";
const ROWS: &str =
    r#"[{"state":"pending"},{"state":"active"},{"state":"active"},{"state":"banned"}]"#;
const COUNTS: &str =
    "workspace: acme\nmembers: 4, active: 2\n       2 active\n       1 banned\n       1 pending\n";

const SNAPSHOT_COUNTS: &str = "workspace: acme
members: 120, active: 96
      96 active
       6 banned
      12 invited
       6 pending
";

const HOSTILE_ROWS: &str =
    r#"[{"state":"\"); std::process::exit(3); (\""},{"state":"a\"b\\\n\u001b[31m\u009b\u202e"}]"#;
const HOSTILE_COUNTS: &str = r#"members: 2, active: 0
       1 \"); std::process::exit(3); (\"
       1 a\"b\\\n\u{1b}[31m\u{9b}\u{202e}
"#;
/// If this were printed as it is, it would be three instructions to cargo, and some to a terminal.
const HOSTILE: &str = "x\"\ncargo::error=injected\r\ncargo::rustc-env=A=B\u{1b}[31m\u{9b}\u{202e}";

fn main() -> ExitCode {
    let start = Instant::now();
    let dir = env::temp_dir().join(format!("embed-check-{}", process::id()));
    let broken = Copy::make(&dir).map(|copy| broken_promises(&copy));
    // It does no harm if something is left behind.
    let _ = fs::remove_dir_all(&dir);
    let seconds = start.elapsed().as_secs();
    match broken {
        Ok(0) => println!("embed_check: all is well, after {seconds} s"),
        Ok(broken) => println!("embed_check: {broken} promises are broken, after {seconds} s"),
        Err(ref fault) => println!("embed_check: cannot start: {fault}"),
    }
    ExitCode::from(u8::from(!matches!(broken, Ok(0))))
}

fn broken_promises(copy: &Copy) -> usize {
    let mut promises = promises();
    promises.retain(|(promise, check)| {
        let start = Instant::now();
        let outcome = check(copy);
        let seconds = start.elapsed().as_secs_f64();
        match &outcome {
            Ok(()) => println!("ok: {promise} ({seconds:.1} s)"),
            Err(fault) => println!("NOT ok: {promise}: {fault}"),
        }
        outcome.is_err()
    });
    promises.len()
}

fn promises() -> Vec<Promise> {
    fn promise(text: &str, check: impl Fn(&Copy) -> Check + 'static) -> Promise {
        (text.into(), Box::new(check))
    }
    let mut promises = vec![
        promise(
            "without the feature: the snapshot, whatever the environment says, and nobody is asked",
            snapshot_by_default,
        ),
        promise(
            "without the feature: nothing of ring, ureq or mode-analytics is compiled",
            no_client_by_default,
        ),
        promise(
            "OUT_DIR holds one file, the same from the same data",
            one_output,
        ),
        promise(
            "a build that is killed while it writes leaves the earlier file whole",
            killed_while_writing,
        ),
        promise(
            "live: Mode's counts, whatever the proxy variables say",
            live,
        ),
        promise(
            "after a success: a second build, a touched main.rs and another key ask nothing",
            not_asked_again,
        ),
        promise(
            "after a success: each of the variables, snapshot.json and build.rs are watched",
            watched,
        ),
        promise("a hostile state is text", hostile_state),
        promise("a hostile snapshot is text", hostile_snapshot),
        promise(
            "--snapshot: moved to snapshot.json it works, and is plain ASCII",
            fresh_snapshot,
        ),
        promise(
            "--snapshot: an old snapshot is not passed off as a fresh one",
            no_old_snapshot,
        ),
        promise(
            "after a fallback or a failure the next build asks again",
            asked_again,
        ),
        promise("a wait of 2 s is obeyed and announced", announced_wait),
        promise(
            "an unknown MODE_EMBED is an error, an empty one is `refresh`",
            unknown_policy,
        ),
        promise(
            "live: the workspace that was asked for, also if the snapshot is of another",
            other_workspace,
        ),
        promise(
            "without MODE_WORKSPACE: the snapshot and a warning, or an error if required",
            no_workspace,
        ),
        promise("without credentials: the same", no_credentials),
        promise("with DOCS_RS: the same, and nobody is asked", |copy| {
            no_network(copy, "DOCS_RS", "1")
        }),
        promise(
            "with CARGO_NET_OFFLINE: the same, and nobody is asked",
            |copy| no_network(copy, "CARGO_NET_OFFLINE", "true"),
        ),
    ];
    promises.extend(troubles());
    promises.extend(foreign_snapshots());
    promises.extend(broken_snapshots());
    // These come last, because they look at what the others have left behind.
    promises.extend([
        promise("token and secret are in no file", no_secret_on_disk),
        promise("the source tree stays clean", clean_source),
    ]);
    promises
}

fn snapshot_by_default(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let run = run(copy
        .cargo("plain", &mode.origin())
        .env("MODE_EMBED", "require")
        .env("MODE_WORKSPACE", HOSTILE))?;
    run.expect("the snapshot", run.is_snapshot())?;
    run.expect("no warning", !run.stderr.contains("warning"))?;
    run.expect("0 connections", mode.connections() == 0)
}

fn no_client_by_default(copy: &Copy) -> Check {
    let run = run(&mut copy.cargo("plain", ""))?;
    run.expect("no client", copy.compiled_clients("plain")?.is_empty())
}

fn one_output(copy: &Copy) -> Check {
    run(&mut copy.cargo("plain", ""))?;
    let embedded = copy.out_dir("plain")?;
    touch(&copy.source.join("build.rs"))?;
    let second = run(&mut copy.cargo("plain", ""))?;
    second.expect("a second run of build.rs", second.has_compiled())?;
    let is_complete =
        embedded.len() == 1 && embedded.keys().all(|path| path.ends_with("mode.json"));
    second.expect(
        &format!("one file, and the same again: {:?}", embedded.keys()),
        is_complete && copy.out_dir("plain")? == embedded,
    )
}

/// Runs the build script itself with a limit on file sizes, which kills it in the middle of writing a large file.
fn killed_while_writing(copy: &Copy) -> Check {
    let build = copy.dir.join("plain/debug/build");
    let is_script = |path: &PathBuf| {
        path.to_string_lossy().starts_with("embed-in-build-")
            && path.ends_with("build-script-build")
    };
    let script = files(&build)?.into_keys().find(is_script);
    let script = build.join(script.ok_or("there is no build script")?);
    let out_dir = copy.dir.join("out");
    fs::create_dir_all(&out_dir)?;
    let output = |limit: &str| {
        let command = format!("ulimit -c 0; ulimit -f {limit}; exec \"$0\"");
        Command::new("sh")
            .args(["-c", &command])
            .arg(&script)
            .current_dir(&copy.source)
            .env("OUT_DIR", &out_dir)
            .output()
    };
    let has_succeeded = output("unlimited")?.status.success();
    let whole = files(&out_dir)?;
    if !has_succeeded || whole.len() != 1 {
        return Err(format!("the script alone wrote {:?}", whole.keys()).into());
    }
    let large = format!(r#""by_state": {{ "{}": 1,"#, "long".repeat(100_000));
    let large = replaced(&copy.snapshot, r#""by_state": {"#, &large)?;
    copy.with_snapshot(Some(&large), || {
        let has_succeeded = output("8")?.status.success();
        let left = files(&out_dir)?;
        if has_succeeded || left == whole {
            return Err("it was not killed while it wrote".into());
        }
        let name = Path::new("mode.json");
        if left.get(name) != whole.get(name) {
            return Err("mode.json is not what it was".into());
        }
        output("unlimited")?;
        let names: Vec<PathBuf> = files(&out_dir)?.into_keys().collect();
        if names != [name] {
            return Err(format!("after the next run there are {names:?}").into());
        }
        Ok(())
    })
}

fn live(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let run = run(&mut copy.cargo("live", &mode.origin()))?;
    run.expect("live counts", run.is_live(COUNTS))?;
    run.expect("one request", mode.targets() == [MEMBERSHIPS])?;
    let requests = mode.requests();
    let authorization = requests.first().and_then(|r| r.header("authorization"));
    let start = format!("Basic {}", SECRETS[1]);
    run.expect(
        "the key in it",
        authorization.is_some_and(|value| value.starts_with(&start)),
    )?;
    run.expect(
        "a trace of the client, so that the check without one means something",
        copy.compiled_clients("live")?.len() >= 3,
    )
}

fn not_asked_again(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = || copy.cargo("live", &mode.origin());
    let is_quiet = |run: &Run| run.is_live(COUNTS) && mode.connections() == 1;
    let first = run(&mut build())?;
    first.expect("live counts", is_quiet(&first))?;
    let second = run(&mut build())?;
    second.expect("no question from a second build", is_quiet(&second))?;
    touch(&copy.source.join("src/main.rs"))?;
    let touched = run(&mut build())?;
    touched.expect("main.rs compiled again", touched.has_compiled())?;
    touched.expect("no question for main.rs", is_quiet(&touched))?;
    let other_key = run(build()
        .env("MODE_API_TOKEN", "other")
        .env("MODE_API_SECRET", "other"))?;
    other_key.expect("no watch on token and secret", is_quiet(&other_key))
}

fn watched(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    mode.on("/api/beta/memberships", Reply::json(200, ROWS));
    let build = || copy.cargo("live", &mode.origin());
    let origin_in_capitals = mode.origin().replace("http", "HTTP");
    for (name, value, requests) in [
        ("MODE_EMBED", "require", 2),
        ("MODE_WORKSPACE", "beta", 2),
        ("MODE_BASE_URL", &origin_in_capitals, 2),
        ("DOCS_RS", "1", 1),
        ("CARGO_NET_OFFLINE", "true", 1),
    ] {
        touch(&copy.source.join("build.rs"))?;
        let before = mode.requests().len();
        run(&mut build())?.expect("live counts", mode.requests().len() == before + 1)?;
        let run = run(build().env(name, value))?;
        let is_new = run.has_compiled() && mode.requests().len() == before + requests;
        run.expect(&format!("{name} watched"), is_new)?;
    }
    run(&mut build())?;
    let before = mode.requests().len();
    for (name, count) in [("snapshot.json", 1), ("build.rs", 2)] {
        touch(&copy.source.join(name))?;
        let run = run(&mut build())?;
        let is_new = run.is_live(COUNTS) && mode.requests().len() == before + count;
        run.expect(&format!("{name} watched"), is_new)?;
    }
    Ok(())
}

fn hostile_state(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, HOSTILE_ROWS));
    let run = run(&mut copy.cargo("live", &mode.origin()))?;
    run.expect(
        "states as text, escaped for the terminal",
        run.is_live(HOSTILE_COUNTS),
    )
}

fn hostile_snapshot(copy: &Copy) -> Check {
    let workspace = format!(r#""workspace": {}"#, json_text(HOSTILE));
    let hostile = replaced(&copy.snapshot, r#""workspace": "acme""#, &workspace)?;
    let escaped = format!("workspace: {}\n", HOSTILE.escape_debug());
    copy.with_snapshot(Some(&hostile), || {
        let plain = run(&mut copy.cargo("plain", ""))?;
        plain.expect("its workspace, escaped", plain.stdout.contains(&escaped))?;
        let fallback = run(copy.cargo("live", "").env_remove("MODE_WORKSPACE"))?;
        fallback.expect_warning("MODE_WORKSPACE")?;
        fallback.expect("its workspace, escaped", fallback.stdout.contains(&escaped))?;
        run(&mut copy.cargo("live", &refusing()?))?.expect_failure(&format!("of {HOSTILE:?}"))
    })
}

fn fresh_snapshot(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, HOSTILE_ROWS));
    // Also the first one, if there is none yet.
    copy.with_snapshot(None, || {
        let path = copy.source.join("snapshot.json");
        let new = copy.source.join("snapshot.new");
        let printed = run(copy
            .cargo("live", &mode.origin())
            .args(["--", "--snapshot"])
            .stdout(File::create(&new)?))?;
        printed.expect("a fresh snapshot", printed.code == Some(0))?;
        fs::rename(new, &path)?;
        let is_plain = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
        let snapshot = fs::read_to_string(&path)?;
        printed.expect("plain ASCII", snapshot.chars().all(is_plain))?;
        let embedded = run(&mut copy.cargo("plain", ""))?;
        let start = "source: snapshot\nfetched: 0 days ago";
        embedded.expect("its age", embedded.stdout.starts_with(start))?;
        embedded.expect("its counts", embedded.stdout.ends_with(HOSTILE_COUNTS))
    })
}

fn no_old_snapshot(copy: &Copy) -> Check {
    let mut refused = copy.cargo("live", &refusing()?);
    for cargo in [&mut copy.cargo("plain", ""), &mut refused] {
        let run = run(cargo.args(["--", "--snapshot"]))?;
        let is_refused = run.code == Some(1) && run.stdout.is_empty();
        run.expect("exit code 1 and no output", is_refused)?;
        run.expect("what it takes", run.stderr.contains("--features live"))?;
    }
    Ok(())
}

fn asked_again(copy: &Copy) -> Check {
    let mode = FakeMode::start();
    let down = Reply::error(403, "forbidden", "not now");
    let replies = [
        down.clone(),
        down.clone(),
        Reply::json(200, ROWS),
        down,
        Reply::json(200, ROWS),
    ];
    mode.script(MEMBERSHIPS, replies);
    let build = || copy.cargo("live", &mode.origin());
    for _ in 0..2 {
        run(&mut build())?.expect_fallback("403 forbidden: not now")?;
    }
    let third = run(&mut build())?;
    let is_answered = third.is_live(COUNTS) && mode.requests().len() == 3;
    third.expect("an answer to the third build", is_answered)?;
    third.expect("no warning any more", !third.stderr.contains("warning"))?;

    let required = || run(build().env("MODE_EMBED", "require"));
    required()?.expect_failure("403 forbidden: not now")?;
    let fifth = required()?;
    fifth.expect("an answer after the failure", fifth.is_live(COUNTS))
}

fn announced_wait(copy: &Copy) -> Check {
    let mode = FakeMode::start();
    let busy = Reply::error(503, "busy", HOSTILE).header("Retry-After", "2");
    mode.script(MEMBERSHIPS, [busy, Reply::json(200, ROWS)]);
    let run = run(&mut copy.cargo("live", &mode.origin()))?;
    let has_waited = run.is_live(COUNTS) && run.took > Duration::from_secs(2);
    run.expect("an answer after the wait", has_waited)?;
    let start = "warning: embed-in-build@0.0.0: asking again in 2.0s: GET ";
    run.expect("the wait announced", run.stderr.contains(start))
}

fn unknown_policy(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = |policy| run(copy.cargo("live", &mode.origin()).env("MODE_EMBED", policy));
    for unknown in ["never\n", "Require", HOSTILE] {
        build(unknown)?.expect_failure(&format!("MODE_EMBED is {unknown:?}"))?;
    }
    let empty = build("")?;
    empty.expect("live counts", empty.is_live(COUNTS))
}

fn other_workspace(copy: &Copy) -> Check {
    let mode = FakeMode::start();
    mode.on("/api/beta/memberships", Reply::json(200, ROWS));
    let mut cargo = copy.cargo("live", &mode.origin());
    let run = run(cargo.env("MODE_WORKSPACE", "beta"))?;
    run.expect(
        "live counts",
        run.is_live("workspace: beta\nmembers: 4, active: 2\n"),
    )
}

fn no_workspace(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = |policy| {
        let mut cargo = copy.cargo("live", &mode.origin());
        run(cargo.env("MODE_EMBED", policy).env_remove("MODE_WORKSPACE"))
    };
    build("refresh")?.expect_fallback("MODE_WORKSPACE is not set")?;
    let required = build("require")?;
    required.expect_failure("MODE_WORKSPACE is not set")?;
    required.expect("0 connections", mode.connections() == 0)
}

fn no_credentials(copy: &Copy) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = |policy| {
        let mut cargo = copy.cargo("live", &mode.origin());
        run(cargo
            .env_remove("MODE_API_TOKEN")
            .env("MODE_API_SECRET", "")
            .env("MODE_EMBED", policy))
    };
    for name in ["MODE_API_TOKEN", "MODE_API_SECRET"] {
        build("refresh")?.expect_fallback(name)?;
        build("require")?.expect_failure(name)?;
    }
    let last = build("require")?;
    last.expect("0 connections", mode.connections() == 0)
}

fn no_network(copy: &Copy, name: &str, value: &str) -> Check {
    let mode = answering(Reply::json(200, ROWS));
    let build = |policy| {
        let mut cargo = copy.cargo("live", &mode.origin());
        run(cargo.env(name, value).env("MODE_EMBED", policy))
    };
    build("refresh")?.expect_fallback(name)?;
    let required = build("require")?;
    required.expect_failure(name)?;
    required.expect("0 connections", mode.connections() == 0)
}

/// With `refresh`, each of these is a warning; with `require`, it is an error.
fn troubles() -> impl Iterator<Item = Promise> {
    let refusal = format!("no key {SECRET} here\n{HOSTILE}");
    let refusal = Reply::error(401, "unauthorized", &refusal);
    let refused = "401 unauthorized: no key [redacted] here";
    let busy = Reply::error(429, "busy", "too many").header("Retry-After", "60");
    let out_of_order = Reply::error(500, "oops", "out of order");
    let sign_in = Reply::bytes(200, "text/html", "<html>");
    // The text of these errors is up to the library.
    let any = "GET /api/acme/memberships: ";
    let cases = [
        ("500", Some(out_of_order), "500 oops: out of order", 2),
        ("401 with a hostile text", Some(refusal), refused, 1),
        ("429 for a minute", Some(busy), "429 busy: too many", 1),
        ("a sign-in page", Some(sign_in), any, 1),
        ("silence", Some(Reply::silence()), any, 1),
        ("a refused port", None, "refused", 0),
    ];
    cases.into_iter().map(|(name, reply, reason, requests)| {
        let promise = format!("{name}: the snapshot and a warning, or an error if required");
        let check = move |copy: &Copy| {
            let mode = FakeMode::start();
            let origin = match &reply {
                Some(reply) => mode.on(MEMBERSHIPS, reply.clone()).origin(),
                None => refusing()?,
            };
            let fallback = run(&mut copy.cargo("live", &origin))?;
            fallback.expect_fallback(reason)?;
            let is_soon = fallback.took < Duration::from_secs(20);
            fallback.expect("an end within 20 s", is_soon)?;
            let is_few = mode.requests().len() == requests;
            fallback.expect(&format!("{requests} requests"), is_few)?;
            if name == "silence" {
                return Ok(()); // Another 15 s would reveal nothing new.
            }
            run(copy.cargo("live", &origin).env("MODE_EMBED", "require"))?.expect_failure(reason)
        };
        (promise, Box::new(check) as _)
    })
}

/// The snapshot of one workspace does not stand in for that of another.
fn foreign_snapshots() -> impl Iterator<Item = Promise> {
    let cases = [
        ("beta", "", "403 forbidden: not now"),
        ("Acme", "", "403 forbidden: not now"),
        ("beta", "DOCS_RS", "DOCS_RS"),
        (HOSTILE, "", "workspace"),
    ];
    cases.into_iter().map(|(asked, variable, reason)| {
        let promise = format!("no snapshot of acme in place of {asked:?}: {reason}");
        let check = move |copy: &Copy| {
            let mode = FakeMode::start();
            let route = format!("/api/{asked}/memberships");
            mode.on(&route, Reply::error(403, "forbidden", "not now"));
            let mut cargo = copy.cargo("live", &mode.origin());
            cargo.env("MODE_WORKSPACE", asked);
            if !variable.is_empty() {
                cargo.env(variable, "1");
            }
            let refresh = run(&mut cargo)?;
            refresh.expect_failure(&format!(r#"is of "acme", not of {asked:?} (commit one of"#))?;
            refresh.expect_failure(reason)?;
            run(cargo.env("MODE_EMBED", "require"))?.expect_failure(reason)
        };
        (promise, Box::new(check) as _)
    })
}

/// Each build that needs the snapshot fails with an error that says how to get it back.
fn broken_snapshots() -> impl Iterator<Item = Promise> {
    let missing: Edit = |_| Ok(None);
    let empty: Edit = |_| Ok(Some(String::new()));
    let other_shape: Edit = |_| Ok(Some("{}".into()));
    let no_total: Edit = |good| replaced(good, r#""total": 120,"#, "").map(Some);
    let negative: Edit = |good| replaced(good, r#""banned": 6"#, r#""banned": -6"#).map(Some);
    let hostile: Edit = |good| {
        let total = format!(r#""total": {}"#, json_text(HOSTILE));
        replaced(good, r#""total": 120"#, &total).map(Some)
    };
    let cases = [
        ("missing", missing, "No such file"),
        ("empty", empty, "EOF"),
        ("of another shape", other_shape, "workspace"),
        ("missing its total", no_total, "total"),
        ("wrong by a negative number", negative, "-6"),
        ("hostile where a number belongs", hostile, "injected"),
    ];
    cases.into_iter().map(|(name, edit, reason)| {
        let promise = format!("a snapshot that is {name}: an error that names `git checkout`");
        let check = move |copy: &Copy| {
            let mode = answering(Reply::error(403, "forbidden", "not now"));
            copy.with_snapshot(edit(&copy.snapshot)?.as_deref(), || {
                for (target, start) in [("plain", ""), ("live", "403 forbidden: not now")] {
                    let run = run(&mut copy.cargo(target, &mode.origin()))?;
                    for part in [start, reason, "`git checkout snapshot.json`"] {
                        run.expect_failure(part)?;
                    }
                }
                Ok(())
            })
        };
        (promise, Box::new(check) as _)
    })
}

fn no_secret_on_disk(copy: &Copy) -> Check {
    let refusal = Reply::error(401, "unauthorized", &format!("no {SECRET} here"));
    let mut clean = Files::new();
    // Scan after each build, because the next one overwrites what cargo kept.
    for reply in [Reply::json(200, ROWS), refusal] {
        let mode = answering(reply);
        let run = run(&mut copy.cargo("live", &mode.origin()))?;
        let is_built = run.code == Some(0) && mode.connections() == 1;
        run.expect("a build with a key", is_built)?;
        let files = files(&copy.dir)?;
        for (path, content) in &files {
            if clean.get(path) == Some(content) {
                continue;
            }
            if let Some(secret) = secret_in(&String::from_utf8_lossy(content)) {
                return Err(format!("{} contains {secret}", path.display()).into());
            }
        }
        clean = files;
    }
    Ok(())
}

fn clean_source(copy: &Copy) -> Check {
    let files = files(&copy.source)?;
    if files == copy.files {
        Ok(())
    } else {
        Err(format!("there are now {:?}, or one has changed", files.keys()).into())
    }
}

/// The crate, copied to `source`, with a target directory for each set of features next to it.
struct Copy {
    dir: PathBuf,
    source: PathBuf,
    files: Files,
    /// The committed snapshot, but three days old.
    snapshot: String,
}

impl Copy {
    fn make(dir: &Path) -> Check<Copy> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.join("../..").canonicalize()?;
        let original = root.join("examples/embed-in-build");
        let mut fetch = Command::new(cargo());
        fetch.args(["fetch", "--locked", "--manifest-path"]);
        let fetched = run(fetch.arg(original.join("Cargo.toml")))?;
        fetched.expect("a lock file that fits", fetched.code == Some(0))?;

        let source = dir.join("crate");
        fs::create_dir_all(source.join("src"))?;
        for name in ["Cargo.lock", "build.rs", "src/counts.rs", "src/main.rs"] {
            fs::copy(original.join(name), source.join(name))?;
        }
        let manifest = fs::read_to_string(original.join("Cargo.toml"))?;
        let manifest = replaced(&manifest, r#"path = "../..""#, &format!("path = {root:?}"))?;
        fs::write(source.join("Cargo.toml"), manifest)?;
        let snapshot = aged_3_days(&fs::read_to_string(original.join("snapshot.json"))?)?;
        fs::write(source.join("snapshot.json"), &snapshot)?;
        Ok(Copy {
            dir: dir.to_owned(),
            files: files(&source)?,
            source,
            snapshot,
        })
    }

    /// Runs a check with this text as snapshot.json, or without the file.
    fn with_snapshot(&self, text: Option<&str>, check: impl FnOnce() -> Check) -> Check {
        let path = self.source.join("snapshot.json");
        match text {
            Some(text) => fs::write(&path, text)?,
            None => fs::remove_file(&path)?,
        }
        let outcome = check();
        fs::write(&path, &self.snapshot)?;
        outcome
    }

    /// `cargo run`, with the feature for the target "live" and without it for "plain". It runs with `--offline`,
    /// which a build script cannot see, with a key, and without anything in the caller's environment that would
    /// matter.
    fn cargo(&self, target: &str, base_url: &str) -> Command {
        let mut cargo = Command::new(cargo());
        cargo.args(["run", "--locked", "--offline"]);
        if target == "live" {
            cargo.args(["--features", "live"]);
        }
        for name in ["MODE_EMBED", "DOCS_RS", "CARGO_NET_OFFLINE"] {
            cargo.env_remove(name);
        }
        cargo.env_remove("NO_PROXY").env_remove("no_proxy");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            cargo.env(name, "http://127.0.0.1:1");
            cargo.env(name.to_lowercase(), "http://127.0.0.1:1");
        }
        cargo
            .current_dir(&self.source)
            .env("CARGO_TARGET_DIR", self.dir.join(target))
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_PROFILE_DEV_DEBUG", "0") // There is less to compile and to search.
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
            let mut libraries = ["libring-", "libureq-", "libmode_analytics-"].iter();
            libraries.any(|library| name.starts_with(library))
        };
        let files = files(&self.dir.join(target))?;
        Ok(files.into_keys().filter(is_client).collect())
    }
}

/// The result of running cargo, and the command.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
}

/// Runs cargo, and checks what must hold for every run.
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
    for text in [&run.stdout, &run.stderr] {
        run.expect("no secret", secret_in(text).is_none())?;
        let is_active = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        run.expect("nothing that moves a cursor", !text.contains(is_active))?;
        let has_injected = text.lines().any(|line| line.contains(": injected"));
        run.expect("no instruction from outside", !has_injected)?;
    }
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
        let text =
            format!("expected: {what}\nexit code {code:?} after {took:?}\n{stderr}\n{stdout}");
        Err(text.into())
    }

    fn has_compiled(&self) -> bool {
        self.stderr.contains("Compiling embed-in-build")
    }

    fn is_live(&self, counts: &str) -> bool {
        let start = "source: live\nfetched: 0 days ago";
        self.code == Some(0) && self.stdout.starts_with(start) && self.stdout.contains(counts)
    }

    fn is_snapshot(&self) -> bool {
        let start = "source: snapshot\nfetched: 3 days ago";
        self.code == Some(0)
            && self.stdout.starts_with(start)
            && self.stdout.ends_with(SNAPSHOT_COUNTS)
    }

    fn expect_fallback(&self, reason: &str) -> Check {
        self.expect_warning(reason)?;
        self.expect("the snapshot", self.is_snapshot())
    }

    fn expect_warning(&self, reason: &str) -> Check {
        let text = "warning: embed-in-build@0.0.0: using the snapshot of 3 days ago instead of live counts: ";
        self.expect_line(text, reason)
    }

    fn expect_failure(&self, reason: &str) -> Check {
        self.expect_line("error: embed-in-build@0.0.0: ", reason)?;
        self.expect("exit code 101", self.code == Some(101))
    }

    /// Expects exactly one line with this start, which must give the reason.
    fn expect_line(&self, start: &str, reason: &str) -> Check {
        let lines = self.stderr.lines();
        let texts: Vec<&str> = lines.filter_map(|line| line.strip_prefix(start)).collect();
        let is_one = matches!(texts[..], [text] if text.contains(reason));
        self.expect(&format!("one {start:?} with {reason:?}"), is_one)
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

fn json_text(text: &str) -> String {
    let escape = |unit: u16| format!("\\u{unit:04x}");
    format!(
        "\"{}\"",
        text.encode_utf16().map(escape).collect::<String>()
    )
}

fn replaced(text: &str, from: &str, to: &str) -> Check<String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        count => Err(format!("{from} is there {count} times, not once").into()),
    }
}

/// The snapshot as if it had been fetched three days ago.
fn aged_3_days(snapshot: &str) -> Check<String> {
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let name = r#""fetched_at": "#;
    let old = snapshot
        .lines()
        .find_map(|line| line.trim().strip_prefix(name))
        .ok_or("no fetched_at")?;
    let new = format!("{},", now - 3 * 24 * 60 * 60 - 60);
    replaced(snapshot, old, &new)
}

fn touch(path: &Path) -> io::Result<()> {
    let file = File::options().append(true).open(path)?;
    file.set_modified(SystemTime::now())
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
                let name = path.strip_prefix(dir).unwrap_or(&path);
                found.insert(name.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}
