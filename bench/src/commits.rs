//! The raw limit of whatever is written: commits to SQLite, one row or a few and one `fsync` each.

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use serde_json::json;

use crate::child::{Running, cpu_ms};
use crate::cost::Cost;

/// As much as a sign-in writes, about.
const ROW: usize = 1024;

/// So many commits of one row, in a process of their own.
pub(crate) fn raw(count: u32) -> Result<Cost> {
    measured(&["commits", &count.to_string(), "1"])
}

/// So many commits of `rows` rows each.
pub(crate) fn raw_batches(count: u32, rows: u32) -> Result<Cost> {
    measured(&["commits", &count.to_string(), &rows.to_string()])
}

/// What this program says of itself, with these arguments.
pub(crate) fn measured(arguments: &[&str]) -> Result<Cost> {
    let raw = Running::start(&std::env::current_exe()?, arguments)?;
    let number = |name: &str| raw.ready[name].as_f64().with_context(|| name.to_owned());
    Ok(Cost { cpu_ms: number("cpu_ms")?, per_second: number("per_second")? })
}

/// `standin-bench commits COUNT ROWS`: makes so many, and says how many a second and what each cost.
#[expect(clippy::print_stdout, reason = "the ready line")]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn run(count: u32, rows: u32) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let connection = Connection::open(directory.path().join("raw.db"))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO rows (body) VALUES (?1)")?;
    let body = vec![7_u8; ROW];
    let (before, start) = (cpu_ms(std::process::id())?, std::time::Instant::now());
    for _ in 0..count {
        connection.execute_batch("BEGIN")?;
        for _ in 0..rows {
            insert.execute([&body])?;
        }
        connection.execute_batch("COMMIT")?;
    }
    let per_second = f64::from(count) / start.elapsed().as_secs_f64();
    let cpu = (cpu_ms(std::process::id())? - before) / f64::from(count);
    println!("{}", json!({ "per_second": per_second, "cpu_ms": cpu }));
    Ok(())
}
