//! Where Standin keeps its rows: one implementation of [`standin::store::Store`] per database.
//!
//! ```text
//! [database] url ─▶ open ─┬▶ sqlite::SqliteStore     one file, processes of one machine
//!                         └▶ postgres::PostgresStore  one server, any number of processes   ─▶ Arc<dyn Store>
//! ```
//!
//! The URL is looked at here and nowhere else. All stores hold to the same laws
//! (`standin::store::conformance`), so that whoever holds a `dyn Store` need not know which one it is.

mod backup;
mod error;
mod inspect;
pub mod journal;
mod legible;
pub mod postgres;
pub mod sqlite;
mod terms;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use standin::store::Store;

pub use backup::{Backup, BackupError, backup, restore};
pub use error::OpenError;
pub use inspect::{Facts, FileFacts, ServerFacts, inspect};

/// Whether a database could be at `url`. Nothing is opened or asked.
pub fn check_url(url: &str) -> Result<(), OpenError> {
    match url.parse()? {
        Location::Sqlite(_) => Ok(()),
        Location::Postgres => Ok(postgres::check_url(url)?),
    }
}

/// The file that `url` names; `None` where it names no file.
#[must_use]
pub fn file_of(url: &str) -> Option<PathBuf> {
    match url.parse() {
        Ok(Location::Sqlite(path)) => Some(path),
        Ok(Location::Postgres) | Err(_) => None,
    }
}

/// Opens the database that `url` names, making it or bringing its schema up to date where needed.
///
/// `sqlite:///var/lib/standin/standin.db` is an absolute path, `sqlite://standin.db` one relative to the
/// working directory. `postgres://user:password@host/database` is a server, which must have the database already
/// and prove who it is; see [`postgres`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    match url.parse()? {
        Location::Sqlite(path) => Ok(Arc::new(sqlite::SqliteStore::open(&path)?)),
        // Boxed: whoever awaits this inside other futures would otherwise come near the compiler's limit of depth.
        Location::Postgres => Ok(Arc::new(Box::pin(postgres::PostgresStore::open(url)).await?)),
    }
}

/// Opens it for a program that stands beside the service: as [`open`] does where there are no tables yet, and otherwise
/// as it is, without writing anything. One that an older release has made is refused ([`OpenError::NeedsMigration`]):
/// processes of that release may be at work on it.
pub async fn open_beside(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    let pending = pending_migrations(url).await?;
    let is_new = pending.first().is_some_and(|first| first.starts_with("V1__"));
    if !pending.is_empty() && !is_new {
        let database = match url.parse()? {
            Location::Sqlite(path) => path.display().to_string(),
            Location::Postgres => postgres::name_of(url)?,
        };
        return Err(OpenError::NeedsMigration { database, pending: pending.len() });
    }
    match url.parse()? {
        Location::Postgres if !is_new => {
            Ok(Arc::new(Box::pin(postgres::PostgresStore::open_beside(url)).await?))
        }
        _ => open(url).await,
    }
}

/// Brings the schema of the database that `url` names up to date. The migrations that were applied.
pub async fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
    match url.parse()? {
        Location::Sqlite(path) => sqlite::migrate(&path),
        Location::Postgres => Ok(postgres::migrate(url).await?),
    }
}

/// The migrations that the database still needs. Nothing is written; a file that does not exist needs all of
/// them.
pub async fn pending_migrations(url: &str) -> Result<Vec<String>, OpenError> {
    match url.parse()? {
        Location::Sqlite(path) => sqlite::pending_migrations(&path),
        Location::Postgres => Ok(postgres::pending_migrations(url).await?),
    }
}

/// Which database, and where.
enum Location {
    Postgres,
    Sqlite(PathBuf),
}

impl std::str::FromStr for Location {
    type Err = OpenError;
    fn from_str(url: &str) -> Result<Self, OpenError> {
        // An error names the scheme alone: the rest may hold a password.
        let (scheme, rest) = url.split_once("://").ok_or(OpenError::NotAUrl)?;
        match scheme {
            "sqlite" if rest.is_empty() || rest.contains('?') => Err(OpenError::NotAUrl),
            "sqlite" => Ok(Self::Sqlite(rest.into())),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(OpenError::UnknownScheme(scheme.to_owned())),
        }
    }
}
