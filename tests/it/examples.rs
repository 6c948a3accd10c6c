//! The example programs, run as a user runs them: as processes.

use std::collections::BTreeMap;
use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::SystemTime;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::Membership;
use serde_json::{Value, json};

use crate::{FULL, LITE, SECRET, TOKEN, client, each, process, serving};

#[allow(clippy::duplicate_mod, dead_code)]
#[path = "../../examples/active_users.rs"]
mod active_users;

const PROGRAMS: [&str; 5] = [
    "check_access",
    "list_users",
    "active_users",
    "sync_users",
    "api_report",
];

/// Texts that would take over a terminal, forge a line, reverse what follows, or hide.
const HOSTILE: [&str; 9] = [
    "multi\nUser: root, State: active",
    "\u{1b}[2J\u{1b}[H",
    "\u{9b}2J",
    "\rUser: root",
    "\u{202e}evil",
    "line\u{2028}separator",
    "zero\u{200b}width\u{feff}",
    "\u{e0041}\u{e0042}",
    "soft\u{ad}hyphen\u{7f}",
];

/// The folder of the built programs. `cargo test` builds them; `cargo test --test it` does not.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let examples = profile.join("examples");
        let is_fresh = |name: &&str| is_fresh(&examples, name).is_some_and(|fresh| fresh);
        if !["demo"].iter().chain(&self::PROGRAMS).all(is_fresh) {
            build(profile);
        }
        examples
    })
}

/// Whether a program is newer than all that it is made of, as Cargo noted it beside the program.
fn is_fresh(examples: &Path, name: &str) -> Option<bool> {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let built = modified(&examples.join(format!("{name}{EXE_SUFFIX}")))?;
    let notes = fs::read_to_string(examples.join(format!("{name}.d"))).ok()?;
    let (_, sources) = notes.split_once(": ")?;
    let sources = sources.trim_end().replace("\\ ", "\0");
    let mut sources = sources.split(' ').map(|path| path.replace('\0', " "));
    Some(sources.all(|path| modified(path.as_ref()).is_some_and(|modified| modified <= built)))
}

/// Builds the programs into the folder of this test.
fn build(profile: &Path) {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args([
        "build",
        "--quiet",
        "--examples",
        "--no-default-features",
        "--profile",
    ]);
    cargo.arg(match &*name(profile) {
        "debug" => "dev",
        other => other,
    });
    let mut target_dir = profile.parent().unwrap();
    if !target_dir.join("CACHEDIR.TAG").exists() {
        cargo.args(["--target", &name(target_dir)]);
        target_dir = target_dir.parent().unwrap();
    }
    cargo.arg("--target-dir").arg(target_dir);
    for (feature, is_on) in [
        ("rustls", cfg!(feature = "rustls")),
        ("gzip", cfg!(feature = "gzip")),
        ("platform-verifier", cfg!(feature = "platform-verifier")),
        ("socks-proxy", cfg!(feature = "socks-proxy")),
    ] {
        if is_on {
            cargo.args(["--features", feature]);
        }
    }
    assert!(cargo.status().unwrap().success(), "{cargo:?}");
}

/// A program without any variable of Mode's, but for a key.
fn program(name: &str) -> Command {
    let mut program = process(programs().join(format!("{name}{EXE_SUFFIX}")));
    program
        .stdin(Stdio::null())
        .env("MODE_API_TOKEN", TOKEN)
        .env("MODE_API_SECRET", SECRET);
    program
}

/// A program that asks `server` about `acme`.
fn asking(server: &FakeMode, name: &str) -> Command {
    let mut program = program(name);
    program
        .env("MODE_BASE_URL", server.origin())
        .env("MODE_WORKSPACE", "acme");
    program
}

/// Exit code, standard output, standard error.
fn run(program: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = program.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (status.code().unwrap(), stdout, stderr)
}

/// What a program prints that is to succeed without a word on standard error.
fn printed(program: &mut Command) -> String {
    let (code, stdout, stderr) = run(program);
    assert_eq!((code, &*stderr), (0, ""), "{program:?}: {stdout}");
    stdout
}

