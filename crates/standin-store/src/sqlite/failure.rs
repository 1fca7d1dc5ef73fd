//! SQLite's errors in our words.
//!
//! Inside this module an operation fails as [`Failure`], so that `?` takes both SQLite's errors and our own;
//! where it leaves, it becomes a [`StoreError`] or an [`OpenError`].

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};
use standin::store::StoreError;

use crate::OpenError;

/// Why a read or a write did not happen.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(Error),
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Sqlite(error) if is_taken(&error) => Self::Conflict,
            Failure::Sqlite(error) => Self::Unavailable(words(&error)),
        }
    }
}

impl OpenError {
    /// What SQLite's error says about the database at `path`.
    pub(super) fn from_sqlite(path: &Path, error: &Error) -> Self {
        let path = path.to_owned();
        let detail = words(error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail }
            }
            _ => Self::Unavailable { path, detail },
        }
    }
}

/// A key that somebody else has, or a row that another one needs and that is gone: read again.
fn is_taken(error: &Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID
                | ffi::SQLITE_CONSTRAINT_UNIQUE
        )
    )
}

/// What an operator can act on, and SQLite's own words. They name tables, never values.
fn words(error: &Error) -> String {
    let cause = match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => "the file cannot be opened",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process holds it",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the file is corrupt",
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::ReadOnly) => "the file or its directory is read-only",
        Some(ErrorCode::SystemIoFailure) => "the disk does not read or write",
        _ => return error.to_string(),
    };
    format!("{cause} ({error})")
}
