//! Tables and budgets.

use crate::Result;

/// What was measured, and the limits.
#[derive(Default)]
pub struct Budgets(Vec<(String, f64, f64)>);

impl Budgets {
    pub fn at_most(&mut self, limit: f64, what: impl Into<String>, measured: f64) {
        self.0.push((what.into(), measured, limit));
    }

    /// Prints them. Fails if one that must be kept was missed.
    pub fn check(&self, must_be_kept: bool) -> Result<()> {
        println!("\n## budgets\n");
        for (what, measured, limit) in &self.0 {
            let outcome = if measured <= limit { "ok" } else { "MISSED" };
            println!("{outcome:6} {measured:7.3}  {what}: at most {limit}");
        }
        let are_kept = self.0.iter().all(|(_, measured, limit)| measured <= limit);
        if must_be_kept && !are_kept {
            return Err("a budget was missed".into());
        }
        Ok(())
    }
}

/// The head of a Markdown table. All columns but the first are aligned as numbers.
pub fn head(cells: &[&str]) {
    println!("\n| {} |", cells.join(" | "));
    println!("|---|{}", "--:|".repeat(cells.len() - 1));
}

pub fn row(first: &str, cells: &[String]) {
    println!("| {first} | {} |", cells.join(" | "));
}

pub fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The median of `a / b`, which is computed for each round.
pub fn ratio(a: &[f64], b: &[f64]) -> f64 {
    let ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// A cell for each entrant: its time, and how many times as long as the first it took.
pub fn cells(seconds: &[Vec<f64>]) -> Vec<String> {
    let cell = |times: &Vec<f64>| {
        let millis = median(times) * 1e3;
        let ratio = ratio(times, &seconds[0]);
        if millis < 1.0 {
            format!("{:.0} µs ({ratio:.2})", millis * 1e3)
        } else {
            format!("{millis:.1} ms ({ratio:.2})")
        }
    };
    seconds.iter().map(cell).collect()
}