/// A file for one test, gone with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: impl AsRef<[u8]>) -> File {
        let name = format!("mode-analytics-{}-{name}", std::process::id());
        let file = File(env::temp_dir().join(name));
        fs::write(&file.0, content).unwrap();
        file
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn they_agree_with_the_guides() {
    let server = FakeMode::start();
    let people = Workspace::new("acme", 40).shape(Shape::Array);
    people.serve(&server);

    // As the guides do it: iterate the array, print each, count those whose state is `active`.
    let array: Vec<Value> = serde_json::from_str(&people.memberships_json()).unwrap();
    let line = |row: &Value| {
        format!(
            "User: {}, State: {}\n",
            row["member_username"].as_str().unwrap_or("-"),
            row["state"].as_str().unwrap()
        )
    };
    let lines: String = array.iter().map(line).collect();
    let active = array.iter().filter(|row| row["state"] == "active").count();

    assert_eq!(printed(&mut asking(&server, "list_users")), lines);
    let counts: String = people
        .states()
        .iter()
        .map(|(state, n)| format!("{state} {n}\n"))
        .collect();
    let counts = format!("Active Users Count: {active}\n{counts}");
    assert_eq!(printed(&mut asking(&server, "active_users")), counts);
}

#[test]
fn help_asks_nothing() {
    each(PROGRAMS, |name| {
        for argument in ["--help", "-h"] {
            let help = printed(
                program(name)
                    .env_remove("MODE_API_TOKEN")
                    .arg("--jsno")
                    .arg(argument),
            );
            let usage = format!("\nUsage: {name} ");
            let example = format!("\nExample: cargo run --example {name}");
            for words in [
                &*usage,
                &example,
                "--json",
                "--workspace",
                "MODE_API_TOKEN",
                "MODE_BASE_URL",
            ] {
                assert!(help.contains(words), "{words} is not in: {help}");
            }
            assert!(help.lines().all(|line| line.len() <= 90), "{help}");
        }
    });
    assert!(printed(program("demo").arg("--help")).contains("\nUsage: demo [--serve]\n"));
}

