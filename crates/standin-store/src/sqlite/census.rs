//! Counting: on a thread that may take its time, over a snapshot of its own.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Row, params};
use standin::store::{Census, Pool, Result, StoreError, Tally, Waiting};
use standin::time::Timestamp;
use standin::vault::GrantState;

use super::SqliteStore;
use super::connection::open_reader;
use super::failure::Failure;
use super::reader::in_snapshot;
use super::rows::{Cells, all, instant, one, optional};

const GRANTS: &str = "SELECT count(*) AS grants FROM grants";
/// An active grant with refusals is a suspect one. Each half has an index of its own.
const NOT_ACTIVE: &str = "SELECT state, count(*) AS grants FROM grants WHERE state <> 'active' \
    GROUP BY state \
    UNION ALL SELECT 'suspect', count(*) FROM grants WHERE refusals > 0 AND state = 'active'";
const REVOCATIONS: &str = "SELECT count(*) AS waiting, min(queued_at) AS oldest FROM revocations";
const OVERDUE: &str = "SELECT count(*) AS waiting, min(deadline) AS oldest FROM refresh_leases \
    WHERE deadline <= ?1";

#[async_trait]
impl Census for SqliteStore {
    async fn census(&self, now: Timestamp) -> Result<Tally> {
        let path = self.readers.path().to_owned();
        let counted = tokio::task::spawn_blocking(move || Ok(count(&path, now)?));
        counted.await.unwrap_or_else(|panicked| Err(StoreError::Unavailable(panicked.to_string())))
    }

    fn pool(&self) -> Pool {
        let readers = self.readers.pool();
        // The connection that writes is always there.
        let (most, open) = (readers.most + 1, readers.open + 1);
        Pool { most, open, waiting: self.writer.waiting(), ..readers }
    }
}

fn count(path: &Path, now: Timestamp) -> std::result::Result<Tally, Failure> {
    let unavailable = |error| StoreError::Unavailable(format!("{error}"));
    let connection = open_reader(path).map_err(unavailable)?;
    in_snapshot(&connection, |connection| {
        let grants = one(connection, GRANTS, [], |row| Cells::of(row, "grants").number("grants"))?;
        let not_active = all(connection, NOT_ACTIVE, [], state)?;
        let revocations = one(connection, REVOCATIONS, [], |row| waiting(row, "revocations"))?;
        let overdue =
            one(connection, OVERDUE, params![now.unix_ms()], |row| waiting(row, "refresh_leases"))?;
        Ok(Tally {
            grants: Tally::of_grants(grants.unwrap_or_default(), &not_active),
            revocations: revocations.unwrap_or_default(),
            overdue_leases: overdue.unwrap_or_default(),
        })
    })
}

fn state(row: &Row<'_>) -> Result<(GrantState, u64)> {
    let mut cells = Cells::of(row, "grants");
    let word = cells.text("state")?;
    let state = GrantState::ALL.into_iter().find(|state| state.as_str() == word);
    let state = state.ok_or_else(|| cells.inconsistent("state"))?;
    Ok((state, cells.number("grants")?))
}

fn waiting(row: &Row<'_>, table: &'static str) -> Result<Waiting> {
    let mut cells = Cells::of(row, table);
    Ok(Waiting {
        count: cells.number("waiting")?,
        oldest: cells.take("oldest", optional(instant))?,
    })
}
