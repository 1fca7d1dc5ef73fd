//! Leases: claimed by one statement, ended in the transaction of what they were taken for.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use standin::fail_point::FailPoint;
use standin::id::{GrantId, RefreshId};
use standin::store::{
    Claimed, Committed, LeaseEnd, RefreshClaim, RefreshCommit, Refreshes, Result, StoreError,
    Timeline,
};
use standin::time::Timestamp;
use standin::verify::ProviderId;

use super::failure::Failure;
use super::rows::{Cells, all, execute, limit, one};
use super::{SqliteStore, cluster, events, grants, scope_ledger};

/// `?6` says that a provider is going to be asked.
const CLAIM: &str = "INSERT INTO refresh_leases \
    (grant_id, attempt_id, generation, unresolved, question, question_before, is_reclaimed, deadline) \
    VALUES (?1, ?2, ?3, 0, CASE WHEN ?6 THEN max(?4, 1) ELSE 0 END, 0, 0, ?5) \
    ON CONFLICT (grant_id) DO UPDATE SET attempt_id = ?2, deadline = ?5, \
    is_reclaimed = attempt_id = ?2, \
    unresolved = CASE WHEN attempt_id = ?2 THEN unresolved \
        WHEN generation >= ?3 THEN unresolved + (question > 0) ELSE 0 END, \
    question = CASE WHEN ?6 THEN max(?4, question + 1) \
        WHEN generation >= ?3 THEN question ELSE 0 END, \
    question_before = CASE WHEN generation >= ?3 THEN question ELSE 0 END, \
    generation = CASE WHEN generation >= ?3 THEN generation ELSE ?3 END \
    WHERE deadline <= ?4 OR attempt_id = ?2 \
    RETURNING grant_id, generation, unresolved, question, is_reclaimed";
const HELD: &str =
    "SELECT grant_id, max(deadline - ?2, 0) AS wait FROM refresh_leases WHERE grant_id = ?1";
const RELEASE: &str = "DELETE FROM refresh_leases WHERE grant_id = ?1 AND attempt_id = ?2";
const YIELD: &str = "UPDATE refresh_leases SET unresolved = unresolved + 1, deadline = ?3, \
    question = CASE WHEN ?4 THEN question ELSE question_before END \
    WHERE grant_id = ?1 AND attempt_id = ?2";
const RECORD: &str = "UPDATE refresh_leases SET generation = ?3, unresolved = 1, deadline = ?4, \
    question = 0, question_before = 0 \
    WHERE grant_id = ?1 AND attempt_id = ?2";
const OVERDUE: &str =
    "SELECT grant_id FROM refresh_leases WHERE deadline <= ?1 ORDER BY deadline, grant_id LIMIT ?2";

/// Whoever puts a backup back leaves it (`backup.rs`).
const RESTORED: &str = "SELECT timeline, seen_at FROM timelines WHERE timeline = 'restored'";

const DUE: &str =
    "SELECT id FROM grants WHERE provider = ?1 AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3";

#[async_trait]
impl Refreshes for SqliteStore {
    async fn claim_refresh(&self, claim: RefreshClaim) -> Result<Claimed> {
        self.write(move |connection| claimed(connection, &claim)).await
    }

