//! Copies of the database: taken while it is in use, and put in place where there is none.
//!
//! A file is copied here. A server has tools of its own, which know more of it than we do: `pg_dump` and the like.

use std::io;
use std::path::{Path, PathBuf};

use standin::time::Timestamp;

use crate::{Location, OpenError, sqlite};

/// A copy that is whole: it was read through once more after it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// The newest migration it has had.
    pub schema: i64,
}

/// Why there is no copy, or why it was not put in place. Nothing that was there was changed, and nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The copy, or the database it is to become, is not whole.
    #[error("{} is damaged ({detail})", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Something is there already.
    #[error("{} is there already, and is not written over: move it away, or name another place", path.display())]
    Exists {
        /// What.
        path: PathBuf,
    },
    /// A file cannot be made, read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database, or the copy, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy was whole, and the file system does not give it its name.
    #[error(
        "the copy cannot be named {} ({source}): that takes a hard link, or a rename that writes over nothing; name a directory on another file system",
        path.display()
    )]
    Unnamed {
        /// What it was to be named.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// PostgreSQL is copied by its own tools.
    #[error("a PostgreSQL database is copied by PostgreSQL's own tools")]
    Server,
}

/// Copies the database that `url` names to the new file `to`, while services write to it. The copy is the database of
/// one instant, its owner's alone (mode 0600), and was checked.
///
/// It blocks: the disk decides for how long.
///
/// # Errors
/// Any [`BackupError`]; [`BackupError::Server`] for PostgreSQL.
pub fn backup(url: &str, to: &Path) -> Result<Backup, BackupError> {
    match url.parse()? {
        Location::Sqlite(path) => sqlite::backup::copy(&path, to, |_| Ok(())),
        Location::Postgres => Err(BackupError::Server),
    }
}

/// Puts the copy `from` where `url` names a database that is not there.
///
/// Numbers of events go on from the milliseconds of `now`, above any that were given after the copy was taken: whoever
/// reads events by number would pass over those that got the same number twice. And `now` is kept as the time since which
/// what providers gave after the copy is missing: a refusal is believed then, and called what it is. The copy's schema is
/// brought up to date. With `end_sessions` nobody is signed in.
///
/// It blocks: the disk decides for how long.
///
/// # Errors
/// Any [`BackupError`]; [`BackupError::Exists`] if there is a database, or a log of one.
pub fn restore(
    url: &str,
    from: &Path,
    now: Timestamp,
    end_sessions: bool,
) -> Result<Backup, BackupError> {
    match url.parse()? {
        Location::Sqlite(path) => sqlite::backup::put_back(from, &path, now, end_sessions),
        Location::Postgres => Err(BackupError::Server),
    }
}
