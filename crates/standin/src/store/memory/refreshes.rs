//! Leases in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::id::{GrantId, RefreshId};
use crate::store::{
    Claimed, Committed, LeaseEnd, RefreshClaim, RefreshCommit, Refreshes, Result, StoreError,
};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    attempt: RefreshId,
    generation: u64,
    unresolved: u32,
    deadline: Timestamp,
}

#[async_trait]
impl Refreshes for MemoryStore {
    async fn claim_refresh(&self, claim: RefreshClaim) -> Result<Claimed> {
        let mut tables = self.tables();
        let held = tables.leases.get(&claim.grant).copied();
        let is_own = held.is_some_and(|held| held.attempt == claim.attempt);
        let (generation, unresolved) = match held {
            Some(held) if is_own => (held.generation.max(claim.generation), held.unresolved),
            Some(held) if held.deadline > claim.now => {
                return Ok(Claimed::Held { until: held.deadline });
            }
            Some(held) if held.generation >= claim.generation => {
                (held.generation, held.unresolved + 1)
            }
            Some(_) | None => (claim.generation, 0),
        };
        let RefreshClaim { attempt, deadline, .. } = claim;
        tables.leases.insert(claim.grant, Lease { attempt, generation, unresolved, deadline });
        Ok(Claimed::Ours { generation, unresolved, is_own })
    }

    async fn release_refresh(&self, grant: GrantId, attempt: RefreshId) -> Result<bool> {
        let mut tables = self.tables();
        let is_ours = tables.leases.get(&grant).is_some_and(|lease| lease.attempt == attempt);
        Ok(is_ours && tables.leases.remove(&grant).is_some())
    }

    async fn yield_refresh(
        &self,
        grant: GrantId,
        attempt: RefreshId,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tables = self.tables();
        let lease = tables.leases.get_mut(&grant).filter(|lease| lease.attempt == attempt);
        Ok(lease
            .map(|lease| (lease.unresolved, lease.deadline) = (lease.unresolved + 1, now))
            .is_some())
    }

    async fn overdue_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<GrantId>> {
        let tables = self.tables();
        let overdue = tables.leases.iter().filter(|(_, lease)| lease.deadline <= now);
        let mut overdue: Vec<_> = overdue.map(|(grant, lease)| (lease.deadline, *grant)).collect();
        overdue.sort_unstable();
        Ok(overdue.into_iter().take(limit).map(|(_, grant)| grant).collect())
    }

    async fn commit_refresh(&self, commit: RefreshCommit) -> Result<Committed> {
        let mut tables = self.tables();
        let RefreshCommit { grant, scopes, events, lease } = commit;
        let held = tables.leases.get(&grant.id).map(|held| held.attempt);
        if lease.is_some_and(|(attempt, _)| held != Some(attempt)) {
            return Ok(Committed::Fenced);
        }
        let is_known = tables.grants.contains_key(&grant.id);
        match tables.fits(&grant, grant.user) {
            Ok(()) if is_known => {}
            Ok(()) | Err(StoreError::Conflict) => return Ok(Committed::Moved),
            Err(error) => return Err(error),
        }
        match lease {
            Some((_, LeaseEnd::Deleted)) => drop(tables.leases.remove(&grant.id)),
            Some((attempt, LeaseEnd::Record)) => {
                let (generation, deadline) = (grant.generation, grant.updated_at);
                let record = Lease { attempt, generation, unresolved: 1, deadline };
                tables.leases.insert(grant.id, record);
            }
            None => {}
        }
        tables.put_scopes(grant.id, scopes);
        tables.put_grant(grant);
        tables.events.extend(events);
        Ok(Committed::Written)
    }
}