#[test]
fn an_unknown_or_missing_argument_is_a_usage_error() {
    let server = FakeMode::start();
    let mut cases: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in PROGRAMS {
        cases.extend([
            (name, vec!["--jsno"]),
            (name, vec!["-j"]),
            (name, vec!["--json=yes"]),
            (name, vec!["--workspace"]),
            (name, vec!["one", "two"]),
        ]);
    }
    cases.extend([
        ("list_users", vec!["--state"]),
        ("list_users", vec!["--csv", "--json"]),
        ("list_users", vec!["--json", "--csv"]),
        ("sync_users", vec![]),
    ]);
    each(cases, |(name, arguments)| {
        let (code, stdout, stderr) = run(asking(&server, name).args(arguments));
        assert_eq!((code, &*stdout), (1, ""), "{stderr}");
        assert!(stderr.contains(&format!("\nUsage: {name} ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
    });
    let (code, stdout, stderr) = run(program("demo").arg("--sevre"));
    assert_eq!((code, &*stdout), (1, ""));
    assert!(stderr.contains("\nUsage: demo [--serve]\n"), "{stderr}");
    assert_eq!(server.connections(), 0);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_unicode_is_a_usage_error() {
    use std::os::unix::ffi::OsStrExt;

    let server = FakeMode::start();
    let latin_1 = std::ffi::OsStr::from_bytes(b"M\xfcller");
    each(PROGRAMS, |name| {
        for arguments in [&["--workspace".as_ref(), latin_1][..], &[latin_1]] {
            let (code, stdout, stderr) = run(asking(&server, name).args(arguments));
            assert_eq!((code, &*stdout), (1, ""), "{stderr}");
            assert!(stderr.contains(&format!("\nUsage: {name} ")), "{stderr}");
        }
        let (code, stdout, stderr) = run(asking(&server, name)
            .env("MODE_WORKSPACE", latin_1)
            .args(file_for(name)));
        assert_eq!((code, &*stdout), (1, ""), "{stderr}");
        assert!(stderr.contains("MODE_WORKSPACE is not Unicode"), "{stderr}");
    });
    assert_eq!(run(program("demo").arg(latin_1)).0, 1);
    assert_eq!(server.connections(), 0);
}

/// The arguments that a program cannot do without.
fn file_for(name: &str) -> &'static [&'static str] {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/directory.csv");
    if name == "sync_users" { &[FILE] } else { &[] }
}

#[test]
fn only_missing_credentials_lead_to_the_demo() {
    let server = FakeMode::start();
    each(PROGRAMS, |name| {
        let without = |set: &str, to: &str| {
            let mut program = asking(&server, name);
            let (code, stdout, stderr) = run(program.args(file_for(name)).env(set, to));
            assert_eq!((code, &*stdout), (1, ""), "{stderr}");
            stderr
        };
        let missing = without("MODE_API_SECRET", "");
        assert!(missing.contains("set MODE_API_SECRET"), "{missing}");
        assert!(missing.contains("cargo run --example demo"), "{missing}");
        for (variable, value) in [
            ("MODE_API_TOKEN", "to:ken"),
            ("MODE_API_SECRET", "secret\n"),
            ("MODE_BASE_URL", "http://example.com"),
        ] {
            let bad = without(variable, value);
            assert!(bad.contains(variable), "{bad}");
            assert!(!bad.contains("demo"), "{bad}");
        }
    });
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_argument_names_the_workspace_else_the_variable_else_the_key() {
    let server = FakeMode::start();
    for workspace in ["acme", "other", "third"] {
        for listing in ["memberships", "memberships/lite"] {
            let row =
                format!(r#"[{{"username": "ada", "email": "{workspace}", "state": "active"}}]"#);
            server.on(
                &format!("/api/{workspace}/{listing}"),
                Reply::json(200, row),
            );
        }
    }
    server.on("/api/verify", Reply::json(200, r#"{"workspace": "third"}"#));
    each(
        ["list_users", "active_users", "sync_users", "api_report"],
        |name| {
            let asked = |program: &mut Command| {
                let before = server.targets().len();
                let (code, _, stderr) = run(program.args(file_for(name)));
                assert!(code != 1, "{stderr}");
                server.targets().split_off(before).join(" ")
            };
            let argument = asked(asking(&server, name).args(["--workspace", "other"]));
            assert!(argument.contains("/api/other/memberships"), "{argument}");
            let variable = asked(&mut asking(&server, name));
            assert!(variable.contains("/api/acme/memberships"), "{variable}");
            let key = asked(asking(&server, name).env("MODE_WORKSPACE", ""));
            assert!(key.contains("/api/verify /api/third/memberships"), "{key}");
        },
    );

    each(["list_users", "active_users", "sync_users"], |name| {
        for (bad, words) in [("a b", "must be the name in"), ("nobody", "404 not_found")] {
            let from = |program: &mut Command| {
                let (code, stdout, stderr) = run(program.args(file_for(name)));
                assert_eq!((code, &*stdout), (1, ""));
                assert!(stderr.contains(words), "{stderr}");
                stderr.lines().last().unwrap().to_owned()
            };
            let argument = from(asking(&server, name).args(["--workspace", bad]));
            assert_eq!(argument, "The workspace comes from --workspace.");
            let variable = from(asking(&server, name).env("MODE_WORKSPACE", bad));
            assert_eq!(variable, "The workspace comes from MODE_WORKSPACE.");
        }
    });

    server.on("/api/verify", Reply::json(200, "{}"));
    let (code, _, stderr) = run(asking(&server, "list_users").env_remove("MODE_WORKSPACE"));
    assert!(
        code == 1 && stderr.contains("set MODE_WORKSPACE"),
        "{stderr}"
    );
}

#[test]
fn check_access_names_the_member_if_there_is_one() {
    let server = FakeMode::start();
    Workspace::new("acme", 8).serve(&server);
    let lines = |member: &str| format!("Workspace: acme\nScope: workspace\nBelongs to: {member}\n");
    assert_eq!(printed(&mut asking(&server, "check_access")), lines("ada1"));
    let json = printed(asking(&server, "check_access").arg("--json"));
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap(),
        json!({"workspace": "acme", "scope": "workspace", "belongs_to": "ada1"})
    );
    let (code, stdout, stderr) =
        run(asking(&server, "check_access").args(["--workspace", "other"]));
    assert_eq!((code, &*stdout), (1, ""));
    assert_eq!(
        stderr,
        "error: this key opens the workspace acme, not other\n"
    );

    let verified = r#"{"workspace": "acme", "api_key_scope": "workspace"}"#;
    server.on("/api/verify", Reply::json(200, verified));
    assert_eq!(
        printed(&mut asking(&server, "check_access")),
        lines("no member")
    );
}

#[test]
fn an_empty_workspace_is_not_an_error() {
    let server = serving(Reply::json(200, "[]"));
    assert_eq!(printed(&mut asking(&server, "list_users")), "");
    assert_eq!(
        printed(&mut asking(&server, "active_users")),
        "Active Users Count: 0\n"
    );
    let csv = printed(asking(&server, "list_users").arg("--csv"));
    assert!(
        csv.starts_with("member_username,state,") && csv.lines().count() == 1,
        "{csv}"
    );
}

#[test]
fn machines_get_every_column() {
    let server = FakeMode::start();
    Workspace::new("acme", 40).serve(&server);
    let members = client(&server).memberships("acme").unwrap();
    let json = printed(asking(&server, "list_users").arg("--json"));
    assert_eq!(
        serde_json::from_str::<Vec<Membership>>(&json).unwrap(),
        members
    );

    let csv = printed(asking(&server, "list_users").arg("--csv"));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), members.len());
    for (row, member) in rows.iter().zip(&members) {
        let member = serde_json::to_value(member).unwrap();
        let cells = member
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| match value {
                Value::Null => (name.clone(), String::new()),
                Value::String(text) => (name.clone(), text.clone()),
                other => (name.clone(), other.to_string()),
            });
        assert_eq!(*row, cells.collect());
    }

    let counts = printed(asking(&server, "active_users").arg("--json"));
    let counts: mode_analytics::MembershipCounts = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts, members.iter().collect());

    let banned = printed(asking(&server, "list_users").args(["--state", "banned"]));
    assert!(
        banned.lines().all(|line| line.ends_with(", State: banned")),
        "{banned}"
    );
    assert_eq!(banned.lines().count(), counts.by_state["banned"]);
}

#[test]
fn a_state_that_nobody_is_in_is_answered_with_those_there_are() {
    let rows = r#"[{"state": "invited"}, {"state": "active"}, {"state": "\u001b[2J"}]"#;
    let server = serving(Reply::json(200, rows));
    let line = "nobody is in state Active, only in: \\u{1b}[2J, active, invited\n";
    let output = run(asking(&server, "list_users").args(["--state", "Active"]));
    assert_eq!(output, (0, String::new(), line.to_owned()));
    // There are none to name in an empty workspace.
    let server = serving(Reply::json(200, "[]"));
    assert_eq!(
        printed(asking(&server, "list_users").args(["--state", "Active"])),
        ""
    );
}

#[test]
fn no_cell_is_a_formula() {
    let names = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "a,b",
        "o'brien \"ob\"",
        "two\nlines",
    ];
    let rows: Vec<Value> = names
        .iter()
        .map(|name| json!({"member_username": name, "state": "active"}))
        .collect();
    let server = serving(Reply::json(200, json!(rows).to_string()));
    let csv = printed(asking(&server, "list_users").arg("--csv"));
    let cells: Vec<&str> = csv
        .split("\r\n")
        .skip(1)
        .map(|row| row.split(",active,").next().unwrap())
        .collect();
    let expected = [
        "'=1+1",
        "'+1",
        "'-1",
        "'@SUM(A1)",
        r"'\t=1",
        r"'\r=1",
        r#""a,b""#,
        r#""o'brien ""ob""""#,
        r"two\nlines",
        "",
    ];
    assert_eq!(cells, expected);
}

/// Fails if a text could do more in a terminal than be read.
fn assert_inert(text: &str) {
    let text = text.replace("\r\n", "\n");
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n')
            || "\u{ad}\u{200b}\u{2028}\u{202e}\u{feff}\u{e0041}".contains(c)
    };
    assert!(!text.contains(is_hostile), "{text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("User: root")),
        "{text}"
    );
}

