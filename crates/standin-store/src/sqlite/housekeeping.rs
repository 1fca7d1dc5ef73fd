//! Upkeep: forgetting what is over, and answering whether the file can be read and written.

use async_trait::async_trait;
use rusqlite::params;
use standin::store::{Housekeeping, NOTES_ARE_KEPT, Result};
use standin::time::Timestamp;

use super::rows::{execute, limit, one};
use super::{SqliteStore, cluster};

/// How many rows go at once: a backlog of a million must not keep a sign-in waiting.
pub(super) const CHUNK: i64 = 500;

const PRUNE_ATTEMPTS: &str = "DELETE FROM attempts WHERE id IN \
    (SELECT id FROM attempts WHERE expires_at <= ?1 LIMIT ?2)";
const PRUNE_SESSIONS: &str = "DELETE FROM sessions WHERE hash IN \
    (SELECT hash FROM sessions WHERE expires_at <= ?1 LIMIT ?2)";
const PRUNE_SPENT: &str = "DELETE FROM spent WHERE (sha256, kind) IN \
    (SELECT sha256, kind FROM spent WHERE until_ms <= ?1 LIMIT ?2)";
const PRUNE_FAILED: &str = "DELETE FROM failed_requests WHERE network IN \
    (SELECT network FROM failed_requests WHERE until_ms <= ?1 LIMIT ?2)";
const PING: &str = "SELECT 1 FROM sqlite_schema LIMIT 1";
/// A number that SQLite keeps for whoever wants one: setting it is a write to the disk that changes no row.
const WRITE: &str = "PRAGMA user_version = 1";

#[async_trait]
impl Housekeeping for SqliteStore {
    async fn prune(&self, now: Timestamp) -> Result<usize> {
        let mut pruned = 0;
        for table in [PRUNE_ATTEMPTS, PRUNE_SESSIONS, PRUNE_SPENT, PRUNE_FAILED] {
            pruned += self.prune_all(table, now.unix_ms()).await?;
        }
        for table in [cluster::PRUNE_NOTES, cluster::PRUNE_NODES] {
            self.prune_all(table, cluster::seconds(NOTES_ARE_KEPT)).await?;
        }
        Ok(pruned)
    }

    async fn ping(&self) -> Result<()> {
        self.read(|connection| one(connection, PING, [], |_| Ok(())))?;
        // Whether the file may be written, and has room, only a write finds out.
        self.write(|connection| execute(connection, WRITE, []).map(drop)).await
    }
}

impl SqliteStore {
    /// Deletes what is before a bound, which is the first parameter of `sql`.
    async fn prune_all(&self, sql: &'static str, bound: i64) -> Result<usize> {
        let mut pruned = 0;
        loop {
            let chunk =
                self.write(move |connection| execute(connection, sql, params![bound, CHUNK]));
            let rows = chunk.await?;
            pruned += rows;
            if limit(rows) < CHUNK {
                return Ok(pruned);
            }
        }
    }
}
