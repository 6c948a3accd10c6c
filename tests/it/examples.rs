//! The example programs, run as a user runs them: as processes. `examples.txt` has what they print.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::SystemTime;

use fake_mode::{FakeMode, Reply, Shape, Workspace};
use mode_analytics::{Membership, MembershipCounts};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::{FULL, LITE, SECRET, TOKEN, client, each, process, serving};

#[allow(clippy::duplicate_mod, dead_code)]
#[path = "../../examples/active_users.rs"]
mod active_users;

/// The programs that ask Mode, with the arguments that they cannot do without.
const PROGRAMS: [&str; 5] = [
    "check_access",
    "list_users",
    "active_users",
    "sync_users tests/it/directory.csv",
    "api_report",
];

/// The folder of the built programs. `cargo test` builds them; `cargo test --test it` does not.
fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let folder = profile.join("examples");
        let mut names = PROGRAMS.iter().chain(&["demo"]).map(|line| name(line));
        if !names.all(|name| is_fresh(&folder.join(name)) == Some(true)) {
            build(profile);
        }
        folder
    })
}

/// Whether a program is newer than all that it is made of, as Cargo noted it beside the program.
fn is_fresh(program: &Path) -> Option<bool> {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let notes = fs::read_to_string(program.with_extension("d")).ok()?;
    let sources = notes.split_once(": ")?.1.trim_end().replace("\\ ", "\0");
    let built = modified(&program.with_extension(EXE_SUFFIX.trim_start_matches('.')))?;
    let is_older = |path: String| modified(path.as_ref()).is_some_and(|it| it <= built);
    let mut sources = sources.split(' ').map(|path| path.replace('\0', " "));
    Some(sources.all(is_older))
}

