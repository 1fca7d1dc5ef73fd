//! One provider hangs while a thousand jobs wait for it: what those of another provider feel (requirement RF-14).

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::{Connection, each_once};
use crate::provider::Provider;
use crate::report::Row;
use crate::strangers::{Strangers, listens};

const WAITING: usize = 1000;
const VENDS: usize = 4000;
const PATIENCE: Duration = Duration::from_secs(4);

pub(crate) async fn another_provider(binary: &Path) -> Result<Vec<Row>> {
    let (hanging, healthy) = (Provider::start().await?, Provider::start().await?);
    let strangers = Strangers::new(&[("a", &hanging), ("b", &healthy)])?;
    let service = strangers.serve(binary)?;
    let service_at = listens(&service)?;
    let people = (0..WAITING).map(|person| format!("p{person}"));
    let expired = strangers.callbacks(&service, ("a", &hanging), people, 1)?;
    each_once(service_at, &expired, 303)?;
    let one = std::iter::once("ada".to_owned());
    let alive = strangers.callbacks(&service, ("b", &healthy), one, 3600)?;
    each_once(service_at, &alive, 303)?;

    let vend = strangers.vend("b", "ada");
    let before = p99(service_at, &vend)?;
    hanging.hang();
    let mut callers = Vec::new();
    for person in 0..WAITING {
        let mut caller = Connection::open(service_at)?;
        caller.send(&strangers.vend("a", &format!("p{person}")))?;
        callers.push(caller);
    }
    all_wait(&hanging).await?;
    let during = p99(service_at, &vend)?;
    let is_idle = nobody_reads_or_writes(&strangers)?;
    ensure!(hanging.waiting() == WAITING, "somebody stopped waiting");
    Ok(rows(before, during, is_idle))
}

fn rows(before: f64, during: f64, is_idle: bool) -> Vec<Row> {
    let ratio = during / before;
    vec![
        Row {
            work: format!("vend of one provider while {WAITING} wait for another that hangs, p99"),
            ours: format!("{during:.0} µs"),
            beside: format!("before {before:.0} µs"),
            result: format!("{ratio:.2}x"),
            goal: "≤ 1.5x",
            is_reached: ratio <= 1.5,
        },
        Row {
            work: "the same: transactions that are open meanwhile".to_owned(),
            ours: if is_idle { "none" } else { "some" }.to_owned(),
            beside: "–".to_owned(),
            result: if is_idle { "none" } else { "some" }.to_owned(),
            goal: "none",
            is_reached: is_idle,
        },
    ]
}

/// Microseconds, over one connection, one vend after the other.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn p99(service: SocketAddr, vend: &[u8]) -> Result<f64> {
    let mut connection = Connection::open(service)?;
    let mut times = Vec::with_capacity(VENDS);
    for _ in 0..VENDS {
        let start = Instant::now();
        ensure!(connection.ask(vend)? == 200, "a vend was refused");
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[VENDS * 99 / 100])
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn all_wait(provider: &Provider) -> Result<()> {
    let start = Instant::now();
    while provider.waiting() < WAITING {
        ensure!(start.elapsed() < PATIENCE, "only {} wait", provider.waiting());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// The write-ahead log can be folded in and cut only if no transaction is open, for reading or for writing.
fn nobody_reads_or_writes(strangers: &Strangers) -> Result<bool> {
    let database = rusqlite::Connection::open(strangers.path("standin.db"))?;
    let busy: i64 = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}
