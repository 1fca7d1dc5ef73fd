//! Upkeep: forgetting what is over, and answering whether the server takes writes.

use async_trait::async_trait;
use standin::store::{Housekeeping, NOTES_ARE_KEPT, Result, StoreError};
use standin::time::{Clock as _, SystemClock, Timestamp};

use super::intents::{self, KEPT_FOR};
use super::rows::{Cells, Value, params};
use super::work::work;
use super::{PostgresStore, cluster};

/// How many rows go at once: a backlog of a million must not become one long transaction, which would be cancelled, and
/// be longer the next time.
pub(super) const CHUNK: usize = 500;

// What makes a row one to be forgotten is said twice: whoever waited for somebody who was writing the row looks at it
// again, but at what stands outside of the subselect alone.
const PRUNE_ATTEMPTS: &str = "DELETE FROM attempts WHERE id IN \
    (SELECT id FROM attempts WHERE expires_at <= $1 LIMIT $2) AND expires_at <= $1";
const PRUNE_SESSIONS: &str = "DELETE FROM sessions WHERE hash IN \
    (SELECT hash FROM sessions WHERE expires_at <= $1 LIMIT $2) AND expires_at <= $1";
const PRUNE_SPENT: &str = "DELETE FROM spent WHERE (sha256, kind) IN \
    (SELECT sha256, kind FROM spent WHERE until_ms <= $1 LIMIT $2) AND until_ms <= $1";
const PRUNE_FAILED: &str = "DELETE FROM failed_requests WHERE network IN \
    (SELECT network FROM failed_requests WHERE until_ms <= $1 LIMIT $2) AND until_ms <= $1";
/// A server that has become a standby, or that its owner has made read-only, is of no use.
const PING: &str = "SELECT current_setting('transaction_read_only') AS read_only";

#[async_trait]
impl Housekeeping for PostgresStore {
    async fn prune(&self, now: Timestamp) -> Result<usize> {
        let mut pruned = 0;
        for table in [PRUNE_ATTEMPTS, PRUNE_SESSIONS, PRUNE_SPENT, PRUNE_FAILED] {
            pruned += self.prune_all(table, || now.into()).await?;
        }
        // By the clock that made them: a caller's `now` may be a test's.
        let oldest = intents::first_of(SystemClock.now().before(KEPT_FOR));
        self.prune_all(intents::PRUNE, || (&oldest).into()).await?;
        for table in [cluster::PRUNE_NOTES, cluster::PRUNE_NODES] {
            self.prune_all(table, || cluster::seconds(NOTES_ARE_KEPT).into()).await?;
        }
        // Events that nobody reads would wait in a heap of any size.
        self.number_events().await?;
        Ok(pruned)
    }

    async fn ping(&self) -> Result<()> {
        let read_only = work!(self, Read, |connection| {
            connection
                .one(PING, params![], |row| Cells::of(row, "settings").text("read_only"))
                .await
        })?;
        match read_only.as_deref() {
            Some("off") => Ok(()),
            _ => Err(StoreError::Unavailable("the server takes no writes".to_owned())),
        }
    }
}

impl PostgresStore {
    /// Deletes what is before a bound, which is the first parameter of `sql`; the second is how many at once.
    async fn prune_all<'v>(
        &self,
        sql: &'static str,
        bound: impl Fn() -> Value<'v>,
    ) -> Result<usize> {
        let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
        let mut pruned = 0;
        loop {
            let rows = work!(self, Write, |connection| {
                connection.execute(sql, &[bound(), chunk.into()]).await
            })?;
            pruned += rows;
            if rows < CHUNK {
                return Ok(pruned);
            }
        }
    }
}
