//! Leases in memory.

#[cfg(test)]
use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::id::{GrantId, RefreshId};
use crate::store::{
    Claimed, Committed, LeaseEnd, RefreshClaim, RefreshCommit, Refreshes, Result, StoreError,
    Timeline,
};
use crate::time::Timestamp;
#[cfg(test)]
use crate::vault::Grant;
use crate::verify::ProviderId;

#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    attempt: RefreshId,
    generation: u64,
    unresolved: u32,
    question: u64,
    question_before: u64,
    pub(super) deadline: Timestamp,
}

impl Lease {
    /// It becomes a record.
    fn end(&mut self, has_asked: bool, due_at: Timestamp) {
        (self.unresolved, self.deadline) = (self.unresolved + 1, due_at);
        if !has_asked {
            self.question = self.question_before;
        }
    }
}

#[async_trait]
impl Refreshes for MemoryStore {
    async fn claim_refresh(&self, claim: RefreshClaim) -> Result<Claimed> {
        self.reach("claim", |tables, now| Ok(claimed(tables, by_clock_of(claim, now)))).await
    }

    async fn release_refresh(&self, grant: GrantId, attempt: RefreshId) -> Result<bool> {
        self.reach("release", |tables, _| {
            let is_ours = tables.leases.get(&grant).is_some_and(|lease| lease.attempt == attempt);
            Ok(is_ours && tables.leases.remove(&grant).is_some())
        })
        .await
    }

    async fn yield_refresh(
        &self,
        grant: GrantId,
        attempt: RefreshId,
        now: Timestamp,
        due_in: Duration,
        has_asked: bool,
    ) -> Result<bool> {
        self.reach("yield", |tables, clock| {
            let due_at = clock.unwrap_or(now).after(due_in);
            let lease = tables.leases.get_mut(&grant).filter(|lease| lease.attempt == attempt);
            Ok(lease.map(|lease| lease.end(has_asked, due_at)).is_some())
        })
        .await
    }

    async fn overdue_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<GrantId>> {
        self.reach("overdue", |tables, clock| {
            let now = clock.unwrap_or(now);
            let overdue = tables.leases.iter().filter(|(_, lease)| lease.deadline <= now);
            let mut overdue: Vec<_> =
                overdue.map(|(grant, lease)| (lease.deadline, *grant)).collect();
            overdue.sort_unstable();
            Ok(overdue.into_iter().take(limit).map(|(_, grant)| grant).collect())
        })
        .await
    }

    async fn timeline(&self) -> Result<Option<Timeline>> {
        self.reach("timeline", |tables, _| Ok(tables.timeline.clone())).await
    }

    async fn due_grants(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<GrantId>> {
        let tables = self.tables();
        let at_provider = tables.grants.values().filter(|g| g.identity.provider == *provider);
        let mut due: Vec<_> = at_provider
            .filter(|grant| grant.due_at.is_some_and(|due| due <= now))
            .map(|grant| (grant.due_at, grant.id))
            .collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, grant)| grant).collect())
    }

    async fn commit_refresh(&self, commit: RefreshCommit) -> Result<Committed> {
        self.reach("commit", |tables, clock| {
            let outdated = commit.outdated();
            let done = committed(tables, commit, clock)?;
            if let (Committed::Written, Some(outdated)) = (done, outdated) {
                self.note(tables, outdated);
            }
            Ok(done)
        })
        .await
    }
}

/// What a standby has of a database: grants and leases as they were at some time.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(crate) struct Standby(BTreeMap<GrantId, Grant>, BTreeMap<GrantId, Lease>);

#[cfg(test)]
impl MemoryStore {
    /// What a standby has received by now.
    pub(crate) fn standby(&self) -> Standby {
        let tables = self.tables();
        Standby(tables.grants.clone(), tables.leases.clone())
    }

    /// It takes over: what it has not received has never been.
    pub(crate) fn fail_over(&self, to: Standby, now: Timestamp) {
        let mut tables = self.tables();
        (tables.grants, tables.leases) = (to.0, to.1);
        let name = format!("{:08X}", now.unix_ms());
        tables.timeline = Some(Timeline { name, since: Some(now), restored_at: None });
    }
}

/// A claim by the clock of the database, if that has one of its own: as long as it was to be.
fn by_clock_of(claim: RefreshClaim, clock: Option<Timestamp>) -> RefreshClaim {
    let Some(now) = clock else { return claim };
    RefreshClaim { now, deadline: now.after(claim.deadline.remaining(claim.now)), ..claim }
}

