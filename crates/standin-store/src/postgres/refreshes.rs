//! Leases: claimed by one statement, ended in the transaction of what they were taken for.

use std::time::Duration;

use async_trait::async_trait;
use standin::fail_point::FailPoint;
use standin::id::{GrantId, RefreshId};
use standin::store::{
    Claimed, Committed, HOLD_OFF_MARGIN, LeaseEnd, RefreshClaim, RefreshCommit, Refreshes, Result,
    StoreError, Timeline,
};
use standin::time::Timestamp;
use standin::verify::ProviderId;
use tokio_postgres::Row;

use super::connection::{Connection, Mode};
use super::failovers::{note_timeline, now_ms, timeline};
use super::rows::{Cells, limit, params};
use super::work::{Done, work};
use super::{PostgresStore, cluster, events, failovers, grants, scope_ledger};

/// `$4` and `$5` are the claimant's now and its deadline, of which only the distance counts; `$6` says that nothing will
/// be asked of a provider; `$7` is what the names of timelines begin with; `$8` is as far from `$4` as nobody asks after a
/// failover.
macro_rules! claim {
    ($source:expr) => {
        concat!(
            "INSERT INTO refresh_leases AS held \
             (grant_id, attempt_id, generation, unresolved, question, question_before, \
             is_reclaimed, deadline) \
             SELECT $1, $2, $3, 0, CASE WHEN $6 THEN 0 ELSE ",
            now_ms!(),
            " END, 0, false, ",
            now_ms!(),
            " + ($5 - $4) WHERE ",
            $source,
            " ON CONFLICT (grant_id) DO UPDATE SET attempt_id = $2, deadline = excluded.deadline, \
             is_reclaimed = held.attempt_id = $2, \
             unresolved = CASE WHEN held.attempt_id = $2 THEN held.unresolved \
                 WHEN held.generation >= $3 THEN held.unresolved + (held.question > 0)::integer \
                 ELSE 0 END, \
             question = CASE WHEN NOT $6 THEN greatest(excluded.question, held.question + 1) \
                 WHEN held.generation >= $3 THEN held.question ELSE 0 END, \
             question_before = CASE WHEN held.generation >= $3 THEN held.question ELSE 0 END, \
             generation = CASE WHEN held.generation >= $3 THEN held.generation ELSE $3 END \
             WHERE held.deadline <= ",
            now_ms!(),
            " OR held.attempt_id = $2 \
             RETURNING grant_id, generation, unresolved, question, is_reclaimed"
        )
    };
}
/// Always so: it says something of each parameter, since both statements take the same ones.
const CLAIM: &str = claim!("$6 OR $7 = '' OR $8 > 0");
/// Where a failover can be told: nobody claims, but to bring an answer, until the timeline has been there for as long as
/// a lease lasts, and a margin more.
const CLAIM_UNLESS_NEW: &str = concat!(
    "WITH noted AS (",
    note_timeline!("$7"),
    ") ",
    claim!(concat!(
        "$6 OR EXISTS (SELECT 1 FROM timelines WHERE timeline = ",
        timeline!("$7"),
        " AND seen_at <= ",
        now_ms!(),
        " - ($8 - $4))"
    ))
);
const _: () = assert!(Mode::Write.limit().as_millis() <= HOLD_OFF_MARGIN.as_millis());
const HELD: &str = concat!(
    "SELECT grant_id, greatest(deadline - ",
    now_ms!(),
    ", 0) AS wait FROM refresh_leases WHERE grant_id = $1"
);
const RELEASE: &str = "DELETE FROM refresh_leases WHERE grant_id = $1 AND attempt_id = $2";
const YIELD: &str = concat!(
    "UPDATE refresh_leases SET unresolved = unresolved + 1, deadline = ",
    now_ms!(),
    " + $4, question = CASE WHEN $3 THEN question ELSE question_before END WHERE grant_id = $1 AND attempt_id = $2"
);
const RECORD: &str = concat!(
    "UPDATE refresh_leases SET generation = $3, unresolved = 1, deadline = ",
    now_ms!(),
    ", question = 0, question_before = 0 WHERE grant_id = $1 AND attempt_id = $2"
);
const OVERDUE: &str = concat!(
    "SELECT grant_id FROM refresh_leases WHERE deadline <= ",
    now_ms!(),
    " ORDER BY deadline, grant_id LIMIT $1"
);

const DUE: &str =
    "SELECT id FROM grants WHERE provider = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $3";

#[async_trait]
impl Refreshes for PostgresStore {
    async fn claim_refresh(&self, claim: RefreshClaim) -> Result<Claimed> {
        let (sql, cluster) = match &self.cluster {
            Some(cluster) => (CLAIM_UNLESS_NEW, cluster.as_str()),
            None => (CLAIM, ""),
        };
        work!(self, Write, |connection| claimed(connection, sql, &claim, cluster).await)
    }

    async fn release_refresh(&self, grant: GrantId, attempt: RefreshId) -> Result<bool> {
        work!(self, Write, |connection| {
            let lease = params![grant.as_bytes(), attempt.as_bytes()];
            Ok(connection.execute(RELEASE, lease).await? == 1)
        })
    }