#[test]
fn nothing_from_outside_controls_the_terminal() {
    each(
        HOSTILE.into_iter().chain(["o'brien \"ob\"", "żółć"]),
        |text| {
            let row = json!({"member_username": text, "email": text, "name": text, "state": text});
            let server = FakeMode::start();
            server.on(
                "/api/verify",
                Reply::json(
                    200,
                    json!({"workspace": text, "api_key_scope": text}).to_string(),
                ),
            );
            server.on(
                "/api/account",
                Reply::json(200, json!({"username": text}).to_string()),
            );
            server.on(FULL, Reply::json(200, json!([row]).to_string()));
            server.on(LITE, Reply::json(200, json!([row]).to_string()));
            let directory = File::new(
                &format!("hostile-{}.csv", u32::from(text.chars().next().unwrap())),
                format!(
                    "username,email,state\n\"x{}\",,\"{}\"\n",
                    text.replace('"', "\"\""),
                    text.replace('"', "\"\"")
                ),
            );
            let name = directory.0.to_str().unwrap();
            for (program, arguments) in [
                ("check_access", vec![]),
                ("list_users", vec![]),
                ("active_users", vec![]),
                ("sync_users", vec![name]),
                ("api_report", vec![]),
                ("list_users", vec!["--csv"]),
                ("check_access", vec!["--json"]),
                ("list_users", vec!["--json"]),
                ("active_users", vec!["--json"]),
                ("sync_users", vec!["--json", name]),
                ("api_report", vec!["--json"]),
            ] {
                let mut command = asking(&server, program);
                if program == "check_access" {
                    command.env_remove("MODE_WORKSPACE");
                }
                let (code, stdout, stderr) = run(command.args(&arguments));
                assert_eq!(
                    (code, &*stderr),
                    (if program == "sync_users" { 2 } else { 0 }, ""),
                    "{program}"
                );
                assert_inert(&stdout);
                if arguments.contains(&"--json") {
                    assert!(
                        program == "api_report" || json_holds(&stdout, text),
                        "{stdout}"
                    );
                } else if !HOSTILE.contains(text)
                    && !arguments.contains(&"--csv")
                    && program != "api_report"
                {
                    assert!(stdout.contains(text), "{stdout}");
                }
            }

            for (program, arguments) in [
                ("list_users", vec!["--workspace", text]),
                ("list_users", vec![text]),
                ("sync_users", vec![text]),
            ] {
                let (code, stdout, stderr) = run(asking(&server, program).args(arguments));
                assert_eq!((code, &*stdout), (1, ""));
                assert_inert(&stderr);
            }
            server.on(FULL, Reply::error(400, text, text));
            let (code, stdout, stderr) = run(&mut asking(&server, "list_users"));
            assert_eq!((code, &*stdout), (1, ""));
            assert_inert(&stderr);
        },
    );
}