/// Builds the programs into the folder of this test.
fn build(profile: &Path) {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args("build --quiet --examples --no-default-features --profile".split(' '));
    cargo.arg(name(profile).replace("debug", "dev"));
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

fn name(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

/// The program of this command line, with the variables in front of it. It is to ask `server` about `acme`.
fn asking(server: &FakeMode, line: &str) -> Command {
    let is_variable = |word: &&str| word.contains('=') && !word.starts_with('-');
    let (variables, words): (Vec<_>, Vec<_>) = line.split(' ').partition(is_variable);
    let mut program = process(programs().join(format!("{}{EXE_SUFFIX}", words[0])));
    program.args(words[1..].iter().map(|word| word.trim_matches('\'')));
    program.env_remove("CARGO_PKG_NAME");
    program.env("MODE_API_TOKEN", TOKEN);
    program.env("MODE_API_SECRET", SECRET);
    program.env("MODE_BASE_URL", server.origin());
    program.env("MODE_WORKSPACE", "acme");
    program.envs(variables.iter().map(|it| it.split_once('=').unwrap()));
    program
}

fn spawn(program: &mut Command) -> Child {
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    program.stderr(Stdio::piped()).spawn().unwrap()
}

/// Exit code, standard output, standard error.
fn end(program: Child) -> (i32, String, String) {
    let output = program.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// Runs a program that reads `input`.
fn fed(program: &mut Command, input: impl AsRef<[u8]>) -> (i32, String, String) {
    let mut program = spawn(program);
    // A program that refuses its arguments does not read.
    let _ = program.stdin.take().unwrap().write_all(input.as_ref());
    end(program)
}

/// What a program prints that is to succeed without a word on standard error.
fn printed(program: &mut Command) -> String {
    let (code, stdout, stderr) = fed(program, "");
    assert_eq!((code, &*stderr), (0, ""), "{program:?}: {stdout}");
    stdout
}

/// What a program says that is to fail without a word on standard output.
fn refused(program: &mut Command) -> String {
    let (code, stdout, stderr) = fed(program, "");
    let failure = 1 + i32::from(format!("{program:?}").contains("sync_users"));
    assert_eq!((code, &*stdout), (failure, ""), "{stderr}");
    stderr
}

#[track_caller]
fn has(text: &str, words: &str) {
    assert!(text.contains(words), "{words:?} is not in:\n{text}");
}

#[test]
fn they_print_what_the_transcript_shows() {
    let transcript = include_str!("examples.txt").replace("\r\n", "\n");
    each(transcript.split("\n## ").skip(1), |section| play(section));
}

/// Follows a section of the transcript, and compares what every command prints.
fn play(section: &str) {
    let server = FakeMode::start();
    Workspace::new("acme", 8).serve(&server);
    let lines = section.lines().skip(1).filter(|line| !line.is_empty());
    let mut lines = lines.peekable();
    while let Some(step) = lines.next() {
        let Some(commands) = step.strip_prefix("$ ") else {
            respond(&server, step.strip_prefix("GET ").unwrap());
            continue;
        };
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('<')) {
            text += &format!("{}\n", line.trim_start_matches(['<', ' ']));
        }
        let (mut code, mut errors) = (0, String::new());
        for command in commands.split(" | ") {
            let stderr;
            (code, text, stderr) = fed(&mut asking(&server, command), &text);
            errors.extend(stderr.lines().map(|line| format!("! {line}\n")));
        }
        let shown = text.replace('\r', "␍") + &errors + &format!("= {code}\n");
        let shown = shown.lines().filter(|line| !["", "= 0"].contains(line));
        let is_output = |line: &&str| !line.starts_with("GET ") && !line.starts_with("$ ");
        let expected = std::iter::from_fn(|| lines.next_if(is_output));
        let (shown, expected) = (Vec::from_iter(shown), Vec::from_iter(expected));
        let is_same = |(shown, expected): (&&str, &&str)| match expected.split_once('…') {
            Some((start, end)) => shown.starts_with(start) && shown.ends_with(end),
            None => shown == expected,
        };
        let is_as_long = shown.len() == expected.len();
        let is_as_expected = is_as_long && shown.iter().zip(&expected).all(is_same);
        assert!(is_as_expected, "$ {commands}\n{}", shown.join("\n"));
    }
}

/// Answers as a line of the transcript says: a path, a status unless it is 200, and a body.
fn respond(server: &FakeMode, line: &str) {
    let (path, body) = line.split_once(' ').unwrap();
    let reply = match body.split_once(' ') {
        _ if body == "close" => Reply::close(),
        _ if body == "garbage" => Reply::raw("not HTTP\r\n\r\n"),
        Some((status, body)) if status.len() == 3 => Reply::json(status.parse().unwrap(), body),
        _ => Reply::json(200, body),
    };
    server.on(path, reply);
}

#[test]
fn a_bad_argument_is_named_and_the_usage_shown() {
    let server = FakeMode::start();
    let bad = [
        "--jsno",
        "-j",
        "--json=yes",
        "--workspace",
        "--workspace ''",
    ];
    each(
        PROGRAMS.iter().flat_map(|line| bad.map(|bad| (line, bad))),
        |(line, bad)| {
            let stderr = refused(&mut asking(&server, &format!("{line} {bad}")));
            has(&stderr, bad.split([' ', '=']).next().unwrap());
            has(&stderr, &format!("\nUsage: {} ", name(line)));
            assert_eq!(stderr.lines().count(), 2, "{stderr}");
        },
    );
    assert_eq!(server.connections(), 0);
}

#[cfg(unix)]
#[test]
fn what_is_not_unicode_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let server = FakeMode::start();
    let latin_1 = std::ffi::OsStr::from_bytes(b"M\xfcller");
    each(PROGRAMS, |line| {
        has(
            &refused(asking(&server, name(line)).arg(latin_1)),
            "\nUsage: ",
        );
        let mut argument = asking(&server, line);
        has(
            &refused(argument.arg("--workspace").arg(latin_1)),
            "\nUsage: ",
        );
        let mut variable = asking(&server, line);
        let stderr = refused(variable.env("MODE_WORKSPACE", latin_1));
        assert_eq!(stderr, "error: MODE_WORKSPACE is not Unicode\n");
    });
    has(&refused(asking(&server, "demo").arg(latin_1)), "\nUsage: ");
    assert_eq!(server.connections(), 0);
}

#[test]
fn they_agree_with_the_guides() {
    let server = FakeMode::start();
    let people = Workspace::new("acme", 40).shape(Shape::Array);
    people.serve(&server);

    // As the guides do it: iterate the array, print each, count those whose state is `active`.
    let array: Vec<Value> = serde_json::from_str(&people.memberships_json()).unwrap();
    let line = |row: &Value| {
        let user = row["member_username"].as_str().unwrap_or("-");
        format!("User: {user}, State: {}\n", row["state"].as_str().unwrap())
    };
    let lines: String = array.iter().map(line).collect();
    let active = array.iter().filter(|row| row["state"] == "active").count();

    assert_eq!(printed(&mut asking(&server, "list_users")), lines);
    let mut counts = format!("Active Users Count: {active}\n");
    for (state, members) in people.states() {
        counts += &format!("{state} {members}\n");
    }
    assert_eq!(printed(&mut asking(&server, "active_users")), counts);
}

#[test]
fn machines_get_every_member_and_the_columns_of_the_listing() {
    let server = FakeMode::start();
    Workspace::new("acme", 40).serve(&server);
    let full = client(&server).memberships("acme").unwrap();
    let lite = client(&server).memberships_lite("acme").unwrap();
    for (option, members) in [("", &full), (" --emails", &lite)] {
        let json = printed(&mut asking(&server, &format!("list_users --json{option}")));
        let rows: Vec<Membership> = serde_json::from_str(&json).unwrap();
        assert_eq!(rows, *members);

        let csv = printed(&mut asking(&server, &format!("list_users --csv{option}")));
        let (header, _) = csv.split_once("\r\n").unwrap();
        let mut expected = format!("{header}\r\n");
        for row in serde_json::from_str::<Vec<Value>>(&json).unwrap() {
            let cells = header.split(',').map(|column| row[column].to_string());
            let cells = Vec::from_iter(cells);
            assert_eq!(cells.len(), row.as_object().unwrap().len());
            expected += &format!("{}\r\n", cells.join(","));
        }
        assert_eq!(csv, expected.replace("null", "").replace('"', ""));
    }
    let counts = printed(&mut asking(&server, "active_users --json"));
    let counts: MembershipCounts = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts, full.iter().collect());
}

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

