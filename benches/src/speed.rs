//! The tables of speed and memory.

use std::time::{Duration, Instant};

use crate::contenders::{Contender, Job};
use crate::report::{self, Budgets, ratio};
use crate::stand_in::{self, StandIn};
use crate::{Result, memory};

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
    times(&stand_in.origin, &mut budgets)?;
    peaks(&stand_in.origin, &mut budgets)?;
    for people in [50, 10_000] {
        let plain = stand_in::workspace(people).1.memberships_json();
        let ratio = stand_in::gzip(&plain)?.len() as f64 / plain.len() as f64;
        let what = format!("{people} people: bytes with gzip / bytes without");
        budgets.at_most(0.1, what, ratio);
    }
    Ok(budgets)
}

/// One job on one workspace, and the result that it must have.
pub struct Question {
    pub job: Job,
    pub workspace: String,
    active: usize,
    bytes: usize,
}

impl Question {
    pub fn new(job: Job, people: usize) -> Self {
        let (name, workspace) = stand_in::workspace(people);
        let states = workspace.states();
        let active = states.iter().find(|(state, _)| state == "active");
        Self {
            job,
            workspace: name,
            active: active.map_or(0, |(_, members)| *members),
            bytes: workspace.memberships_json().len(),
        }
    }

    pub fn put_to(&self, contender: &Contender) -> Result<()> {
        let (answer, _) = contender.call(self.job, &self.workspace)?;
        let expected = match contender {
            Contender::Floor(_) => self.bytes,
            _ => self.active,
        };
        if answer != expected {
            return Err(format!("{answer} in place of {expected}").into());
        }
        Ok(())
    }
}

/// The order in which the entrants take their turns in a round. It changes from round to round: if their number is a
/// prime, each comes first equally often, and follows each of the others equally often.
pub fn turns(round: usize, entrants: usize) -> impl Iterator<Item = usize> {
    let stride = 1 + round / entrants % (entrants - 1);
    (0..entrants).map(move |turn| (round + turn * stride) % entrants)
}

/// Measures each contender in turn, round after round, until the time of a race is over. Returns seconds per call.
fn race(contenders: &[Contender], question: &Question) -> Result<Vec<Vec<f64>>> {
    let mut calls = Vec::new();
    for contender in contenders {
        question.put_to(contender)?;
        let start = Instant::now();
        question.put_to(contender)?;
        calls.push(1 + (SAMPLE.as_secs_f64() / start.elapsed().as_secs_f64()) as u32);
    }
    let mut seconds = vec![Vec::new(); contenders.len()];
    let start = Instant::now();
    let mut round = 0;
    while start.elapsed() < RACE || round < MIN_ROUNDS {
        for at in turns(round, contenders.len()) {
            let start = Instant::now();
            for _ in 0..calls[at] {
                question.put_to(&contenders[at])?;
            }
            seconds[at].push(start.elapsed().as_secs_f64() / f64::from(calls[at]));
        }
        round += 1;
    }
    Ok(seconds)
}

fn times(origin: &str, budgets: &mut Budgets) -> Result<()> {
    println!("On loopback. {LEGEND}");
    report::head(&COLUMNS);
    let contenders = Contender::NAMES.map(|name| Contender::new(name, origin));
    let contenders: Vec<Contender> = contenders.into_iter().collect::<Result<_>>()?;
    for (job, people, limit) in [
        (Job::List, 50, 1.3),
        (Job::Count, 50, 1.3),
        (Job::List, 10_000, 1.15),
        (Job::Count, 10_000, 1.1),
    ] {
        let what = format!("{} {people}", job.name());
        let seconds = race(&contenders, &Question::new(job, people))?;
        report::row(&what, &report::cells(&seconds));
        let ratio = ratio(&seconds[0], &seconds[2]);
        budgets.at_most(limit, format!("{what}: time / time by hand"), ratio);
    }
    Ok(())
}

fn peaks(origin: &str, budgets: &mut Budgets) -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let (name, workspace) = stand_in::workspace(10_000);
    let body = workspace.memberships_json().len() as f64 / (1024.0 * 1024.0);
    println!("\nPeak memory of one call, whose body is {body:.1} MiB, in MiB:");
    report::head(&COLUMNS);
    for job in Job::ALL {
        let mut cells = Vec::new();
        for contender in Contender::NAMES {
            let [peak, held] = memory::of(contender, job, origin, &name)?;
            cells.push(format!("{peak:.1}"));
            if contender == "mode-analytics" {
                let rows = if job == Job::List { held } else { 0.0 };
                let what = format!("{} 10000: MiB beside body and rows", job.name());
                budgets.at_most(2.0, what, peak - body - rows);
            }
        }
        report::row(&format!("{} 10000", job.name()), &cells);
    }
    Ok(())
}
