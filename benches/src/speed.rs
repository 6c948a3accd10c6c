//! The tables of speed and memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fake_mode::{FakeMode, Workspace};

use crate::Result;
use crate::contenders::{Answer, Contender, Job};
use crate::memory::{self, Memory};
use crate::report::{self, Budgets, median, ratio};
use crate::stand_in::{self, StandIn};

const MIB: f64 = 1024.0 * 1024.0;
/// The shortest time that is measured: shorter calls are repeated until they take this long together.
const SAMPLE: Duration = Duration::from_millis(3);
const RACE: Duration = Duration::from_secs(6);
const MIN_ROUNDS: usize = 5;
/// The contenders, in the order of [`Contender::NAMES`].
pub const COLUMNS: [&str; 6] = ["", "mode-analytics", "floor", "by hand", "Value", "reqwest"];
/// Explains the cells of a table of times.
pub const LEGEND: &str = "Median time of a call, and in parentheses how many times as long as mode-analytics it took: above 1 is slower than mode-analytics, below 1 is faster.";

pub fn run() -> Result<Budgets> {
    let stand_in = StandIn::start()?;
    let mut budgets = Budgets::default();
    side_by_side(&stand_in.origin, &mut budgets)?;
    by_size(&stand_in.origin, &mut budgets)?;
    resources(&stand_in.origin, &mut budgets)?;
    Ok(budgets)
}

/// One job on one workspace, and the result that it must have.
pub struct Question {
    job: Job,
    people: usize,
    pub workspace: String,
    active: usize,
    bytes: u64,
}

impl Question {
    pub fn plain(job: Job, people: usize) -> Self {
        let workspace = Workspace::new(&stand_in::plain(people), people);
        let states: HashMap<String, usize> = workspace.states().into_iter().collect();
        let bytes = workspace.memberships_json().len() as u64;
        Self {
            job,
            people,
            workspace: stand_in::plain(people),
            active: states["active"],
            bytes,
        }
    }

    fn gzipped(job: Job, people: usize) -> Self {
        Self {
            workspace: stand_in::gzipped(people),
            ..Self::plain(job, people)
        }
    }

    pub fn put_to(&self, contender: &Contender) -> Result<()> {
        let (answer, _) = contender.call(self.job, &self.workspace)?;
        let expected = match (contender, self.job) {
            (Contender::Floor(_), _) => Answer::Bytes(self.bytes),
            (_, Job::Count) => Answer::Active(self.active),
            (_, Job::List) => Answer::People {
                all: self.people,
                active: self.active,
            },
        };
        if answer == expected {
            Ok(())
        } else {
            Err(format!("{answer:?} in place of {expected:?}").into())
        }
    }
}

/// The order in which the entrants take their turns in a round. It changes from round to round: if their number is a
/// prime, each comes first equally often, and follows each of the others equally often.
pub fn turns(round: usize, entrants: usize) -> impl Iterator<Item = usize> {
    let stride = 1 + round / entrants % (entrants - 1);
    (0..entrants).map(move |turn| (round + turn * stride) % entrants)
}

/// Measures each entrant in turn, round after round, until the time of a race is over. Returns seconds per call.
fn race(entrants: &[(&Contender, &Question)]) -> Result<Vec<Vec<f64>>> {
    let mut calls = Vec::new();
    for (contender, question) in entrants {
        question.put_to(contender)?;
        let start = Instant::now();
        question.put_to(contender)?;
        calls.push(1 + (SAMPLE.as_secs_f64() / start.elapsed().as_secs_f64()) as u32);
    }
    let mut seconds = vec![Vec::new(); entrants.len()];
    let start = Instant::now();
    let mut round = 0;
    while start.elapsed() < RACE || round < MIN_ROUNDS {
        for at in turns(round, entrants.len()) {
            let (contender, question) = entrants[at];
            let start = Instant::now();
            for _ in 0..calls[at] {
                question.put_to(contender)?;
            }
            seconds[at].push(start.elapsed().as_secs_f64() / f64::from(calls[at]));
        }
        round += 1;
    }
    Ok(seconds)
}

fn side_by_side(origin: &str, budgets: &mut Budgets) -> Result<()> {
    println!("On loopback. {LEGEND}");
    report::head(&COLUMNS);
    let contenders = Contender::NAMES
        .into_iter()
        .map(|name| Contender::new(name, origin));
    let contenders: Vec<Contender> = contenders.collect::<Result<_>>()?;
    for (job, people, limit) in [
        (Job::List, 50, 1.3),
        (Job::Count, 50, 1.3),
        (Job::List, 10_000, 1.15),
        (Job::Count, 10_000, 1.1),
    ] {
        let what = format!("{} {people}", job.name());
        let seconds = compare(&what, &Question::plain(job, people), &contenders)?;
        let [this, _, by_hand, value, _] = &seconds[..] else {
            unreachable!("five contenders")
        };
        budgets.at_most(
            limit,
            &format!("{what}: time / time by hand"),
            ratio(this, by_hand),
        );
        if (job, people) == (Job::Count, 10_000) {
            budgets.at_least(
                6.0,
                &format!("{what}: time of Value / time"),
                ratio(value, this),
            );
        }
    }
    for job in Job::ALL {
        compare(
            &format!("{} 10000, gzip", job.name()),
            &Question::gzipped(job, 10_000),
            &contenders,
        )?;
    }
    Ok(())
}