fn json_holds(json: &str, text: &str) -> bool {
    fn holds(value: &Value, text: &str) -> bool {
        match value {
            Value::String(found) => found == text,
            Value::Array(values) => values.iter().any(|value| holds(value, text)),
            Value::Object(entries) => entries
                .iter()
                .any(|(name, value)| name == text || holds(value, text)),
            _ => false,
        }
    }
    holds(&serde_json::from_str(json).unwrap(), text)
}

#[test]
fn a_closed_pipe_ends_quietly() {
    each(PROGRAMS, |name| {
        let server = FakeMode::start();
        Workspace::new("acme", 2000).serve(&server);
        // Mode answers only when nobody reads any more.
        let (nobody_reads, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        server.route("/api/verify", move |_| {
            let _ = wait.lock().unwrap().recv();
            Reply::json(200, r#"{"workspace": "acme"}"#)
        });
        let mut program = asking(&server, name);
        program.env_remove("MODE_WORKSPACE").args(file_for(name));
        let mut program = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(program.stdout.take());
        drop(nobody_reads);
        let output = program.wait_with_output().unwrap();
        let code = if *name == "sync_users" { 2 } else { 0 };
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*stderr), (Some(code), ""));
    });
    each(
        [
            ("demo", None),
            ("demo", Some("--help")),
            ("list_users", Some("--help")),
        ],
        |(name, argument)| {
            let mut program = program(name);
            program
                .args(argument)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut program = program.spawn().unwrap();
            drop(program.stdout.take());
            let output = program.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
        },
    );
    // An error that nobody reads is an error all the same.
    let mut program = program("list_users");
    program
        .env_remove("MODE_API_TOKEN")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    drop(program.stderr.take());
    assert_eq!(program.wait().unwrap().code(), Some(1));
}

#[test]
fn an_error_shows_its_whole_chain_and_retries_are_announced() {
    let server = FakeMode::start();
    server.script(
        FULL,
        [
            Reply::error(503, "service_unavailable", "later").header("Retry-After", "0"),
            Reply::json(200, "[]"),
        ],
    );
    let (code, stdout, stderr) = run(&mut asking(&server, "list_users"));
    assert_eq!((code, &*stdout), (0, ""));
    assert!(
        stderr.starts_with("trying again in ")
            && stderr.contains("s: GET /api/acme/memberships: 503 service_unavailable: later"),
        "{stderr}"
    );

    server.on(FULL, Reply::raw("not HTTP\r\n\r\n"));
    let (code, stdout, stderr) = run(&mut asking(&server, "list_users"));
    assert_eq!((code, &*stdout), (1, ""));
    assert!(
        stderr.starts_with("error: GET /api/acme/memberships: "),
        "{stderr}"
    );
}

