//! The schema: whose file it is, which migrations it has had, and bringing it up to date.
//!
//! A file is looked at through a connection that cannot write before anything is written to it, so that
//! whatever is refused stays as it was (requirement ST-3).

use std::path::Path;

use refinery::{Migration, Runner};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::connection::{open_reader, open_writer};
use super::file;
use crate::OpenError;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// `PRAGMA application_id` of the first migration.
const APPLICATION_ID: i64 = 0x5374_6e64;

/// Files up to this size are checked page by page at every start; a larger one would take seconds.
const CHECKED_SIZE: i64 = 8 << 20;

const WHOSE: &str = "PRAGMA application_id";
/// The history is made before the first migration: alone it says that somebody was stopped there.
const TABLES: &str =
    "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'";
const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
const CHECK: &str = "PRAGMA quick_check(1)";
const HAS_HISTORY: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";

/// A table that is made anew takes along nothing that refers to it, and a row that was damaged comes along as it is: whoever
/// reads it refuses it alone.
const UNJUDGED: &str = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON";

/// All migrations, by name.
pub(super) fn all_migrations() -> Vec<String> {
    newer_than(0)
}

/// The migrations that the file still needs.
pub(super) fn pending(path: &Path) -> Result<Vec<String>, OpenError> {
    Ok(newer_than(version_of(path)?))
}

/// Applies them, all or none. A process that does the same at the same time is let finish.
pub(super) fn migrate(path: &Path) -> Result<Vec<String>, OpenError> {
    if file::is_half_begun(path) {
        // A connection that only reads cannot undo it, and is told that the file is read-only.
        drop(open_writer(path)?);
    }
    let applied = pending(path)?;
    if applied.is_empty() {
        return Ok(applied);
    }
    match apply(&mut open_writer(path)?, path) {
        Ok(()) => Ok(applied),
        // Whoever was faster has made the tables that we could not make.
        Err(_) if pending(path)?.is_empty() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Applies what the file that is open at `path` still needs, all or none.
pub(super) fn apply(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    connection.execute_batch(UNJUDGED).map_err(|error| OpenError::from_sqlite(path, &error))?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let applied = runner().set_grouped(true).run(connection);
    applied.map(drop).map_err(|error| OpenError::Unavailable {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

fn runner() -> Runner {
    embedded::migrations::runner()
}

fn newer_than(version: i64) -> Vec<String> {
    let mut migrations = runner().get_migrations().clone();
    migrations.retain(|migration| i64::from(migration.version()) > version);
    migrations.sort();
    migrations.iter().map(Migration::to_string).collect()
}

/// The newest migration that the file has had; 0 for an empty file.
fn version_of(path: &Path) -> Result<i64, OpenError> {
    let refused = |error| OpenError::from_sqlite(path, &error);
    let connection = open_reader(path)?;
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if number(TABLES).map_err(refused)? == 0 {
        return Ok(0);
    }
    let is_ours = number(WHOSE).map_err(refused)? == APPLICATION_ID;
    let history = number(HAS_HISTORY).optional().map_err(refused)?;
    if !is_ours || history.is_none() {
        let path = path.to_owned();
        return Err(OpenError::NotStandin { path });
    }
    if number(SIZE).map_err(refused)? <= CHECKED_SIZE {
        refuse_damage(path, &connection)?;
    }
    let found = number(NEWEST).map_err(refused)?;
    let versions = runner();
    let versions = versions.get_migrations().iter().map(Migration::version);
    let known = versions.map(i64::from).max().unwrap_or(0);
    if found > known {
        let path = path.to_owned();
        return Err(OpenError::NewerSchema { path, found, known });
    }
    Ok(found)
}

fn refuse_damage(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let detail: String = connection
        .query_row(CHECK, [], |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(path, &error))?;
    if detail == "ok" {
        return Ok(());
    }
    let path = path.to_owned();
    Err(OpenError::Corrupt { path, detail })
}
