//! From cells to values, and from values to cells.
//!
//! As for SQLite, a cell that says something impossible makes [`StoreError::Inconsistent`], naming the table, the
//! column and the row, and never a panic or a guess. PostgreSQL's texts cannot hold the character NUL, and ours can:
//! it is written as two characters that nobody types (`escaped`), so that what comes back is what went in.

use std::borrow::Cow;

use crate::words::{Id, Word};
use bytes::{BufMut as _, BytesMut};
use standin::id::{AttemptId, ClientId, GrantId, SessionId, UserId};
use standin::store::StoreError;
use standin::time::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Column, Row};

type Fault = Box<dyn std::error::Error + Sync + Send>;

/// A parameter of a statement. Each carries its type, so that no statement has to be prepared to learn it.
pub(super) enum Value<'v> {
    Bytes(Option<Cow<'v, [u8]>>),
    Flag(bool),
    Id(Option<[u8; 16]>),
    Number(Option<i64>),
    Text(Option<Cow<'v, str>>),
}

impl Value<'_> {
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Bytes(_) => Type::BYTEA,
            Self::Flag(_) => Type::BOOL,
            Self::Id(_) => Type::UUID,
            Self::Number(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
        }
    }
}

/// They may be sealed, and are nobody's to read all the same.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self {
            Self::Bytes(Some(bytes)) => out.put_slice(bytes),
            Self::Flag(flag) => out.put_u8(u8::from(*flag)),
            Self::Id(Some(id)) => out.put_slice(id),
            Self::Number(Some(number)) => out.put_i64(*number),
            Self::Text(Some(text)) => out.put_slice(escaped(text).as_bytes()),
            Self::Bytes(None) | Self::Id(None) | Self::Number(None) | Self::Text(None) => {
                return Ok(IsNull::Yes);
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

macro_rules! values {
    ($($lifetime:lifetime $from:ty, $value:ident => $made:expr;)+) => {$(
        impl<$lifetime> From<$from> for Value<$lifetime> {
            fn from($value: $from) -> Self {
                $made
            }
        }
    )+};
}
values! {
    'v &'v [u8], bytes => Self::Bytes(Some(bytes.into()));
    'v &'v Vec<u8>, bytes => Self::Bytes(Some(bytes.into()));
    'v &'v [u8; 32], bytes => Self::Bytes(Some(bytes.as_slice().into()));
    'v Option<&'v [u8]>, bytes => Self::Bytes(bytes.map(Cow::from));
    'v Option<[u8; 32]>, bytes => Self::Bytes(bytes.map(|bytes| bytes.to_vec().into()));
    'v &'v [u8; 16], id => Self::Id(Some(*id));
    'v Option<&'v [u8; 16]>, id => Self::Id(id.copied());
    'v &'v str, text => Self::Text(Some(text.into()));
    'v &'v String, text => Self::Text(Some(text.into()));
    'v String, text => Self::Text(Some(text.into()));
    'v Option<&'v str>, text => Self::Text(text.map(Cow::from));
    'v &'v Option<String>, text => Self::Text(text.as_deref().map(Cow::from));
    'v i64, number => Self::Number(Some(number));
    'v u32, number => Self::Number(Some(number.into()));
    'v Option<i64>, number => Self::Number(number);
    'v Option<u32>, number => Self::Number(number.map(i64::from));
    'v Timestamp, at => Self::Number(Some(at.unix_ms()));
    'v Option<Timestamp>, at => Self::Number(at.map(Timestamp::unix_ms));
    'v bool, flag => Self::Flag(flag);
}

/// The parameters of a statement, in order.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::postgres::rows::Value::from($value)),*]
    };
}
pub(super) use params;

/// What stands for NUL, and what stands for itself: no character that people write.
const ESCAPE: char = '\u{1a}';
const NUL: char = '0';

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => escaped.extend([ESCAPE, NUL]),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            other => escaped.push(other),
        }
    }
    escaped.into()
}

/// `None` for what we have not written.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains(ESCAPE) {
        return Some(text.to_owned());
    }
    let mut unescaped = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        unescaped.push(match (character, character == ESCAPE) {
            (_, true) => match characters.next()? {
                NUL => '\0',
                ESCAPE => ESCAPE,
                _ => return None,
            },
            (other, false) => other,
        });
    }
    Some(unescaped)
}

/// A cell as it came: its type, and its bytes if there are any.
#[derive(Clone, Copy)]
pub(super) struct Cell<'row> {
    kind: Kind,
    bytes: Option<&'row [u8]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes,
    Flag,
    Id,
    Number,
    Text,
    Other,
}

impl<'row> Cell<'row> {
    fn of(self, kind: Kind) -> Option<&'row [u8]> {
        self.bytes.filter(|_| self.kind == kind)
    }
}

impl<'row> FromSql<'row> for Cell<'row> {
    fn from_sql(kind: &Type, bytes: &'row [u8]) -> Result<Self, Fault> {
        let kind = match *kind {
            Type::BOOL => Kind::Flag,
            Type::BYTEA => Kind::Bytes,
            Type::INT8 => Kind::Number,
            Type::TEXT => Kind::Text,
            Type::UUID => Kind::Id,
            _ => Kind::Other,
        };
        Ok(Self { kind, bytes: Some(bytes) })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self { kind: Kind::Other, bytes: None })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The cells of a row, one after the other, in the order in which the statement names them. The first one
