//! Counting in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::store::{Census, Result, Tally, Waiting};
use crate::time::Timestamp;
use crate::vault::GrantState;

#[async_trait]
impl Census for MemoryStore {
    async fn census(&self, now: Timestamp) -> Result<Tally> {
        let tables = self.tables();
        let in_state =
            |state| tables.grants.values().filter(|grant| grant.state == state).count() as u64;
        Ok(Tally {
            grants: GrantState::ALL.iter().map(|state| (*state, in_state(*state))).collect(),
            revocations: waiting(tables.revocations.keys().map(|(queued_at, _)| *queued_at)),
            overdue_leases: waiting(
                tables.leases.values().map(|lease| lease.deadline).filter(|over| *over <= now),
            ),
        })
    }
}

fn waiting(since: impl Iterator<Item = Timestamp> + Clone) -> Waiting {
    Waiting { count: since.clone().count() as u64, oldest: since.min() }
}
