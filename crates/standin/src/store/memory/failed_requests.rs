//! Failed requests in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{FailedInWindow, FailedRequests, Network, Result};
use crate::time::Timestamp;

#[async_trait]
impl FailedRequests for MemoryStore {
    async fn count_failed_requests(
        &self,
        more: Vec<(Network, u32)>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FailedInWindow>> {
        let mut tables = self.tables();
        let counted = more.into_iter().map(|(network, more)| {
            let row = tables.failed_requests.entry(network);
            let row = row.or_insert(FailedInWindow { requests: 0, until });
            if row.until <= now {
                *row = FailedInWindow { requests: 0, until };
            }
            row.requests = row.requests.saturating_add(more);
            *row
        });
        Ok(counted.collect())
    }
}