/// names the row.
pub(super) struct Cells<'row> {
    row: &'row Row,
    table: &'static str,
    first: usize,
    next: usize,
}

impl<'row> Cells<'row> {
    /// From the first cell on.
    pub(super) const fn of(row: &'row Row, table: &'static str) -> Self {
        Self::from(row, table, 0)
    }

    /// From the cell `first` on, for rows of two tables beside each other.
    pub(super) const fn from(row: &'row Row, table: &'static str, first: usize) -> Self {
        Self { row, table, first, next: first }
    }

    /// Any value, as `read` reads it.
    pub(super) fn take<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(Cell<'row>) -> Option<T>,
    ) -> Result<T, StoreError> {
        let index = self.next;
        self.next += 1;
        debug_assert_eq!(self.row.columns().get(index).map(Column::name), Some(column));
        self.cell(index).and_then(read).ok_or_else(|| self.inconsistent(column))
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
        self.take(column, |cell| cell.of(Kind::Bytes).map(<[u8]>::to_vec))
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.take(column, |cell| number(cell)?.try_into().ok())
    }

    pub(super) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        self.take(column, |cell| match cell.of(Kind::Flag)? {
            [0] => Some(false),
            [1] => Some(true),
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
        self.take(column, |cell| text(cell)?.parse().ok())
    }

    /// A value that is written as a word.
    pub(super) fn word<T: Word>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.take(column, word)
    }

    fn cell(&self, index: usize) -> Option<Cell<'row>> {
        self.row.try_get(index).ok()
    }

    /// What names the row: an id in its public form, whatever else as it is.
    fn name(&self) -> String {
        let cell = self.cell(self.first);
        let name = cell.and_then(|cell| match self.table {
            "attempts" | "receipts" => id::<AttemptId>(cell).map(|id| id.to_string()),
            "clients" => id::<ClientId>(cell).map(|id| id.to_string()),
            "grants" | "refresh_leases" | "revocations" | "scope_ledger" => {
                id::<GrantId>(cell).map(|id| id.to_string())
            }
            "sessions" => id::<SessionId>(cell).map(|id| id.to_string()),
            "users" => id::<UserId>(cell).map(|id| id.to_string()),
            _ => number(cell).map(|number| number.to_string()),
        });
        name.or_else(|| cell.and_then(text)).unwrap_or_else(|| "?".to_owned())
    }
}

/// Reads a cell that may be empty with one of the readers below.
pub(super) fn optional<'c, T>(
    read: impl FnOnce(Cell<'c>) -> Option<T>,
) -> impl FnOnce(Cell<'c>) -> Option<Option<T>> {
    |cell| match cell.bytes {
        None => Some(None),
        Some(_) => read(cell).map(Some),
    }
}

pub(super) fn id<T: Id>(cell: Cell<'_>) -> Option<T> {
    cell.of(Kind::Id)?.try_into().ok().map(T::of)
}

pub(super) fn uuid(cell: Cell<'_>) -> Option<[u8; 16]> {
    cell.of(Kind::Id)?.try_into().ok()
}

pub(super) fn hash<const BYTES: usize>(cell: Cell<'_>) -> Option<[u8; BYTES]> {
    cell.of(Kind::Bytes)?.try_into().ok()
}

pub(super) fn bytes(cell: Cell<'_>) -> Option<Vec<u8>> {
    cell.of(Kind::Bytes).map(<[u8]>::to_vec)
}

pub(super) fn instant(cell: Cell<'_>) -> Option<Timestamp> {
    number(cell).map(Timestamp::from_unix_ms)
}

pub(super) fn text(cell: Cell<'_>) -> Option<String> {
    unescaped(std::str::from_utf8(cell.of(Kind::Text)?).ok()?)
}

pub(super) fn number(cell: Cell<'_>) -> Option<i64> {
    cell.of(Kind::Number)?.try_into().ok().map(i64::from_be_bytes)
}

/// What the word in the cell stands for.
pub(super) fn word<T: Word>(cell: Cell<'_>) -> Option<T> {
    T::of_word(&text(cell)?)
}

/// A limit as PostgreSQL takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was_and_most_are_stored_as_they_are() {
        for plain in ["", "Ada", "a\\0b", "é\u{202e}😀"] {
            assert_eq!(escaped(plain), plain);
            assert_eq!(unescaped(plain).as_deref(), Some(plain));
        }
        for odd in ["\0", "\u{1a}", "a\0b\u{1a}0", "\u{1a}\0\u{1a}\u{1a}"] {
            let stored = escaped(odd);
            assert!(!stored.contains('\0'));
            assert_eq!(unescaped(&stored).as_deref(), Some(odd));
        }
    }

    #[test]
    fn a_text_that_we_have_not_written_is_not_guessed_at() {
        for strange in ["\u{1a}", "a\u{1a}b"] {
            assert_eq!(unescaped(strange), None);
        }
    }
}
