//! A read transaction that nobody reads in, held so that those of the others are cheap.
//!
//! Every read is a transaction of its own. It takes a shared lock on one of the marks in the index of the log and
//! releases it: two system calls, which weigh as much as finding the row. A lock that another connection of the same
//! process holds is only counted (`unixShmLock` in SQLite's `os_unix.c`). So one more connection, the anchor, holds
//! the newest mark while many read:
//!
//! ```text
//! MANY reads ─▶ cast ─▶ reads without system calls ─▶ weighed: we write, or HELD is over ─▶ MANY reads ─▶ …
//! ```
//!
//! What is read stays as new as it was: each reader looks itself how far the log has come, and takes another mark if
//! that is further. But what is held keeps the log from being folded into the file and begun anew. So the thread that
//! writes has the anchor, and weighs it before each of its transactions; where another process was found to write, it
//! is left alone for [`REST`]; and where little is read, nothing is held.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::open_reader;
use super::reader::{BEGIN, COMMIT};
use crate::OpenError;

/// How many reads go without an anchor before one is cast.
const MANY: u32 = 16;
/// How long it is held at most. Of thousands of reads in this time, those that go without do not matter.
const HELD: Duration = Duration::from_millis(100);
/// How long none is cast after another process wrote. It folds the log when it writes, and has most of the time for it.
const REST: Duration = Duration::from_secs(1);

/// Another number whenever somebody else has written. Being a read, it begins the transaction.
const DATA_VERSION: &str = "PRAGMA data_version";

/// Counts reads since the anchor was weighed. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    reads: AtomicU32,
    are_many: Notify,
}

impl Reads {
    /// Somebody is about to read.
    pub(super) fn happen(&self) {
        // The count goes on while the anchor is held, so nobody is called twice.
        if self.0.reads.fetch_add(1, Ordering::Relaxed) + 1 == MANY {
            self.0.are_many.notify_one();
        }
    }

    async fn are_many(&self) {
        self.0.are_many.notified().await;
    }

    fn count_anew(&self) {
        self.0.reads.store(0, Ordering::Relaxed);
    }
}

/// Its owner is the thread that writes.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    reads: Reads,
    /// There is none before there has been use for one.
    weighed: Option<Connection>,
    held: Option<Held>,
    rests_until: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    connection: Connection,
    data_version: i64,
}

impl Anchor {
    /// For the database at `path`, of which `reads` counts the reads.
    pub(super) fn new(path: &Path, reads: Reads) -> Self {
        Self { path: path.to_owned(), reads, weighed: None, held: None, rests_until: None }
    }

    /// Waits for what there is to write; meanwhile the anchor comes and goes. It is weighed when this returns.
    pub(super) async fn until<T>(&mut self, written: impl Future<Output = T>) -> T {
        let due = tokio::select! {
            biased;
            due = written => due,
            never = self.come_and_go() => match never {},
        };
        self.weigh();
        due
    }

    async fn come_and_go(&mut self) -> Infallible {
        loop {
            if let Some(rested) = self.rests_until {
                tokio::time::sleep_until(rested).await;
            }
            self.reads.are_many().await;
            // Without one reads cost more, and that is all.
            if let Err(error) = self.cast() {
                tracing::debug!(%error, "reads go without an anchor");
            }
            tokio::time::sleep(HELD).await;
            self.weigh();
        }
    }

    fn cast(&mut self) -> Result<(), OpenError> {
        let connection = match self.weighed.take() {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        let begun = transact(&connection, BEGIN);
        let data_version = begun.map_err(|error| OpenError::from_sqlite(&self.path, &error))?;
        self.held = Some(Held { connection, data_version });
        Ok(())
    }

    fn weigh(&mut self) {
        self.reads.count_anew();
        let Some(Held { connection, data_version }) = self.held.take() else { return };
        // One that cannot let go is closed, which does it.
        let Ok(found) = transact(&connection, COMMIT) else { return };
        if found != data_version {
            self.rests_until = Some(Instant::now() + REST);
        }
        self.weighed = Some(connection);
    }
}

/// What the version of the data is after a statement.
fn transact(connection: &Connection, statement: &'static str) -> rusqlite::Result<i64> {
    connection.prepare_cached(statement)?.execute([])?;
    connection.prepare_cached(DATA_VERSION)?.query_row([], |row| row.get(0))
}