#[test]
fn the_chart_fits_into_the_terminal() {
    let states = json!({
        "active": 1234, "invited": 1, "待機中": 77, "x".repeat(500): 3, "e\u{301}".repeat(60): 9, "a\u{1b}b": 20,
    });
    let counts = json!({"total": 1344, "active": 1234, "by_state": states});
    let counts = serde_json::from_value(counts).unwrap();
    each(12..200, |columns| {
        let chart = active_users::chart(&counts, Some(*columns)).unwrap();
        let (first, bars) = chart.split_once('\n').unwrap();
        assert_eq!(first, "Active Users Count: 1234");
        assert_eq!(bars.lines().count(), 6);
        for line in bars.lines() {
            // Not even the cursor is on the next line.
            assert!(
                unicode_width::UnicodeWidthStr::width(line) < *columns,
                "{chart}"
            );
            assert!(line.contains('█'), "{chart}");
        }
    });
    let chart = active_users::chart(&counts, Some(40)).unwrap();
    assert!(
        chart.contains("\nactive           █████████████████ 1234\n"),
        "{chart}"
    );
    let plain = active_users::chart(&counts, None).unwrap();
    assert!(
        plain.contains("\nactive 1234\n") && plain.contains(&"x".repeat(500)),
        "{plain}"
    );
}

