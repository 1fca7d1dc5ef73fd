//! Counting, and how the pool stands.

use async_trait::async_trait;
use standin::store::{Census, Pool, Result, Tally, Waiting};
use standin::time::Timestamp;
use standin::vault::GrantState;
use tokio_postgres::Row;

use super::PostgresStore;
use super::failovers::now_ms;
use super::rows::{Cells, instant, optional, params};
use super::work::work;

const GRANTS: &str = "SELECT count(*) AS grants FROM grants";
/// An active grant with refusals is a suspect one. Each half has an index of its own.
const NOT_ACTIVE: &str = "SELECT state, count(*) AS grants FROM grants WHERE state <> 'active' \
    GROUP BY state \
    UNION ALL SELECT 'suspect', count(*) FROM grants WHERE refusals > 0 AND state = 'active'";
const REVOCATIONS: &str = "SELECT count(*) AS waiting, min(queued_at) AS oldest FROM revocations";
/// By the clock that leases go by (requirement ST-5).
const OVERDUE: &str = concat!(
    "SELECT count(*) AS waiting, min(deadline) AS oldest FROM refresh_leases WHERE deadline <= ",
    now_ms!()
);

#[async_trait]
impl Census for PostgresStore {
    async fn census(&self, _now: Timestamp) -> Result<Tally> {
        work!(self, Count, |connection| {
            let grants = connection
                .one(GRANTS, params![], |row| Cells::of(row, "grants").number("grants"))
                .await?;
            let not_active = connection.all(NOT_ACTIVE, params![], state).await?;
            let revocations =
                connection.one(REVOCATIONS, params![], |row| waiting(row, "revocations")).await?;
            let overdue =
                connection.one(OVERDUE, params![], |row| waiting(row, "refresh_leases")).await?;
            Ok(Tally {
                grants: Tally::of_grants(grants.unwrap_or_default(), &not_active),
                revocations: revocations.unwrap_or_default(),
                overdue_leases: overdue.unwrap_or_default(),
            })
        })
    }

    fn pool(&self) -> Pool {
        let status = self.pool.status();
        Pool {
            most: status.max_size as u64,
            open: status.size as u64,
            busy: status.size.saturating_sub(status.available) as u64,
            waiting: (status.waiting + self.lines.waiting()) as u64,
        }
    }
}

fn state(row: &Row) -> Result<(GrantState, u64)> {
    let mut cells = Cells::of(row, "grants");
    let word = cells.text("state")?;
    let state = GrantState::ALL.into_iter().find(|state| state.as_str() == word);
    let state = state.ok_or_else(|| cells.inconsistent("state"))?;
    Ok((state, cells.number("grants")?))
}

fn waiting(row: &Row, table: &'static str) -> Result<Waiting> {
    let mut cells = Cells::of(row, table);
    Ok(Waiting {
        count: cells.number("waiting")?,
        oldest: cells.take("oldest", optional(instant))?,
    })
}