    async fn release_refresh(&self, grant: GrantId, attempt: RefreshId) -> Result<bool> {
        self.write(move |connection| {
            Ok(execute(connection, RELEASE, params![grant.as_bytes(), attempt.as_bytes()])? == 1)
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
        let due_at = now.after(due_in).unix_ms();
        self.write(move |connection| {
            let row = params![grant.as_bytes(), attempt.as_bytes(), due_at, has_asked];
            Ok(execute(connection, YIELD, row)? == 1)
        })
        .await
    }

    async fn overdue_refreshes(&self, now: Timestamp, rows: usize) -> Result<Vec<GrantId>> {
        self.read(|connection| {
            all(connection, OVERDUE, params![now.unix_ms(), limit(rows)], |row| {
                Cells::of(row, "refresh_leases").id("grant_id")
            })
        })
    }

    async fn timeline(&self) -> Result<Option<Timeline>> {
        self.read(|connection| {
            one(connection, RESTORED, [], |row| {
                let mut cells = Cells::of(row, "timelines");
                let name = cells.text("timeline")?;
                let at = Some(cells.instant("seen_at")?);
                Ok(Timeline { name, since: at, restored_at: at })
            })
        })
    }

    async fn due_grants(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        rows: usize,
    ) -> Result<Vec<GrantId>> {
        self.read(|connection| {
            all(connection, DUE, params![provider.as_str(), now.unix_ms(), limit(rows)], |row| {
                Cells::of(row, "grants").id("id")
            })
        })
    }

    async fn commit_refresh(&self, commit: RefreshCommit) -> Result<Committed> {
        let written = self.write(move |connection| committed(connection, &commit)).await;
        match written {
            // The savepoint took the end of the lease back with it.
            Err(StoreError::Conflict) => Ok(Committed::Moved),
            written => written,
        }
    }
}

type Done<T> = std::result::Result<T, Failure>;

fn claimed(connection: &Connection, claim: &RefreshClaim) -> Done<Claimed> {
    // A number beyond SQLite's own is the generation of no grant that is stored.
    let generation = i64::try_from(claim.generation).map_err(|_| StoreError::Conflict)?;
    let row = params![
        claim.grant.as_bytes(),
        claim.attempt.as_bytes(),
        generation,
        claim.now.unix_ms(),
        claim.deadline.unix_ms(),
        claim.asks,
    ];
    let ours = one(connection, CLAIM, row, |row| {
        let mut cells = Cells::of(row, "refresh_leases");
        let _: GrantId = cells.id("grant_id")?;
        let (generation, unresolved) = (cells.number("generation")?, cells.number("unresolved")?);
        let question = cells.number("question")?;
        Ok(Claimed::Ours { generation, unresolved, question, is_own: cells.flag("is_reclaimed")? })
    })?;
    ours.map_or_else(|| held(connection, claim), Ok)
}

/// For how long somebody else has it.
fn held(connection: &Connection, claim: &RefreshClaim) -> Done<Claimed> {
    let lease = params![claim.grant.as_bytes(), claim.now.unix_ms()];
    let wait = one(connection, HELD, lease, |row| {
        let mut cells = Cells::of(row, "refresh_leases");
        let _: GrantId = cells.id("grant_id")?;
        cells.number("wait")
    })?;
    Ok(Claimed::Held { wait: Duration::from_millis(wait.unwrap_or_default()) })
}

fn committed(connection: &Connection, commit: &RefreshCommit) -> Done<Committed> {
    let grant = &commit.grant;
    if let Some((attempt, end)) = commit.lease
        && !end_lease(connection, commit, attempt, end)?
    {
        return Ok(Committed::Fenced);
    }
    FailPoint::DatabaseFenced.reach_now().map_err(StoreError::from)?;
    if grant.version == 1 {
        return Err(StoreError::Conflict.into());
    }
    grants::put(connection, grant)?;
    commit.outdated().map_or(Ok(()), |outdated| cluster::note(connection, outdated))?;
    scope_ledger::put(connection, grant.id, &commit.scopes)?;
    commit.events.iter().try_for_each(|event| events::append(connection, event))?;
    FailPoint::DatabaseRefreshed.reach_now().map_err(StoreError::from)?;
    Ok(Committed::Written)
}

fn end_lease(
    connection: &Connection,
    commit: &RefreshCommit,
    attempt: RefreshId,
    end: LeaseEnd,
) -> Done<bool> {
    let grant = &commit.grant;
    let generation = i64::try_from(grant.generation).map_err(|_| StoreError::Conflict)?;
    let rows = match end {
        LeaseEnd::Deleted => {
            execute(connection, RELEASE, params![grant.id.as_bytes(), attempt.as_bytes()])?
        }
        LeaseEnd::Record => {
            let due = grant.updated_at.unix_ms();
            let row = params![grant.id.as_bytes(), attempt.as_bytes(), generation, due];
            execute(connection, RECORD, row)?
        }
    };
    Ok(rows == 1)
}
