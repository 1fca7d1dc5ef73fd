//! Failovers: a standby that takes over may not have the newest commits of the server before it.
//!
//! What is lost then are rows that tokens were answered for (the journal of whoever was answered brings them back) and
//! leases, and without its lease a refresh token that somebody is asking for just now looks free. So nobody claims one
//! for as long as a lease lasts: whoever was asking has ended by then.
//!
//! ```text
//! a claim ─▶ which timeline is this? ─ known for long ─▶ the lease, or who has it
//!                  └─ new: put in, with the time, by the same statement ─▶ held
//! ```
//!
//! A server that takes over begins a new timeline, and names it at any time, also behind a pooler whose clients never
//! notice. Servers that cannot lose a commit (those that agree on each of them, storage that is shared) have no timelines to
//! tell of, and need none.

use standin::store::{StoreError, Timeline};
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

/// The server's timeline: the first eight digits of the name of the file that it writes its log to.
macro_rules! timeline {
    () => {
        "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
    };
}

/// Puts the timeline in, if it is new. The first one of a database is no failover.
macro_rules! note_timeline {
    () => {
        concat!(
            "INSERT INTO timelines (timeline, seen_at) SELECT ",
            $crate::postgres::failovers::timeline!(),
            ", CASE WHEN EXISTS (SELECT 1 FROM timelines) THEN ",
            $crate::postgres::failovers::now_ms!(),
            " ELSE 0 END ON CONFLICT (timeline) DO NOTHING RETURNING seen_at"
        )
    };
}
pub(super) use {note_timeline, timeline};

const TIMELINE: &str = concat!(
    "SELECT ",
    timeline!(),
    " AS timeline, (SELECT max(seen_at) FROM timelines WHERE seen_at > 0) AS seen_at"
);
const NOTE: &str = note_timeline!();

impl PostgresStore {
    /// Notes the timeline that the server is on. Whether it has such a thing.
    pub(super) async fn note_timeline(&self) -> Result<bool, StoreError> {
        if self.read_timeline().await?.is_none() {
            return Ok(false);
        }
        work!(self, Write, |connection| connection.execute(NOTE, params![]).await.map(|_| true))
    }

    /// The timeline that the server is on, if it has such a thing.
    pub(super) async fn read_timeline(&self) -> Result<Option<Timeline>, StoreError> {
        work!(self, Read, |connection| read(connection).await)
    }
}

async fn read(connection: &Connection) -> Done<Option<Timeline>> {
    let timeline = |row: &Row| {
        let mut cells = Cells::of(row, "timelines");
        let (name, since) = (cells.text("timeline")?, cells.take("seen_at", optional(instant))?);
        Ok(Timeline { name, since })
    };
    match connection.one(TIMELINE, params![], timeline).await {
        Err(failure) if is_unknown(&failure) => Ok(None),
        found => found,
    }
}

/// Whether the server does not know the question, or does not answer it to everybody.
fn is_unknown(failure: &Failure) -> bool {
    let unknown = [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    failure.state().is_some_and(|state| unknown.contains(state))
}
