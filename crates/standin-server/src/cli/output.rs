//! What the commands write: data to stdout, words to stderr.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// One line of data for people.
pub fn line(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("cannot write to stdout")
}

/// One line of JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// Rows under a head, each column as wide as its widest cell.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> anyhow::Result<()> {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths);
        let text: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        text.join("  ").trim_end().to_owned()
    };
    line(&padded(head))?;
    rows.iter().try_for_each(|row| line(&padded(row.each_ref().map(String::as_str))))
}

/// A word to the person at the terminal. If even that cannot be written there is nobody to tell.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
