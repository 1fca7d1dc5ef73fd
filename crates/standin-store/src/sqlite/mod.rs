//! SQLite: one file, no server, and an `fsync` behind everything that was acknowledged.
//!
//! ```text
//! a write ─▶ writer thread ─▶ BEGIN IMMEDIATE ─ job ─ job ─ … ─ COMMIT (one fsync) ─▶ answers
//! a read  ─▶ a connection of this thread, on this thread: 5 µs is less than a hop to another
//! ```
//!
//! The read that every request of a browser makes is remembered for a moment, until anything is written
//! (`recent.rs`). Writes wait for each other anyway; waiting in one queue lets those that came together share the price
//! of durability. Reads see a snapshot and wait for nobody; where there are many, they share a lock (`anchor.rs`).

mod accounts;
mod admission;
mod anchor;
mod attempts;
pub(crate) mod backup;
mod census;
mod clients;
mod cluster;
mod connection;
mod data_keys;
mod events;
mod failed_requests;
mod failure;
mod file;
mod grants;
mod housekeeping;
pub(crate) mod inspect;
mod reader;
mod receipts;
mod recent;
mod refreshes;
mod revocations;
mod rewraps;
mod rows;
mod schema;
mod scope_ledger;
mod sessions;
mod signals;
mod spent;
mod users;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use standin::store::{Marks, Result, SessionHash, SessionView};

use crate::OpenError;
use anchor::{Anchor, Reads};
use failure::Failure;
pub(crate) use file::beside;
use reader::Readers;
use recent::{Recent, Writes};
use writer::Writer;

/// A database file, open. Dropping it finishes the writes that were queued and closes the file.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the connection that closes last folds the write-ahead log into the file.
    readers: Readers,
    writer: Writer,
    marks: Arc<Marks>,
    views: Recent<SessionHash, Option<SessionView>>,
}

impl SqliteStore {
    /// Opens the database at `path`, making it (mode 0600, in a directory that exists) or bringing its
    /// schema up to date where needed.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let path = file::make_private(path)?;
        schema::migrate(&path)?;
        Self::start(&path)
    }

    /// Opens a database whose schema is up to date; refuses any other, and makes none.
    pub fn open_existing(path: &Path) -> std::result::Result<Self, OpenError> {
        let path = file::existing_private(path)?;
        match schema::pending(&path)?.len() {
            0 => Self::start(&path),
            pending => {
                let database = path.display().to_string();
                Err(OpenError::NeedsMigration { database, pending })
            }
        }
    }

    fn start(path: &Path) -> std::result::Result<Self, OpenError> {
        let connection = connection::open_writer(path)?;
        let unavailable = |source| OpenError::CannotOpen { path: path.to_owned(), source };
        let (writes, marks) = (Writes::default(), Arc::new(Marks::default()));
        let reads = Reads::default();
        let anchor = Anchor::new(path, reads.clone());
        let writer = Writer::start(connection, anchor, writes.clone(), Arc::clone(&marks));
        Ok(Self {
            readers: Readers::new(path, reads),
            writer: writer.map_err(unavailable)?,
            marks,
            views: Recent::new(writes),
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        Ok(self.readers.read(query)?)
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> std::result::Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(change).await
    }
}

/// Makes the database at `path` or brings its schema up to date. The migrations that were applied.
pub fn migrate(path: &Path) -> std::result::Result<Vec<String>, OpenError> {
    schema::migrate(&file::make_private(path)?)
}

/// The migrations that the database at `path` still needs; all of them, if there is none. Nothing is
/// written.
pub fn pending_migrations(path: &Path) -> std::result::Result<Vec<String>, OpenError> {
    if file::is_missing(path) {
        return Ok(schema::all_migrations());
    }
    schema::pending(&file::existing_private(path)?)
}