    async fn yield_refresh(
        &self,
        grant: GrantId,
        attempt: RefreshId,
        now: Timestamp,
        due_in: Duration,
        has_asked: bool,
    ) -> Result<bool> {
        let due_in = now.after(due_in).unix_ms() - now.unix_ms();
        work!(self, Write, |connection| {
            let row = params![grant.as_bytes(), attempt.as_bytes(), has_asked, due_in];
            Ok(connection.execute(YIELD, row).await? == 1)
        })
    }

    async fn overdue_refreshes(&self, _now: Timestamp, rows: usize) -> Result<Vec<GrantId>> {
        let grant = |row: &Row| Cells::of(row, "refresh_leases").id("grant_id");
        work!(self, Upkeep, |connection| {
            connection.all(OVERDUE, params![limit(rows)], grant).await
        })
    }

    async fn timeline(&self) -> Result<Option<Timeline>> {
        match &self.cluster {
            Some(cluster) => self.read_timeline(cluster).await,
            None => self.read_restored().await,
        }
    }

    async fn due_grants(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        rows: usize,
    ) -> Result<Vec<GrantId>> {
        let grant = |row: &Row| Cells::of(row, "grants").id("id");
        let due = params![provider.as_str(), now, limit(rows)];
        work!(self, Upkeep, |connection| connection.all(DUE, due, grant).await)
    }

    async fn commit_refresh(&self, commit: RefreshCommit) -> Result<Committed> {
        match work!(self, Write, |connection| committed(connection, &commit).await) {
            // The transaction took the end of the lease back with it.
            Err(StoreError::Conflict) => Ok(Committed::Moved),
            written => written,
        }
    }
}

async fn claimed(
    connection: &Connection,
    sql: &'static str,
    claim: &RefreshClaim,
    cluster: &str,
) -> Done<Claimed> {
    // A number beyond PostgreSQL's own is the generation of no grant that is stored.
    let generation = i64::try_from(claim.generation).map_err(|_| StoreError::Conflict)?;
    let row = params![
        claim.grant.as_bytes(),
        claim.attempt.as_bytes(),
        generation,
        claim.now,
        claim.deadline,
        !claim.asks,
        cluster,
        claim.held_off_until(),
    ];
    if let Some(ours) = connection.one(sql, row, ours_of).await? {
        return Ok(ours);
    }
    let held_off = match (cluster, claim.asks) {
        ("", _) | (_, false) => None,
        (cluster, true) => failovers::held_off(connection, cluster, claim).await?,
    };
    match held_off {
        Some(wait) => Ok(Claimed::HeldOff { wait }),
        None => held(connection, claim.grant).await,
    }
}

/// For how long somebody else has it.
async fn held(connection: &Connection, grant: GrantId) -> Done<Claimed> {
    let wait = connection.one(HELD, params![grant.as_bytes()], wait_of).await?;
    Ok(Claimed::Held { wait: wait.unwrap_or_default() })
}

fn wait_of(row: &Row) -> Result<Duration> {
    let mut cells = Cells::of(row, "refresh_leases");
    let _: GrantId = cells.id("grant_id")?;
    Ok(Duration::from_millis(cells.number("wait")?))
}

fn ours_of(row: &Row) -> Result<Claimed> {
    let mut cells = Cells::of(row, "refresh_leases");
    let _: GrantId = cells.id("grant_id")?;
    let (generation, unresolved) = (cells.number("generation")?, cells.number("unresolved")?);
    let question = cells.number("question")?;
    Ok(Claimed::Ours { generation, unresolved, question, is_own: cells.flag("is_reclaimed")? })
}

async fn committed(connection: &Connection, commit: &RefreshCommit) -> Done<Committed> {
    let grant = &commit.grant;
    if let Some((attempt, end)) = commit.lease
        && !end_lease(connection, commit, attempt, end).await?
    {
        return Ok(Committed::Fenced);
    }
    FailPoint::DatabaseFenced.reach().await.map_err(StoreError::from)?;
    if grant.version == 1 {
        return Err(StoreError::Conflict.into());
    }
    grants::put(connection, grant).await?;
    if let Some(outdated) = commit.outdated() {
        cluster::note(connection, outdated).await?;
    }
    scope_ledger::put(connection, grant.id, &commit.scopes).await?;
    events::append_all(connection, &commit.events).await?;
    FailPoint::DatabaseRefreshed.reach().await.map_err(StoreError::from)?;
    Ok(Committed::Written)
}

async fn end_lease(
    connection: &Connection,
    commit: &RefreshCommit,
    attempt: RefreshId,
    end: LeaseEnd,
) -> Done<bool> {
    let grant = &commit.grant;
    let generation = i64::try_from(grant.generation).map_err(|_| StoreError::Conflict)?;
    let rows = match end {
        LeaseEnd::Deleted => {
            let lease = params![grant.id.as_bytes(), attempt.as_bytes()];
            connection.execute(RELEASE, lease).await?
        }
        LeaseEnd::Record => {
            let row = params![grant.id.as_bytes(), attempt.as_bytes(), generation];
            connection.execute(RECORD, row).await?
        }
    };
    Ok(rows == 1)
}
