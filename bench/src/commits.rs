//! The raw limit of whatever is written: commits to SQLite, one row and one `fsync` each.

use anyhow::Result;
use rusqlite::Connection;
use serde_json::json;

use crate::child::cpu_ms;

/// As much as a sign-in writes, about.
const ROW: usize = 1024;

/// `standin-bench commits COUNT`: makes so many, and says how many a second and what each cost.
#[expect(clippy::print_stdout, reason = "the ready line")]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn run(count: u32) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let connection = Connection::open(directory.path().join("raw.db"))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO rows (body) VALUES (?1)")?;
    let body = vec![7_u8; ROW];
    let (before, start) = (cpu_ms(std::process::id())?, std::time::Instant::now());
    for _ in 0..count {
        insert.execute([&body])?;
    }
    let per_second = f64::from(count) / start.elapsed().as_secs_f64();
    let cpu = (cpu_ms(std::process::id())? - before) / f64::from(count);
    println!("{}", json!({ "per_second": per_second, "cpu_ms": cpu }));
    Ok(())
}