fn compare(what: &str, question: &Question, contenders: &[Contender]) -> Result<Vec<Vec<f64>>> {
    let entrants: Vec<_> = contenders
        .iter()
        .map(|contender| (contender, question))
        .collect();
    let seconds = race(&entrants)?;
    let mut row = vec![what.to_owned()];
    row.extend(cells(&seconds));
    report::row(&row);
    Ok(seconds)
}

/// A cell for each entrant: its time, and how many times as long as the first it took.
pub fn cells(seconds: &[Vec<f64>]) -> Vec<String> {
    let cell = |times: &Vec<f64>| format!("{} ({:.2})", time(times), ratio(times, &seconds[0]));
    seconds.iter().map(cell).collect()
}

fn time(seconds: &[f64]) -> String {
    let millis = median(seconds.to_vec()) * 1e3;
    if millis < 1.0 {
        format!("{:.0} µs", millis * 1e3)
    } else {
        format!("{millis:.1} ms")
    }
}

/// How the time of this crate grows with the workspace.
fn by_size(origin: &str, budgets: &mut Budgets) -> Result<()> {
    println!("\nHow the time of mode-analytics grows with the workspace:");
    report::head(&[
        "",
        "1,000",
        "100,000",
        "time per row, compared with 1,000 (above 1 is slower)",
    ]);
    let contender = Contender::new("mode-analytics", origin)?;
    for job in Job::ALL {
        let (small, large) = (Question::plain(job, 1_000), Question::plain(job, 100_000));
        let seconds = race(&[(&contender, &small), (&contender, &large)])?;
        let a_row = ratio(&seconds[1], &seconds[0]) / 100.0;
        report::row(&[
            job.name(),
            &time(&seconds[0]),
            &time(&seconds[1]),
            &format!("{a_row:.2}"),
        ]);
        budgets.at_most(
            1.5,
            &format!("{} 100000: time per row / time per row of 1000", job.name()),
            a_row,
        );
    }
    Ok(())
}

fn resources(origin: &str, budgets: &mut Budgets) -> Result<()> {
    println!(
        "\nPeak memory of one call in a process of its own, in MiB; requests and connections of two calls:"
    );
    report::head(&COLUMNS);
    for job in Job::ALL {
        let mut cells = vec![format!("{} 10000, memory", job.name())];
        for name in Contender::NAMES {
            let memory = memory::of(name, job, origin, &stand_in::plain(10_000))?;
            cells.push(memory.map_or("n/a".into(), |memory| format!("{:.1}", memory.peak)));
        }
        report::row(&cells);
    }
    let mut cells = vec!["requests, connections".to_owned()];
    for name in Contender::NAMES {
        let mode = FakeMode::start();
        Workspace::new(&stand_in::plain(50), 50).serve(&mode);
        let contender = Contender::new(name, &mode.origin())?;
        let question = Question::plain(Job::Count, 50);
        question.put_to(&contender)?;
        question.put_to(&contender)?;
        cells.push(format!("{}, {}", mode.requests().len(), mode.connections()));
        if name == "mode-analytics" {
            budgets.at_most(1.0, "connections of two calls", mode.connections() as f64);
        }
    }
    report::row(&cells);

    let large = stand_in::body(100_000).len() as f64 / MIB;
    for job in Job::ALL {
        let Some(memory) = memory::of("mode-analytics", job, origin, &stand_in::plain(100_000))?
        else {
            continue;
        };
        let Memory { peak, held } = memory;
        println!(
            "\n{} 100000: {large:.1} MiB of body, {held:.1} at the end, {peak:.1} at the peak",
            job.name()
        );
        match job {
            Job::List => budgets.at_most(
                0.5,
                "list 100000: MiB beside body and rows",
                peak - large - held,
            ),
            Job::Count => budgets.at_most(2.0, "count 100000: MiB beside the body", peak - large),
        }
    }

    // For the workspace of the gzip rows, the stand-in refuses a client that does not ask for gzip.
    let plain = stand_in::body(10_000);
    let gzipped = stand_in::gzip(&plain)?.len();
    println!(
        "\n10000 people on the wire: {} bytes plain, {gzipped} with gzip",
        plain.len()
    );
    budgets.at_most(
        0.1,
        "10000: bytes with gzip / bytes without",
        gzipped as f64 / plain.len() as f64,
    );
    Ok(())
}
