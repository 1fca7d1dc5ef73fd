//! Failed requests: one statement adds to a number, or begins again where the window is over.

use async_trait::async_trait;
use standin::store::{FailedInWindow, FailedRequests, Network, Result};
use standin::time::Timestamp;
use tokio_postgres::Row;

use super::PostgresStore;
use super::connection::Connection;
use super::rows::{Cells, params};
use super::work::{Done, work};

const COUNT: &str = "INSERT INTO failed_requests AS held (network, requests, until_ms) \
    VALUES ($1, $2, $4) ON CONFLICT (network) DO UPDATE SET \
    requests = CASE WHEN held.until_ms <= $3 THEN 0 ELSE held.requests END + excluded.requests, \
    until_ms = CASE WHEN held.until_ms <= $3 THEN excluded.until_ms ELSE held.until_ms END \
    RETURNING network, requests, until_ms";

#[async_trait]
impl FailedRequests for PostgresStore {
    async fn count_failed_requests(
        &self,
        more: Vec<(Network, u32)>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FailedInWindow>> {
        // Everybody takes the rows in one order, so that nobody waits for somebody who waits for them.
        let mut order: Vec<usize> = (0..more.len()).collect();
        order.sort_by_key(|place| more[*place].0);
        work!(self, Write, |connection| count_all(connection, &more, &order, now, until).await)
    }
}

async fn count_all(
    connection: &Connection,
    more: &[(Network, u32)],
    order: &[usize],
    now: Timestamp,
    until: Timestamp,
) -> Done<Vec<FailedInWindow>> {
    let mut counted = vec![FailedInWindow { requests: 0, until }; more.len()];
    for &place in order {
        let (network, requests) = &more[place];
        let row = params![network.as_bytes().as_slice(), *requests, now, until];
        if let Some(known) = connection.one(COUNT, row, known_of).await? {
            counted[place] = known;
        }
    }
    Ok(counted)
}

fn known_of(row: &Row) -> Result<FailedInWindow> {
    let mut cells = Cells::of(row, "failed_requests");
    let _ = cells.bytes("network")?;
    Ok(FailedInWindow { requests: cells.number("requests")?, until: cells.instant("until_ms")? })
}
