//! The table, and the plots beside it.

use std::path::Path;

use anyhow::Result;

/// One line: what was measured, beside what, and what it should be.
#[derive(Clone)]
pub(crate) struct Row {
    /// What.
    pub(crate) work: String,
    /// How Standin did.
    pub(crate) ours: String,
    /// How the limit or the peer did.
    pub(crate) beside: String,
    /// The ratio, or the figure that counts.
    pub(crate) result: String,
    /// What it should be.
    pub(crate) goal: &'static str,
    /// Whether it is.
    pub(crate) is_reached: bool,
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub(crate) fn heading() {
    println!("| work | standin | beside it | result | goal | |");
    println!("|---|---|---|---|---|---|");
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub(crate) fn row(row: &Row) {
    let mark = if row.is_reached { "ok" } else { "below" };
    let Row { work, ours, beside, result, goal, .. } = row;
    println!("| {work} | {ours} | {beside} | {result} | {goal} | {mark} |");
}

/// A row whose result is a share of a limit.
pub(crate) fn share(
    work: &str,
    ours: f64,
    limit: f64,
    beside: &str,
    goal: f64,
    words: &'static str,
) -> Row {
    let ratio = ours / limit;
    Row {
        work: work.to_owned(),
        ours: format!("{ours:.0}/s"),
        beside: format!("{beside} {limit:.0}/s"),
        result: format!("{:.0} %", ratio * 100.0),
        goal: words,
        is_reached: ratio >= goal,
    }
}

/// Writes a file into `bench/results/`.
pub(crate) fn save(name: &str, text: &str) -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    std::fs::create_dir_all(&directory)?;
    Ok(std::fs::write(directory.join(name), text)?)
}

/// The largest one.
pub(crate) fn fastest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
