//! Failed requests: one statement adds to a number, or begins again where the window is over.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use standin::store::{FailedInWindow, FailedRequests, Network, Result};
use standin::time::Timestamp;

use super::SqliteStore;
use super::failure::Failure;
use super::rows::{Cells, one};

const COUNT: &str = "INSERT INTO failed_requests (network, requests, until_ms) VALUES (?1, ?2, ?4) \
    ON CONFLICT (network) DO UPDATE SET \
    requests = CASE WHEN until_ms <= ?3 THEN 0 ELSE requests END + excluded.requests, \
    until_ms = CASE WHEN until_ms <= ?3 THEN excluded.until_ms ELSE until_ms END \
    RETURNING network, requests, until_ms";

#[async_trait]
impl FailedRequests for SqliteStore {
    async fn count_failed_requests(
        &self,
        more: Vec<(Network, u32)>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FailedInWindow>> {
        self.write(move |connection| {
            let one =
                |(network, more): &(Network, u32)| count(connection, *network, *more, now, until);
            more.iter().map(one).collect()
        })
        .await
    }
}

fn count(
    connection: &Connection,
    network: Network,
    more: u32,
    now: Timestamp,
    until: Timestamp,
) -> std::result::Result<FailedInWindow, Failure> {
    let row = params![network.as_bytes(), more, now.unix_ms(), until.unix_ms()];
    let counted = one(connection, COUNT, row, |row| {
        let mut cells = Cells::of(row, "failed_requests");
        let _ = cells.bytes("network")?;
        Ok(FailedInWindow {
            requests: cells.number("requests")?,
            until: cells.instant("until_ms")?,
        })
    })?;
    // The statement always gives the row that it has written.
    Ok(counted.unwrap_or(FailedInWindow { requests: more, until }))
}
