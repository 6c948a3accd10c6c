//! The same contenders over a network: with TLS, and 25 ms each way.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use fake_mode::{FakeMode, Workspace};

use crate::Result;
use crate::contenders::{self, Contender, Job};
use crate::distant::{self, Closes, Distant, ROUND_TRIP};
use crate::report::{self, Budgets, median, ratio};
use crate::speed::{self, COLUMNS, Question};
use crate::stand_in;

const ROUNDS: usize = 15;
const PEOPLE: usize = 50;
/// TCP, TLS 1.3 and three requests.
const COLD_ROUND_TRIPS: u32 = 5;
/// One request.
const WARM_ROUND_TRIPS: u32 = 1;
/// TCP, TLS 1.3 and one request.
const RECONNECTING_ROUND_TRIPS: u32 = 3;
/// How many questions on an open connection are timed together.
const WARM_CALLS: u32 = 3;

/// Runs the bench in a child process, for which `SSL_CERT_FILE` names the bench's own certificate authority.
pub fn run(check: bool) -> Result<ExitCode> {
    if cfg!(not(target_os = "linux")) {
        return Err(
            "this bench needs Linux: elsewhere SSL_CERT_FILE does not say whom the system trusts"
                .into(),
        );
    }
    let file = env::temp_dir().join(format!("mode-analytics-network-{}.pem", process::id()));
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("network-trusting")
        .arg(&file)
        .env("SSL_CERT_FILE", &file)
        .env_remove("SSL_CERT_DIR");
    // This crate never uses a proxy for loopback, but the others may.
    command.envs([("NO_PROXY", "localhost"), ("no_proxy", "localhost")]);
    if check {
        command.arg("--check");
    }
    let status = command.status();
    let _ = fs::remove_file(&file);
    Ok(if status?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What that process does: it holds the server, the relay and the contenders. `SSL_CERT_FILE` names `file`.
pub fn run_trusting(file: &str) -> Result<Budgets> {
    let (authority, config) = distant::certify()?;
    fs::write(file, authority)?;
    let mode = FakeMode::start();
    Workspace::new(&stand_in::plain(PEOPLE), PEOPLE).serve(&mode);
    let keeping = Distant::start(config.clone(), &mode, Closes::Never)?;
    let closing = Distant::start(config, &mode, Closes::AfterEachResponse)?;

    let mut budgets = Budgets::default();
    side_by_side(&keeping, &mut budgets)?;
    reconnecting(&closing, &mut budgets)?;
    Ok(budgets)
}

fn side_by_side(server: &Distant, budgets: &mut Budgets) -> Result<()> {
    let [list, count] = Job::ALL.map(|job| Question::plain(job, PEOPLE));
    let names = Contender::NAMES;
    let mut cold = [const { Vec::new() }; Contender::NAMES.len()];
    let mut warm = [const { Vec::new() }; Contender::NAMES.len()];
    let mut handshakes = 0;
    for round in 0..ROUNDS {
        for at in speed::turns(round, names.len()) {
            let [before, _] = server.handshakes();
            let start = Instant::now();
            let contender = Contender::new(names[at], &server.origin)?;
            contender.verify(&list.workspace)?;
            list.put_to(&contender)?;
            count.put_to(&contender)?;
            cold[at].push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for _ in 0..WARM_CALLS {
                count.put_to(&contender)?;
            }
            warm[at].push(start.elapsed().as_secs_f64() / f64::from(WARM_CALLS));
            if at == 0 {
                handshakes += server.handshakes()[0] - before;
            }
        }
    }

    println!(
        "Over TLS, {} ms each way. {}",
        distant::ONE_WAY.as_millis(),
        speed::LEGEND
    );
    let mut columns = vec!["", "round trips alone"];
    columns.extend(&COLUMNS[1..]);
    report::head(&columns);
    for (what, round_trips, seconds) in [
        (
            "new client: verify, list 50, count 50",
            COLD_ROUND_TRIPS,
            &cold,
        ),
        ("connection open: count 50", WARM_ROUND_TRIPS, &warm),
    ] {
        let mut cells = vec![what.to_owned(), trips(round_trips)];
        cells.extend(speed::cells(seconds));
        report::row(&cells);
    }

    let over = |seconds: &[f64], round_trips: u32| {
        median(seconds.to_vec()) / (ROUND_TRIP * round_trips).as_secs_f64()
    };
    budgets.at_most(
        1.15,
        "new client, three questions: time / five round trips",
        over(&cold[0], COLD_ROUND_TRIPS),
    );
    budgets.at_most(
        1.15,
        "connection open, one question: time / one round trip",
        over(&warm[0], WARM_ROUND_TRIPS),
    );
    budgets.at_most(
        1.05,
        "new client, three questions: time / time by hand",
        ratio(&cold[0], &cold[2]),
    );
    budgets.at_most(
        1.0,
        "connections per client",
        handshakes as f64 / ROUNDS as f64,
    );
    Ok(())
}

/// Each entrant keeps its client, but the server closes every connection. The client can still resume the TLS session,
/// which saves the work of a full handshake.
fn reconnecting(server: &Distant, budgets: &mut Budgets) -> Result<()> {
    let question = Question::plain(Job::Count, PEOPLE);
    // Shorter than the default `attempt_timeout`.
    let timeout = Duration::from_secs(10);
    let hurried = contenders::builder(&server.origin)?.timeout(timeout);
    let new = |name| Contender::new(name, &server.origin);
    let entrants = [
        ("mode-analytics", new("mode-analytics")?),
        (
            "mode-analytics, `timeout` of 10 s",
            Contender::ModeAnalytics(hurried.build()?),
        ),
        ("floor", new("floor")?),
        ("by hand", new("by-hand")?),
        ("reqwest", new("reqwest")?),
    ];
    let mut seconds = [const { Vec::new() }; 5];
    let mut resumed = [0; 5];
    for (_, contender) in &entrants {
        // This opens the TLS session that can be resumed later.
        question.put_to(contender)?;
    }
    for round in 0..ROUNDS {
        for at in speed::turns(round, entrants.len()) {
            let [_, before] = server.handshakes();
            let start = Instant::now();
            question.put_to(&entrants[at].1)?;
            seconds[at].push(start.elapsed().as_secs_f64());
            resumed[at] += server.handshakes()[1] - before;
        }
    }

    println!(
        "\nThe same server, but it closes the connection after each response: count 50. {}",
        speed::LEGEND
    );
    report::head(&["", "round trips alone", "time", "TLS sessions resumed"]);
    for (at, time) in speed::cells(&seconds).into_iter().enumerate() {
        let name = entrants[at].0;
        let resumed = format!("{} of {ROUNDS}", resumed[at]);
        report::row(&[name, &trips(RECONNECTING_ROUND_TRIPS), &time, &resumed]);
    }
    for at in 0..2 {
        budgets.at_least(
            1.0,
            &format!("{}, share of TLS sessions resumed", entrants[at].0),
            resumed[at] as f64 / ROUNDS as f64,
        );
    }
    Ok(())
}

fn trips(number: u32) -> String {
    format!("{number} = {} ms", (ROUND_TRIP * number).as_millis())
}
