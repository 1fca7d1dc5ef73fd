//! Failovers: a standby that takes over may not have the newest commits of the server before it.
//!
//! What is lost then are rows that tokens were answered for (the journal of whoever was answered brings them back) and
//! leases, and without its lease a refresh token that somebody is asking for just now looks free. So nobody claims one
//! for as long as a lease lasts and a margin more: whoever was asking has ended by then, and as a rule written what came of it
//! (`HOLD_OFF_MARGIN` says when not).
//!
//! ```text
//! a claim ─▶ which timeline is this? ─ seen there for long ─▶ the lease, or who has it
//!                  └─ new: put in, with the time, by the same statement ─▶ held
//! ```
//!
//! Only a row that the statement sees lets anybody claim. One that is put in at the same time, by somebody who is not
//! there yet to be seen, does not: of all who come together to a new server none may ask.
//!
//! A server that takes over begins a new timeline, and names it at any time, also behind a pooler whose clients never
//! notice. Servers that cannot lose a commit (those that agree on each of them, storage that is shared) have no timelines to
//! tell of, and need none.
//!
//! Who puts a backup back notes that in the same table, under a name that no server has (`docs/backup.md`): what is
//! missing since is the same, and nobody is asking.
//!
//! A timeline has a number, and every cluster counts its own from one. So the name of a cluster stands before it: a dump
//! takes this table along, and where it is restored the first failover is none that was seen long ago.

use std::time::Duration;

use standin::store::{RefreshClaim, StoreError, Timeline};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::PostgresStore;
use super::connection::Connection;
use super::failure::Failure;
use super::rows::{Cells, instant, optional, params};
use super::work::{Done, work};

/// The instant of the transaction, in milliseconds since 1970 by the clock that all nodes share (requirement ST-5).
macro_rules! now_ms {
    () => {
        "(extract(epoch FROM now()) * 1000)::bigint"
    };
}
pub(super) use now_ms;

/// The server's timeline: the name of its cluster, which is this parameter, and the first eight digits of the name of
/// the file that it writes its log to.
macro_rules! timeline {
    ($cluster:literal) => {
        concat!("(", $cluster, " || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))")
    };
}

/// Puts the timeline in, if it is new. The first one of a database is no failover, also if a restore is noted.
macro_rules! note_timeline {
    ($cluster:literal) => {
        concat!(
            "INSERT INTO timelines (timeline, seen_at) SELECT ",
            $crate::postgres::failovers::timeline!($cluster),
            ", CASE WHEN EXISTS (SELECT 1 FROM timelines WHERE timeline <> 'restored') THEN ",
            $crate::postgres::failovers::now_ms!(),
            " ELSE 0 END ON CONFLICT (timeline) DO NOTHING"
        )
    };
}
pub(super) use {note_timeline, timeline};

/// Every user may ask this of PostgreSQL itself, and not of everything that calls itself so.
const CLUSTER: &str = "SELECT system_identifier || '/' AS cluster FROM pg_control_system()";
const TIMELINE: &str = concat!(
    "SELECT ",
    timeline!("$1"),
    " AS timeline, (SELECT nullif(max(seen_at), 0) FROM timelines WHERE timeline IN ('restored', ",
    timeline!("$1"),
    ")) AS seen_at, (SELECT seen_at FROM timelines WHERE timeline = 'restored') AS restored_at"
);
const IS_NOTED: &str =
    concat!("SELECT 1 FROM timelines WHERE timeline = ", timeline!("$1"), " LIMIT 1");
const RESTORED: &str =
    "SELECT timeline, seen_at, seen_at AS restored_at FROM timelines WHERE timeline = 'restored'";
const NOTE: &str = note_timeline!("$1");
/// `$2` is for how long nobody asks on a new one.
const HELD_OFF: &str = concat!(
    "SELECT timeline, seen_at + $2 - ",
    now_ms!(),
    " AS wait FROM timelines WHERE timeline = ",
    timeline!("$1"),
    " AND seen_at + $2 > ",
    now_ms!()
);

impl PostgresStore {
    /// What the names of timelines begin with, if the server has such a thing.
    pub(super) async fn read_cluster(&self) -> Result<Option<String>, StoreError> {
        let cluster = work!(self, Read, |connection| read_cluster(connection).await)?;
        Ok(self.read_timeline(&cluster).await?.map(|_| cluster))
    }

    /// Notes the timeline that the server is on, if it is new: while commits wait for a standby that is away, whoever
    /// starts does not wait. One that cannot be noted is noted by the first claim.
    pub(super) async fn note_timeline(&self) -> Result<(), StoreError> {
        let Some(cluster) = self.cluster.as_deref() else { return Ok(()) };
        let noted = work!(self, Read, |connection| {
            connection.one(IS_NOTED, params![cluster], |_| Ok(())).await
        })?;
        if noted.is_some() {
            return Ok(());
        }
        let noted =
            work!(self, Write, |connection| connection.execute(NOTE, params![cluster]).await);
        if let Err(error) = noted {
            tracing::warn!(server = self.name, %error, "that the database is on another server could not be noted yet");
        }
        Ok(())
    }

    /// The timeline that the server is on, if it has such a thing.
    pub(super) async fn read_timeline(
        &self,
        cluster: &str,
    ) -> Result<Option<Timeline>, StoreError> {
        work!(self, Read, |connection| read(connection, cluster).await)
    }

    /// When a backup was put back, for a server that tells no timeline.
    pub(super) async fn read_restored(&self) -> Result<Option<Timeline>, StoreError> {
        work!(self, Read, |connection| connection.one(RESTORED, params![], timeline_of).await)
    }
}

/// Nothing, where the server has no name for it or does not tell.
async fn read_cluster(connection: &Connection) -> Done<String> {
    let cluster = |row: &Row| Cells::of(row, "clusters").text("cluster");
    match connection.one(CLUSTER, params![], cluster).await {
        Err(failure) if is_unknown(&failure) => Ok(String::new()),
        found => found.map(Option::unwrap_or_default),
    }
}

/// For how much longer nobody may ask, if so.
pub(super) async fn held_off(
    connection: &Connection,
    cluster: &str,
    claim: &RefreshClaim,
) -> Done<Option<Duration>> {
    let hold_off = claim.held_off_until().unix_ms() - claim.now.unix_ms();
    let wait = |row: &Row| {
        let mut cells = Cells::of(row, "timelines");
        let _: String = cells.text("timeline")?;
        Ok(Duration::from_millis(cells.number("wait")?))
    };
    connection.one(HELD_OFF, params![cluster, hold_off], wait).await
}

fn timeline_of(row: &Row) -> Result<Timeline, StoreError> {
    let mut cells = Cells::of(row, "timelines");
    let (name, since) = (cells.text("timeline")?, cells.take("seen_at", optional(instant))?);
    let restored_at = cells.take("restored_at", optional(instant))?;
    Ok(Timeline { name, since, restored_at })
}

async fn read(connection: &Connection, cluster: &str) -> Done<Option<Timeline>> {
    match connection.one(TIMELINE, params![cluster], timeline_of).await {
        Err(failure) if is_unknown(&failure) => Ok(None),
        found => found,
    }
}

/// Whether the server does not know the question, or does not answer it to everybody.
pub(super) fn is_unknown(failure: &Failure) -> bool {
    let unknown = [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    failure.state().is_some_and(|state| unknown.contains(state))
}
