//! A store in a directory of its own.

use std::fmt::Write as _;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use standin_store::sqlite::SqliteStore;
use tempfile::TempDir;

/// The migrations of one database, by number.
pub(crate) fn migrations(database: &str) -> Vec<(u32, String)> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let migration = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name[1..].split("__").next().unwrap().parse().unwrap();
        (number, fs::read_to_string(&path).unwrap())
    };
    let mut files: Vec<_> =
        fs::read_dir(files).unwrap().map(|entry| migration(entry.unwrap().path())).collect();
    files.sort();
    files
}

/// Bytes as both databases take them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

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
