//! A receipt as it is printed: steps at their times, checks in columns, the conclusion below.

use standin::receipt::{Check, Step};
use standin::store::ReceiptRow;

/// Columns wider than this push the next one to the right in their own line only.
const WIDEST: usize = 44;

/// The whole text, without a line break at its end.
pub(super) fn receipt(row: &ReceiptRow, steps: &[Step], conclusion: &[String]) -> String {
    let took = row.ended_at.unix_ms().saturating_sub(row.begun_at.unix_ms());
    let code = row.code.as_ref().map_or_else(String::new, |code| format!(": {code}"));
    let mut lines = vec![
        format!("{}  {}  {}{code}", row.attempt, row.provider, row.kind.word()),
        format!("begun {}, ended after {}", row.begun_at, time(took.unsigned_abs())),
        String::new(),
    ];
    let widths = Widths::of(steps);
    for step in steps {
        lines.push(widths.step(step));
        lines.extend(step.checks.iter().map(|check| widths.check(check)));
    }
    lines.push(String::new());
    lines.extend(conclusion.iter().cloned());
    lines.join("\n")
}

/// How wide the columns of this receipt are.
struct Widths {
    time: usize,
    name: usize,
    requirement: usize,
    expected: usize,
}

impl Widths {
    fn of(steps: &[Step]) -> Self {
        let checks = || steps.iter().flat_map(|step| &step.checks);
        let steps_names = steps.iter().map(|step| width(&step.step) + 2);
        Self {
            time: widest(steps.iter().map(|step| width(&at(step)))),
            name: widest(checks().map(|check| width(&check.check)).chain(steps_names)),
            requirement: widest(checks().map(|check| width(&check.requirement))),
            expected: widest(checks().map(|check| width(&check.expected))),
        }
    }

    fn step(&self, step: &Step) -> String {
        let facts: Vec<_> =
            step.facts.iter().map(|(name, fact)| format!("{name}: {fact}")).collect();
        let (time, name) = (self.time, self.name + 2);
        let line = format!("{:>time$}  {:<name$}  {}", at(step), step.step, facts.join(", "));
        line.trim_end().to_owned()
    }

    fn check(&self, check: &Check) -> String {
        let mark = if check.passed { "✓" } else { "✗" };
        let Self { time, name, requirement, expected } = *self;
        let line = format!(
            "{:>time$}  {mark} {:<name$}  {:<requirement$}  {:<expected$}  {}",
            "", check.check, check.requirement, check.expected, check.came
        );
        line.trim_end().to_owned()
    }
}

fn at(step: &Step) -> String {
    format!("+{}", time(step.at_ms))
}

fn time(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn widest(widths: impl Iterator<Item = usize>) -> usize {
    widths.max().unwrap_or(0).min(WIDEST)
}
