//! Tables and budgets.

use std::borrow::Borrow;

/// The limits, and what was measured.
#[derive(Default)]
pub struct Budgets(Vec<(String, f64, bool)>);

impl Budgets {
    pub fn at_most(&mut self, limit: f64, what: &str, measured: f64) {
        self.0.push((
            format!("{what}: at most {limit}"),
            measured,
            measured <= limit,
        ));
    }

    pub fn at_least(&mut self, limit: f64, what: &str, measured: f64) {
        self.0.push((
            format!("{what}: at least {limit}"),
            measured,
            measured >= limit,
        ));
    }

    pub fn are_missed(&self) -> bool {
        self.0.iter().any(|(_, _, kept)| !kept)
    }

    pub fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        println!("\n## budgets\n");
        for (what, measured, kept) in &self.0 {
            println!(
                "{:6} {measured:7.3}  {what}",
                if *kept { "ok" } else { "MISSED" }
            );
        }
    }
}

/// A row of a Markdown table.
pub fn row<S: Borrow<str>>(cells: &[S]) {
    println!("| {} |", cells.join(" | "));
}

/// The head of a Markdown table. All columns but the first are aligned as numbers.
pub fn head(cells: &[&str]) {
    println!();
    row(cells);
    println!("|---|{}", "--:|".repeat(cells.len() - 1));
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The median of `a / b`, which is computed for each round.
pub fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(a.iter().zip(b).map(|(a, b)| a / b).collect())
}