/// Runs `sync_users` on this directory, and this lite listing unless it is empty.
fn synced(directory: impl AsRef<[u8]>, rows: &str, arguments: &[&str]) -> (i32, String, String) {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run_number = RUNS.fetch_add(1, Ordering::Relaxed);
    let file = File::new(&format!("{run_number}.csv"), directory);
    let server = FakeMode::start();
    server.on(
        LITE,
        Reply::json(
            200,
            format!(r#"{{"_embedded": {{"memberships": [{rows}]}}}}"#),
        ),
    );
    let (code, stdout, stderr) = run(asking(&server, "sync_users").arg(&file.0).args(arguments));
    assert!(code != 1 || stdout.is_empty(), "{stdout}");
    (
        code,
        stdout,
        stderr.replace(file.0.to_str().unwrap(), "FILE"),
    )
}

const ROWS: &str = r#"{"username": "ada", "email": "ada@example.com", "state": "active"},
    {"username": null, "email": "Ben@Example.com", "state": "invited", "member_token": "b2"},
    {"username": "eva", "email": null, "state": "banned"}"#;

#[test]
fn sync_users_tells_the_differences() {
    let in_sync = (0, "0 differences\n".to_owned(), String::new());
    each(
        [
            "\u{feff}state, email ,username,shoe size\nactive,,ada,44\ninvited,ben@example.com,,\nbanned,x@y,EVA,1\n",
            "UserName,E-Mail,EMAIL,State\nada,,,active\n,,ben@example.com,invited\neva,,,banned\n",
            "username,email,state\r\nada,,active\r\n\"\",\"ben@example.com\",\"invited\"\r\neva,,banned\r\n,,\r\n",
        ],
        |directory| assert_eq!(synced(directory, ROWS, &[]), in_sync),
    );

    let other = "username,email,state\nada,,banned\nzoe,zoe@example.com,active\nnoname,BEN@example.com,invited\n";
    let lines = "state  ada: active in Mode, banned in the directory\nadd    zoe (active)\nremove eva (banned)\n3 differences\n";
    assert_eq!(
        synced(other, ROWS, &[]),
        (2, lines.to_owned(), String::new())
    );

    let (code, json, _) = synced(other, ROWS, &["--json"]);
    let plan = json!([
        {"action": "state", "username": "ada", "email": null, "state": "banned", "state_in_mode": "active", "line": 2},
        {"action": "add", "username": "zoe", "email": "zoe@example.com", "state": "active", "state_in_mode": null, "line": 3},
        {"action": "remove", "username": "eva", "email": null, "state": null, "state_in_mode": "banned", "line": null},
    ]);
    assert_eq!(
        (code, serde_json::from_str::<Value>(&json).unwrap()),
        (2, plan)
    );
    assert_eq!(
        synced(
            "username,email,state\neva,,banned\n",
            r#"{"username": "eva", "state": "banned"}"#,
            &["--json"]
        )
        .1,
        "[]\n"
    );

    // Nobody in Mode, and somebody without any name.
    assert_eq!(
        synced("username,email,state\neva,,banned\n", "", &[]).1,
        "add    eva (banned)\n1 differences\n"
    );
    let nameless =
        r#"{"state": "invited"}, {"state": "invited"}, {"username": "eva", "state": "banned"}"#;
    assert_eq!(
        synced("username,email,state\neva,,banned\n", nameless, &[]).1,
        "remove - (invited)\nremove - (invited)\n2 differences\n"
    );
}

#[test]
fn sync_users_refuses_what_it_cannot_compare() {
    let header = "username,email,state\n";
    let utf_16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    each(
        [
            (Vec::new(), "no column `username`; found: ``"),
            (
                b"username,email\nada,\n".to_vec(),
                "no column `state`; found: `username`, `email`",
            ),
            (
                b"username;email;state\nada;;active\n".to_vec(),
                "found: `username;email;state` (separated by `;`?)",
            ),
            (header.into(), "it has no rows"),
            ([header, ",,\n,,\n"].concat().into(), "it has no rows"),
            (
                [header, "ada,active\n"].concat().into(),
                "found record with 2 fields",
            ),
            (
                [header, "ada,,active\n,,active\n"].concat().into(),
                "line 3 lacks a state or a name",
            ),
            (
                [header, "ada,,active\nzoe,,\n"].concat().into(),
                "line 3 lacks a state or a name",
            ),
            (
                [header, "ada,,active\n\n,ada@example.com,active\n"]
                    .concat()
                    .into(),
                "lines 2 and 4 are one member",
            ),
            (
                [
                    header,
                    "new,,active\r\n\"two\r\nlines\",,active\r\nNEW,,active\r\n",
                ]
                .concat()
                .into(),
                "lines 2 and 5 are both NEW",
            ),
            (
                [header, "n,new@x,active\nm,NEW@x,active\n"].concat().into(),
                "lines 2 and 3 are both NEW@x",
            ),
            (
                utf_16(&[header, "ada,,active\n"].concat()),
                "stream did not contain valid UTF-8",
            ),
        ],
        |(directory, words)| {
            let (code, _, stderr) = synced(directory, ROWS, &[]);
            assert_eq!(code, 1);
            assert!(
                stderr.starts_with("error: FILE\n  because: ") && stderr.contains(words),
                "{stderr}"
            );
        },
    );

    let two = r#"{"username": "a", "email": "Same@x", "state": "active"}, {"username": "b", "email": "same@x", "state": "active"}"#;
    let (code, _, stderr) = synced([header, "a,,active\n"].concat(), two, &[]);
    assert!(
        code == 1 && stderr.contains("two members of the workspace are both same@x"),
        "{stderr}"
    );

    let server = FakeMode::start();
    let (code, stdout, stderr) = run(asking(&server, "sync_users").args(file_for("sync_users")));
    assert!(
        code == 1 && stdout.is_empty() && stderr.contains("404 not_found"),
        "{stderr}"
    );
    let (code, stdout, stderr) = run(asking(&server, "sync_users").arg("no-such-file.csv"));
    assert!(
        code == 1
            && stdout.is_empty()
            && stderr.starts_with("error: no-such-file.csv\n  because: "),
        "{stderr}"
    );
}

#[test]
fn api_report_tells_shapes_and_nobodys_data() {
    const SECRETS: [&str; 8] = [
        "ada",
        "Ada",
        "example.com",
        "acme",
        "5f3a9c01",
        "message",
        "1234",
        "/api/acme",
    ];
    let server = FakeMode::start();
    server.on(
        "/api/account",
        Reply::error(400, "bad_request", "Ada's message"),
    );
    let verified = json!({"workspace": "acme", "ada@example.com": 1234, "Ada": true, "_links": {"self": {"href": "/api/acme"}}});
    server.on("/api/verify", Reply::json(200, verified.to_string()));
    let rows = json!([
        {"member_username": "ada", "state": "active", "_links": {"self": {"href": "/api/acme/memberships/1234"}}},
        {"member_username": null, "state": "ada@example.com"},
    ]);
    server.on(FULL, Reply::json(200, rows.to_string()));
    let envelope = json!({"_embedded": {"memberships": rows}, "pagination": {"page": 1, "total_count": 1234}, "_links": {"next_page": {}}});
    server.on(LITE, Reply::json(200, envelope.to_string()));
    server.on(
        &format!("{LITE}?page=2"),
        Reply::bytes(302, "text/html", "<html>ada").header("Location", "https://example.com/ada"),
    );

    let text = printed(asking(&server, "api_report").env_remove("MODE_WORKSPACE"));
    let json = printed(asking(&server, "api_report").arg("--json"));
    for secret in SECRETS {
        assert!(
            !text.contains(secret) && !json.contains(secret),
            "{secret}: {text}{json}"
        );
    }
    let report: Value = serde_json::from_str(&json).unwrap();
    let of = |place: usize, names: [&str; 5]| names.map(|name| report[place][name].clone());
    let columns = ["status", "shape", "rows", "repeated", "error"];
    let expected = [
        json!([400, null, 0, 0, "BadRequest bad_request"]),
        json!([200, "object", 0, 0, null]),
        json!([200, "array", 2, 0, null]),
        json!([200, "array", 2, 2, null]),
        json!([200, "envelope", 2, 2, null]),
        json!([302, null, 0, 0, "UnexpectedStatus"]),
    ];
    for (place, expected) in expected.into_iter().enumerate() {
        assert_eq!(
            Value::from(of(place, columns).to_vec()),
            expected,
            "{}",
            report[place]
        );
    }
    assert_eq!(
        report[4]["found"],
        json!({
            "body": {"_embedded: object": 1, "_links: object": 1, "pagination: object": 1},
            "links": {"next_page: object": 1},
            "links of rows": {"self: object": 1},
            "pagination": {"page: number": 1, "total_count: number": 1},
            "rows": {"_links: object": 1, "member_username: null": 1, "member_username: string": 1, "state: string": 2},
            "states": {"(other)": 1, "active": 1},
        })
    );
    assert!(
        text.contains(
            "\n/api/{workspace}/memberships             200    array        2        0 -\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("\n    states: (other) (1), active (1)\n"),
        "{text}"
    );
}

#[test]
fn api_report_survives_every_failure() {
    let server = FakeMode::start();
    server.on(
        "/api/verify",
        Reply::json(200, r#"{"workspace": "../../elsewhere?x=%2e"}"#),
    );
    server.on(
        "/api/account",
        Reply::bytes(200, "text/html", "<html>sign in</html>"),
    );
    let text = printed(asking(&server, "api_report").env_remove("MODE_WORKSPACE"));
    assert_eq!(
        text.lines()
            .filter(|line| line.ends_with("InvalidInput"))
            .count(),
        4,
        "{text}"
    );
    assert!(
        text.contains("Decode") && !text.contains("elsewhere"),
        "{text}"
    );
    assert_eq!(server.targets(), ["/api/account", "/api/verify"]);
}

#[test]
fn api_report_without_a_connection_is_an_error() {
    let server = FakeMode::start();
    server.on("/api/account", Reply::close());
    for argument in [None, Some("--json")] {
        let (code, stdout, stderr) = run(asking(&server, "api_report").args(argument));
        assert_eq!((code, &*stdout), (1, ""));
        assert!(stderr.starts_with("error: GET /api/account: "), "{stderr}");
        assert!(stderr.contains("\n  because: "), "{stderr}");
    }
    // Nothing is sent twice, so no retry names the workspace.
    assert_eq!(server.targets(), ["/api/account"; 2]);

    // Later on it is a part of the report.
    server.on("/api/account", Reply::error(503, "later", "later"));
    server.on(FULL, Reply::close());
    let text = printed(&mut asking(&server, "api_report"));
    assert!(text.contains(" Server later\n"), "{text}");
    assert!(text.contains(" Transport\n"), "{text}");
}

#[test]
fn the_demo_prints_what_the_documentation_shows() {
    let expected = include_str!("../../.ci/demo.txt").replace("\r\n", "\n");
    assert_eq!(printed(&mut program("demo")), expected);
}

#[test]
fn the_demo_serves_the_other_programs() {
    let mut demo = program("demo");
    demo.arg("--serve")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut demo = demo.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let exports = [line(), line()].join(" ").replace("export ", "");
    let variables = exports.split(' ').map(|pair| pair.split_once('=').unwrap());
    let listed = run(program("list_users").envs(variables.clone()));
    let people = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/people.csv");
    let synced = run(program("sync_users").envs(variables.clone()).arg(people));
    let refused = ["MODE_API_TOKEN", "MODE_API_SECRET"].map(|variable| {
        let mut program = program("check_access");
        run(program.envs(variables.clone()).env(variable, "wrong"))
    });
    demo.kill().unwrap();
    demo.wait().unwrap();
    let (code, stdout, stderr) = listed;
    assert_eq!((code, stdout.lines().count(), &*stderr), (0, 8, ""));
    let (code, stdout, stderr) = synced;
    assert_eq!((code, &*stderr), (2, ""));
    let shown = include_str!("../../.ci/demo.txt").replace("\r\n", "\n");
    let command = "$ cargo run --example sync_users -- examples/people.csv\n";
    assert!(shown.contains(&format!("{command}{stdout}\n")), "{stdout}");
    for (code, stdout, stderr) in refused {
        assert_eq!((code, &*stdout), (1, ""));
        assert!(stderr.contains("401 unauthorized"), "{stderr}");
    }
}
