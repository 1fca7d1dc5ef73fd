//! From cells to values, and from values to cells.
//!
//! The file may have been edited by hand, restored or damaged: a cell that says something impossible makes
//! [`StoreError::Inconsistent`], naming the table, the column and the row, and never a panic or a guess.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};
use standin::id::{AttemptId, ClientId, GrantId, SessionId, UserId};
use standin::store::StoreError;
use standin::time::Timestamp;

use super::failure::Failure;
use crate::words::{Id, Word};

/// The cells of a row, one after the other, in the order in which the statement names them. The first one
/// names the row.
pub(super) struct Cells<'row> {
    row: &'row Row<'row>,
    table: &'static str,
    first: usize,
    next: usize,
}

impl<'row> Cells<'row> {
    /// From the first cell on.
    pub(super) const fn of(row: &'row Row<'row>, table: &'static str) -> Self {
        Self::from(row, table, 0)
    }

    /// From the cell `first` on, for rows of two tables beside each other.
    pub(super) const fn from(row: &'row Row<'row>, table: &'static str, first: usize) -> Self {
        Self { row, table, first, next: first }
    }

    /// Any value, as `read` reads it.
    pub(super) fn take<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(ValueRef<'row>) -> Option<T>,
    ) -> Result<T, StoreError> {
        let index = self.next;
        self.next += 1;
        debug_assert_eq!(self.row.as_ref().column_name(index), Ok(column));
        let cell = self.row.get_ref(index).ok();
        cell.and_then(read).ok_or_else(|| self.inconsistent(column))
    }

    /// The row is not to be believed, because of this column.
    pub(super) fn inconsistent(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, row: self.name() }
    }

    pub(super) fn id<T: Id>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.take(column, id)
    }

    pub(super) fn hash(&mut self, column: &'static str) -> Result<[u8; 32], StoreError> {
        self.take(column, hash)
    }

    pub(super) fn bytes(&mut self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.take(column, |cell| cell.as_blob().ok().map(<[u8]>::to_vec))
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.take(column, |cell| cell.as_i64().ok()?.try_into().ok())
    }

    pub(super) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        self.take(column, |cell| match cell.as_i64() {
            Ok(0) => Some(false),
            Ok(1) => Some(true),
            _ => None,
        })
    }

    pub(super) fn instant(&mut self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.take(column, instant)
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        self.take(column, text)
    }

    /// A text that is written as `T` reads it.
    pub(super) fn parsed<T: std::str::FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.take(column, |cell| cell.as_str().ok()?.parse().ok())
    }

    /// A value that is written as a word.
    pub(super) fn word<T: Word>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.take(column, word)
    }

    /// What names the row: an id in its public form, whatever else as it is.
    fn name(&self) -> String {
        let cell = self.row.get_ref(self.first).ok();
        let name = cell.and_then(|cell| match self.table {
            "attempts" | "receipts" => id::<AttemptId>(cell).map(|id| id.to_string()),
            "clients" => id::<ClientId>(cell).map(|id| id.to_string()),
            "grants" | "refresh_leases" | "revocations" | "scope_ledger" => {
                id::<GrantId>(cell).map(|id| id.to_string())
            }
            "sessions" => id::<SessionId>(cell).map(|id| id.to_string()),
            "users" => id::<UserId>(cell).map(|id| id.to_string()),
            _ => cell.as_i64().map(|number| number.to_string()).ok(),
        });
        name.or_else(|| cell.and_then(text)).unwrap_or_else(|| "?".to_owned())
    }
}

/// Reads a cell that may be empty with one of the readers below.
pub(super) fn optional<'c, T>(
    read: impl FnOnce(ValueRef<'c>) -> Option<T>,
) -> impl FnOnce(ValueRef<'c>) -> Option<Option<T>> {
    |cell| match cell {
        ValueRef::Null => Some(None),
        cell => read(cell).map(Some),
    }
}

pub(super) fn id<T: Id>(cell: ValueRef<'_>) -> Option<T> {
    cell.as_blob().ok()?.try_into().ok().map(T::of)
}

pub(super) fn hash<const BYTES: usize>(cell: ValueRef<'_>) -> Option<[u8; BYTES]> {
    cell.as_blob().ok()?.try_into().ok()
}

pub(super) fn instant(cell: ValueRef<'_>) -> Option<Timestamp> {
    cell.as_i64().ok().map(Timestamp::from_unix_ms)
}

pub(super) fn text(cell: ValueRef<'_>) -> Option<String> {
    cell.as_str().ok().map(str::to_owned)
}

/// What the word in the cell stands for.
pub(super) fn word<T: Word>(cell: ValueRef<'_>) -> Option<T> {
    T::of_word(cell.as_str().ok()?)
}

/// The only row, if there is one.
pub(super) fn one<T>(
    connection: &Connection,
    sql: &'static str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => Ok(Some(read(row)?)),
        None => Ok(None),
    }
}

/// All rows, in their order.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &'static str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    // One, as a rule.
    let mut found = Vec::with_capacity(1);
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Executes, and gives how many rows it touched.
pub(super) fn execute(
    connection: &Connection,
    sql: &'static str,
    params: impl Params,
) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// A limit as SQLite takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
