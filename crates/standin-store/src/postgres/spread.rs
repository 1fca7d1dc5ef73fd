//! Servers that speak PostgreSQL's language and are spread over several machines: what of PostgreSQL they do not have.
//!
//! | what | asked | without it |
//! |---|---|---|
//! | transactions have numbers, and one look sees all that are under way | at the start | a bound (`reports.rs`) |
//! | tables are made within a transaction, or not at all | before a migration | no database is migrated that holds rows |
//!
//! A function that is there proves nothing: `YugabyteDB` has those of PostgreSQL 15, and answers them with the numbers
//! of the machine that was asked. So such a server is known by its name as well.

use standin::store::Result;
use tokio_postgres::Row;

use super::PostgresStore;
use super::failovers::is_unknown;
use super::rows::{Cells, params};
use super::work::work;

const VERSION: &str = "SELECT version() AS version";
/// Fails where nothing is numbered.
const NUMBERED: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS version";
/// What stands in the versions of `YugabyteDB` and `CockroachDB`.
const SPREAD: [&str; 2] = ["-YB-", "CockroachDB"];

impl PostgresStore {
    /// Whether the server is known to be one of several machines.
    pub(super) async fn is_spread(&self) -> Result<bool> {
        let version =
            work!(self, Read, |connection| connection.one(VERSION, params![], text).await)?;
        Ok(version.is_some_and(|version| SPREAD.iter().any(|name| version.contains(name))))
    }

    /// Whether the numbers of its transactions are to be believed.
    pub(super) async fn is_numbered(&self) -> Result<bool> {
        let answers = work!(self, Read, |connection| {
            match connection.one(NUMBERED, params![], text).await {
                Err(failure) if is_unknown(&failure) => Ok(false),
                answer => answer.map(|answer| answer.is_some()),
            }
        })?;
        Ok(answers && !self.is_spread().await?)
    }
}

fn text(row: &Row) -> Result<String> {
    Cells::of(row, "server").text("version")
}