fn claimed(tables: &mut Tables, claim: RefreshClaim) -> Claimed {
    let failed_over_at = tables.timeline.as_ref().and_then(|timeline| timeline.since);
    let hold_off = claim.held_off_until().remaining(claim.now);
    let held_off_until = failed_over_at.map(|at| at.after(hold_off));
    if let Some(until) = held_off_until.filter(|until| claim.asks && *until > claim.now) {
        return Claimed::HeldOff { wait: until.remaining(claim.now) };
    }
    let held = tables.leases.get(&claim.grant).copied();
    let is_own = held.is_some_and(|held| held.attempt == claim.attempt);
    let is_later = held.is_none_or(|held| held.generation < claim.generation);
    let question_before = held.filter(|_| !is_later).map_or(0, |held| held.question);
    let next = held.map_or(1, |held| held.question + 1);
    let question = if claim.asks { number_at(claim.now).max(next) } else { question_before };
    let (generation, unresolved) = match held {
        Some(held) if is_own => (held.generation.max(claim.generation), held.unresolved),
        Some(held) if held.deadline > claim.now => {
            return Claimed::Held { wait: held.deadline.remaining(claim.now) };
        }
        Some(held) if !is_later => {
            (held.generation, held.unresolved + u32::from(held.question > 0))
        }
        Some(_) | None => (claim.generation, 0),
    };
    let RefreshClaim { attempt, deadline, .. } = claim;
    let lease = Lease { attempt, generation, unresolved, question, question_before, deadline };
    tables.leases.insert(claim.grant, lease);
    Claimed::Ours { generation, unresolved, question, is_own }
}

/// The number of a question that is asked now.
fn number_at(now: Timestamp) -> u64 {
    u64::try_from(now.unix_ms()).unwrap_or_default()
}

fn committed(
    tables: &mut Tables,
    commit: RefreshCommit,
    clock: Option<Timestamp>,
) -> Result<Committed> {
    let RefreshCommit { grant, scopes, events, lease, outdates: _ } = commit;
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
            let generation = grant.generation;
            let deadline = clock.unwrap_or(grant.updated_at);
            let (question, question_before) = (0, 0);
            let record =
                Lease { attempt, generation, unresolved: 1, question, question_before, deadline };
            tables.leases.insert(grant.id, record);
        }
        None => {}
    }
    tables.put_scopes(grant.id, scopes);
    tables.put_grant(grant);
    tables.events.extend(events);
    Ok(Committed::Written)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::HOLD_OFF_MARGIN;
    use crate::store::conformance::samples::{at, grant_id, refresh_id};

    const LEASE: Duration = Duration::from_secs(12);

    /// How long nobody may ask. Of an attempt at another grant each time, so that no lease is in its way.
    async fn held_off(
        store: &MemoryStore,
        number: u64,
        asks: bool,
        now: Timestamp,
    ) -> Option<Duration> {
        let (grant, attempt, deadline) = (grant_id(number), refresh_id(number), now.after(LEASE));
        let claim = RefreshClaim { grant, attempt, generation: 1, now, deadline, asks };
        match store.claim_refresh(claim).await.unwrap() {
            Claimed::HeldOff { wait } => Some(wait),
            Claimed::Ours { .. } | Claimed::Held { .. } => None,
        }
    }

    /// Whoever asked just before it is answered when the time of a lease is over, and may not yet have written that down.
    #[tokio::test]
    async fn st_5_after_a_failover_nobody_asks_for_a_lease_and_a_margin() {
        let store = MemoryStore::default();
        let (failed_over_at, hold_off) = (at(1_000), LEASE + HOLD_OFF_MARGIN);
        assert_eq!(held_off(&store, 1, true, failed_over_at).await, None);
        store.fail_over(store.standby(), failed_over_at);
        let over = failed_over_at.after(hold_off);
        let after_a_lease = held_off(&store, 2, true, failed_over_at.after(LEASE)).await;
        assert_eq!(after_a_lease, Some(HOLD_OFF_MARGIN));
        let last = Duration::from_millis(1);
        assert_eq!(held_off(&store, 2, true, over.before(last)).await, Some(last));
        // Whoever brings an answer asks for nothing.
        assert_eq!(held_off(&store, 3, false, failed_over_at).await, None);
        assert_eq!(held_off(&store, 2, true, over).await, None);
    }
}
