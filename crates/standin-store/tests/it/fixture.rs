//! A store in a directory of its own.

use std::ops::Deref;
use std::path::PathBuf;

use standin_store::sqlite::SqliteStore;
use tempfile::TempDir;

pub(crate) struct Fixture {
    // Before the directory: what is dropped first still finds its files.
    store: SqliteStore,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn fresh() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("standin.db")).unwrap();
        Self { store, directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("standin.db")
    }

    /// Closes the store as a process does that ends well, and keeps the file.
    pub(crate) fn close(self) -> (TempDir, PathBuf) {
        let path = self.path();
        drop(self.store);
        (self.directory, path)
    }
}

impl Deref for Fixture {
    type Target = SqliteStore;
    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}
