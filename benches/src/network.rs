//! The same contenders over a network: with TLS, and a round trip of 50 ms.

use std::process::{self, Command};
use std::time::Instant;
use std::{env, fs};

use crate::Result;
use crate::contenders::{Contender, Job};
use crate::distant::{self, Distant, ROUND_TRIP};
use crate::report::{self, Budgets, median, ratio};
use crate::speed::{self, COLUMNS, Question};

const ROUNDS: usize = 15;
const PEOPLE: usize = 50;
const ENTRANTS: usize = Contender::NAMES.len();
/// How many questions on an open connection are timed together.
const WARM_CALLS: u32 = 3;

/// What is timed, and how many round trips it takes: TCP and TLS 1.3 one each, and each request one.
const CASES: [(&str, u32); 3] = [
    ("new client: verify, list 50, count 50", 5),
    ("connection open: count 50", 1),
    ("connection closed by the server: count 50", 3),
];

/// Runs the bench in a child process, for which `SSL_CERT_FILE` names the bench's own certificate authority.
pub fn run(check: bool) -> Result<()> {
    let file = env::temp_dir().join(format!("mode-analytics-network-{}.pem", process::id()));
    let status = Command::new(env::current_exe()?)
        .arg("network-trusting")
        .arg(&file)
        .args(check.then_some("--check"))
        .env("SSL_CERT_FILE", &file)
        .env_remove("SSL_CERT_DIR")
        // This crate never uses a proxy for loopback, but the others may.
        .envs([("NO_PROXY", "localhost"), ("no_proxy", "localhost")])
        .status();
    let _ = fs::remove_file(&file);
    if !status?.success() {
        return Err("the process with the bench has failed".into());
    }
    Ok(())
}

/// What that process does: it holds the servers and the contenders. `SSL_CERT_FILE` names `file`.
pub fn run_trusting(file: &str) -> Result<Budgets> {
    let (authority, config) = distant::certify()?;
    fs::write(file, authority)?;
    let keeping = Distant::start(config.clone(), PEOPLE, false)?;
    let closing = Distant::start(config, PEOPLE, true)?;
    let [list, count] = Job::ALL.map(|job| Question::new(job, PEOPLE));

    let mut reconnecting = Vec::new();
    for name in Contender::NAMES {
        let contender = Contender::new(name, &closing.origin)?;
        // This opens the TLS session that can be resumed later.
        count.put_to(&contender)?;
        reconnecting.push(contender);
    }
    let mut seconds = [const { [const { Vec::new() }; ENTRANTS] }; CASES.len()];
    let (mut handshakes, mut resumed) = (0, [0; ENTRANTS]);
    for round in 0..ROUNDS {
        for at in speed::turns(round, ENTRANTS) {
            let [before, _] = keeping.handshakes();
            let start = Instant::now();
            let contender = Contender::new(Contender::NAMES[at], &keeping.origin)?;
            contender.verify(&list.workspace)?;
            list.put_to(&contender)?;
            count.put_to(&contender)?;
            seconds[0][at].push(start.elapsed().as_secs_f64());

            let start = Instant::now();
            for _ in 0..WARM_CALLS {
                count.put_to(&contender)?;
            }
            seconds[1][at].push(start.elapsed().as_secs_f64() / f64::from(WARM_CALLS));
            if at == 0 {
                handshakes += keeping.handshakes()[0] - before;
            }

            let [_, before] = closing.handshakes();
            let start = Instant::now();
            count.put_to(&reconnecting[at])?;
            seconds[2][at].push(start.elapsed().as_secs_f64());
            resumed[at] += closing.handshakes()[1] - before;
        }
    }

    println!(
        "Over TLS, with a round trip of {ROUND_TRIP:?}. {}",
        speed::LEGEND
    );
    report::head(&COLUMNS);
    let mut budgets = Budgets::default();
    for ((what, round_trips), seconds) in CASES.into_iter().zip(&seconds) {
        let least = ROUND_TRIP * round_trips;
        let what = format!("{what} ({round_trips} round trips = {least:?})");
        report::row(&what, &report::cells(seconds));
        let over = median(&seconds[0]) / least.as_secs_f64();
        budgets.at_most(1.15, format!("{what}: time / round trips"), over);
    }
    let resumed = resumed.map(|resumed| format!("{resumed} of {ROUNDS}"));
    report::row("connection closed: TLS sessions resumed", &resumed);
    let by_hand = ratio(&seconds[0][0], &seconds[0][2]);
    budgets.at_most(1.05, "new client: time / time by hand", by_hand);
    let connections = handshakes as f64 / ROUNDS as f64;
    budgets.at_most(1.0, "connections per client", connections);
    Ok(budgets)
}
