//! Why a database was not opened. Whatever the reason, its bytes are as they were: a file that is not
//! understood is never repaired, replaced or made anew.

use std::io;
use std::path::PathBuf;

/// The words are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made, read or written.
    #[error("the database {} cannot be opened: {source}", path.display())]
    CannotOpen {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite cannot make sense of the file, or a part of it is missing.
    #[error(
        "the database {} is corrupt ({detail}): nothing was changed; restore it from a backup",
        path.display()
    )]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A newer Standin has been here.
    #[error(
        "the database {} has schema {found}, and this program knows schemas up to {known}: \
         run the newer program, or restore an older backup",
        path.display()
    )]
    NewerSchema {
        /// Which.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// It was asked to be opened as it is, and its schema is old.
    #[error(
        "the database {database} is one of an older release: {pending} migrations are missing, and processes of that \
         release can no longer read it once they are applied. Stop those, take a backup and run `standin migrate`; or \
         use the program of that release"
    )]
    NeedsMigration {
        /// Which.
        database: String,
        /// How many.
        pending: usize,
    },
    /// It is neither `sqlite://` and a path, nor `postgres://`.
    #[error(
        "a database URL is `sqlite:///absolute/path`, `sqlite://relative/path` or \
         `postgres://user:password@host/database`"
    )]
    NotAUrl,
    /// Others than its owner may read or write it.
    #[error(
        "the file {} has mode {mode:04o}: others than its owner may use it; `chmod 600` it",
        path.display()
    )]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else than an SQLite database.
    #[error("{} is not an SQLite database", path.display())]
    NotSqlite {
        /// Which.
        path: PathBuf,
    },
    /// An SQLite database of another program.
    #[error("{} is an SQLite database, but not Standin's", path.display())]
    NotStandin {
        /// Which.
        path: PathBuf,
    },
    /// A PostgreSQL server that is not used.
    #[error(transparent)]
    Server(#[from] crate::postgres::ServerError),
    /// A setting that durability or secrecy depends on did not take.
    #[error("SQLite did not take the setting `{setting}`: it answers {found}")]
    Setting {
        /// What was asked.
        setting: &'static str,
        /// What it is instead.
        found: String,
    },
    /// The database is in use by somebody else, or its disk fails.
    #[error("the database {} cannot be used: {detail}", path.display())]
    Unavailable {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// No such database.
    #[error("there is no storage for `{0}://`: use sqlite:// or postgres://")]
    UnknownScheme(String),
}
