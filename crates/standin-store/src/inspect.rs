//! What a database says about itself, for whoever looks after it. Nothing is changed, and services may be running.

use std::path::PathBuf;

use standin::time::Timestamp;

use crate::{Location, OpenError, postgres, sqlite};

/// What there is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Of SQLite.
    File(FileFacts),
    /// Of PostgreSQL.
    Server(ServerFacts),
}

/// A file that was opened with the settings of a service, which read them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Where it is.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// How large its write-ahead log is.
    pub log_bytes: u64,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Host and database, as the URL names them.
    pub name: String,
    /// Of the server.
    pub version: String,
    /// What its clock says, as our transactions see it.
    pub now: Timestamp,
    /// What ours said, in the middle of the question.
    pub asked_at: Timestamp,
    /// Whether a commit reaches the disk at all (`fsync`).
    pub fsync: bool,
    /// Whether a page that was half written is whole again after a crash (`full_page_writes`).
    pub full_page_writes: bool,
    /// `synchronous_commit` of a session; our own transactions set it to `on`.
    pub synchronous_commit: String,
    /// `synchronous_standby_names`: whom a commit waits for.
    pub synchronous_standby_names: String,
    /// Standbys that follow it now.
    pub standbys: u64,
    /// Those of them that commits wait for; `None` if this user may not know.
    pub synchronous_standbys: Option<u64>,
    /// The port that the server itself listens at.
    pub port: u16,
    /// The ports that the URL names: another one is that of a pooler, or of a way in between.
    pub asked_ports: Vec<u16>,
}

/// Asks the database that `url` names, which must be there.
///
/// # Errors
/// [`OpenError`], as when a service opens it.
pub async fn inspect(url: &str) -> Result<Facts, OpenError> {
    match url.parse()? {
        Location::Sqlite(path) => Ok(Facts::File(sqlite::inspect::look(&path)?)),
        Location::Postgres => Ok(Facts::Server(postgres::inspect::ask(url).await?)),
    }
}
