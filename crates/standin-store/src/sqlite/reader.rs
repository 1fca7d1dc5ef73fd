//! Connections that read, on the thread that asks.
//!
//! Every thread has a slot of its own as long as there are enough of them, so that it finds the connection,
//! the page cache and the prepared statements it used before, and waits for nobody. The slots belong to the
//! store and not to the threads: when the store goes, so do all of its connections.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use standin::store::{Pool, StoreError};

use super::anchor::Reads;
use super::connection::open_reader;
use super::failure::Failure;

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";

type Slot = Mutex<Option<Connection>>;

/// The slots, empty until a thread first reads.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    reads: Reads,
    slots: Box<[Slot]>,
}

impl Readers {
    /// Twice as many as there are processors: the threads of a runtime, and some that block.
    pub(super) fn new(path: &Path, reads: Reads) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            path: path.to_owned(),
            reads,
            slots: (0..processors * 2).map(|_| Mutex::default()).collect(),
        }
    }

    /// Runs `query` here and now.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.reads.happen();
        let mut slot = self.slot();
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = query(&connection);
        // A connection on which SQLite failed is not used again: a new one may do better.
        if !matches!(result, Err(Failure::Sqlite(_))) {
            *slot = Some(connection);
        }
        result
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many connections there are, and how many of them are reading.
    pub(super) fn pool(&self) -> Pool {
        let mut pool = Pool { most: self.slots.len() as u64, ..Pool::default() };
        for slot in &self.slots {
            // Whoever holds it reads.
            let is_open = slot.try_lock().map_or(None, |connection| Some(connection.is_some()));
            pool.open += u64::from(is_open != Some(false));
            pool.busy += u64::from(is_open.is_none());
        }
        pool
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        let mine = THREAD.with(|number| *number);
        let from_mine = (mine..).take(self.slots.len());
        let mut slots = from_mine.map(|number| &self.slots[number % self.slots.len()]);
        slots
            .find_map(|slot| slot.try_lock().ok())
            .unwrap_or_else(|| lock(&self.slots[mine % self.slots.len()]))
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let unavailable = |error| StoreError::Unavailable(format!("{error}"));
        open_reader(&self.path).map_err(unavailable)
    }
}

/// The slot of a query that panicked is empty, and so as good as new.
fn lock(slot: &Slot) -> MutexGuard<'_, Option<Connection>> {
    slot.clear_poison();
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Runs several statements over one snapshot.
pub(super) fn in_snapshot<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.prepare_cached(BEGIN)?.execute([])?;
    let result = query(connection);
    connection.prepare_cached(COMMIT)?.execute([])?;
    result
}