/// Fails if a text could do more in a terminal than be read.
fn assert_inert(text: &str) {
    let text = text.replace("\r\n", "\n");
    let hidden = "\u{ad}\u{200b}\u{2028}\u{202e}\u{feff}\u{e0041}";
    let is_hostile = |c: char| (c.is_control() && c != '\n') || hidden.contains(c);
    assert!(!text.contains(is_hostile), "{text:?}");
    assert!(!text.contains("\nUser: root"), "{text}");
}

#[test]
fn nothing_from_outside_controls_the_terminal() {
    let lines = "check_access|list_users|list_users --emails|active_users|sync_users -|\
        list_users --csv --emails|api_report|check_access --json|list_users --json --emails|\
        active_users --json|sync_users - --json|api_report --json";
    each(
        HOSTILE.into_iter().chain(["o'brien \"ob\"", "żółć"]),
        |text| {
            let server = FakeMode::start();
            let row = json!({"username": text, "email": text, "name": text, "state": text});
            for (path, value) in [
                (
                    "/api/verify",
                    json!({"workspace": text, "api_key_scope": text}),
                ),
                ("/api/account", json!({"username": text})),
                (
                    "/api/acme",
                    json!({"_links": {"memberships": {"href": text}}}),
                ),
                (FULL, json!([row])),
                (LITE, json!([row])),
            ] {
                server.on(path, Reply::json(200, value.to_string()));
            }
            let quoted = text.replace('"', "\"\"");
            let directory = format!("username,state\n\"x{quoted}\",\"{quoted}\"\n");
            for line in lines.split('|') {
                let mut program = asking(&server, line);
                if name(line) == "check_access" {
                    program.env_remove("MODE_WORKSPACE");
                }
                let (code, stdout, stderr) = fed(&mut program, &directory);
                assert_eq!((code > 0, &*stderr), (name(line) == "sync_users", ""));
                assert_inert(&stdout);
                if name(line) == "api_report" {
                    assert!(!stdout.contains("o'brien"), "{stdout}");
                } else if line.contains("--json") {
                    let value: Value = serde_json::from_str(&stdout).unwrap();
                    has(
                        &value.to_string(),
                        json!(text).to_string().trim_matches('"'),
                    );
                } else if !HOSTILE.contains(text) && !line.contains("--csv") {
                    has(&stdout, text);
                }
            }
            server.on("/api/acme/memberships", Reply::error(400, text, text));
            assert_inert(&refused(&mut asking(&server, "list_users")));
            for line in ["list_users --workspace", "list_users", "sync_users"] {
                assert_inert(&refused(asking(&server, line).arg(text)));
            }
        },
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let server = FakeMode::start();
    Workspace::new("acme", 500).serve(&server);
    let unread = |line: &str, nobody_reads: Option<mpsc::Sender<()>>| {
        let mut program = spawn(asking(&server, line).env_remove("MODE_WORKSPACE"));
        drop(program.stdout.take());
        drop(nobody_reads);
        let (code, _, stderr) = end(program);
        assert_eq!((code > 0, &*stderr), (name(line) == "sync_users", ""));
    };
    each(PROGRAMS, |line| {
        // Mode answers only when nobody reads any more.
        let (nobody_reads, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        server.route("/api/verify", move |_| {
            let _ = wait.lock().unwrap().recv();
            Reply::json(200, r#"{"workspace": "acme"}"#)
        });
        unread(line, Some(nobody_reads));
    });
    each(["demo", "demo --help", "list_users --help"], |line| {
        unread(line, None)
    });
    // An error that nobody reads is an error all the same.
    let mut program = spawn(&mut asking(&server, "MODE_API_TOKEN= list_users"));
    drop(program.stderr.take());
    assert_eq!(end(program).0, 1);
}

#[test]
fn retries_are_announced() {
    let server = FakeMode::start();
    let later = Reply::error(503, "service_unavailable", "later");
    server.script(FULL, [later, Reply::json(200, "[]")]);
    let (code, stdout, stderr) = fed(&mut asking(&server, "list_users"), "");
    assert_eq!((code, &*stdout), (0, ""));
    assert!(stderr.starts_with("trying again in "), "{stderr}");
    has(
        &stderr,
        "s: GET /api/acme/memberships: 503 service_unavailable: later",
    );
}

#[test]
fn the_chart_fits_into_the_terminal_and_into_80_columns() {
    let (long, combining) = ("x".repeat(500), "e\u{301}".repeat(60));
    let states = json!({
        "active": 2800, "invited": 1, "待機中": 77, long: 3, combining: 9, "a\u{1b}b": 110,
    });
    let counts = json!({"total": 3000, "active": 2800, "by_state": states});
    let counts = serde_json::from_value(counts).unwrap();
    let chart = |columns| active_users::chart(&counts, columns).unwrap();
    each(16..200, |columns| {
        let chart = chart(Some(*columns));
        let (first, bars) = chart.split_once('\n').unwrap();
        assert_eq!(first, "Active Users Count: 2800");
        assert_eq!(bars.lines().count(), 6);
        let bars = bars.lines().map(|line| line.split_once("% ").unwrap());
        for (numbers, bar) in bars.clone() {
            // Not even the cursor is on the next line.
            assert!(
                numbers.width() + bar.width() + 2 < *columns.min(&80),
                "{chart}"
            );
            assert_eq!(
                numbers.width(),
                bars.clone().next().unwrap().0.width(),
                "{chart}"
            );
            assert!(!bar.is_empty() && bar.chars().all(|c| ('█'..='▏').contains(&c)));
        }
    });
    let shown = chart(Some(40));
    for line in [
        "\nactive         2800  93% ██████████████\n",
        "\ninvited           1  <1% ▏\n",
        "\n待機中           77   3% ▌\n",
        "\nxxxxxxxxxxxxx…    3  <1% ▏\n",
        "\na\\u{1b}b        110   4% ▋\n",
    ] {
        has(&shown, line);
    }
    assert_eq!(chart(Some(80)), chart(Some(200)));
    has(&chart(None), "\nactive 2800\n");
    has(&chart(None), &"x".repeat(500));
}

#[test]
fn sync_users_reads_what_spreadsheets_write() {
    let server = serving(Reply::close());
    server.on(
        LITE,
        Reply::json(200, r#"[{"username": "ada", "state": "active"}]"#),
    );
    let utf_16 = "\u{feff}username,state\nada,active\n".encode_utf16();
    let utf_16 = Vec::from_iter(utf_16.flat_map(u16::to_le_bytes));
    for (directory, code, words) in [
        (
            "\u{feff}state,username\r\nactive,\"ada\"\r\n\r\n,\r\n".as_bytes(),
            0,
            "0 differences\n",
        ),
        (
            b"username,state\r\n\r\n\"x\r\ny\",a\r\n,a\r\n",
            2,
            "line 5 lacks",
        ),
        (
            &utf_16,
            2,
            "cannot read -: stream did not contain valid UTF-8",
        ),
    ] {
        let (found, stdout, stderr) = fed(&mut asking(&server, "sync_users -"), directory);
        has(&(stdout + &stderr), words);
        assert_eq!(found, code);
    }
}

#[test]
fn the_demo_prints_what_the_documentation_shows_and_serves_the_other_programs() {
    let shown = include_str!("../../.ci/demo.txt").replace("\r\n", "\n");
    let elsewhere = FakeMode::start();
    assert_eq!(printed(&mut asking(&elsewhere, "demo")), shown);

    let mut demo = spawn(&mut asking(&elsewhere, "demo --serve"));
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let variables = [line(), line()].join(" ").replace("export ", "");
    let run = |line: &str| fed(&mut asking(&elsewhere, &format!("{variables} {line}")), "");
    let listed = run("list_users");
    let synced = run("sync_users examples/people.csv");
    let secrets = [
        "wrong", "secret", "token", "password", "test", "key", "demo",
    ];
    let refusals = secrets.map(|secret| run(&format!("MODE_API_SECRET={secret} check_access")));
    demo.kill().unwrap();
    let mut log = String::new();
    demo.stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    demo.wait().unwrap();

    assert_eq!(elsewhere.connections(), 0);
    assert_eq!((listed.0, listed.1.lines().count(), &*listed.2), (0, 8, ""));
    assert_eq!((synced.0, &*synced.2), (1, ""));
    let command = "$ cargo run --example sync_users -- examples/people.csv";
    has(&shown, &format!("{command}\n{}\n", synced.1));
    for (code, stdout, stderr) in refusals {
        assert_eq!((code, &*stdout), (1, ""));
        has(&stderr, "401 unauthorized");
        assert!(!stderr.contains("[redacted]"), "{stderr}");
    }
    has(&log, "GET /api/acme/memberships 200\n");
    has(&log, "GET /api/verify 401\n");
}
