//! Receipts: kept beside what they tell of, in one transaction with it where there is one.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::id::{AttemptId, UserId};
use standin::store::{ReceiptFilter, ReceiptKind, ReceiptRow, Receipts, Result};
use standin::time::Timestamp;
use standin::verify::ProviderId;

use super::SqliteStore;
use super::failure::Failure;
use super::housekeeping::CHUNK;
use super::rows::{Cells, all, execute, id, limit, one, optional, text};

macro_rules! columns {
    () => {
        "attempt_id, provider, kind, code, offline, user_id, is_new_user, begun_at, ended_at, steps"
    };
}

/// Over a row only if the attempt went on after it.
const PUT: &str = concat!(
    "INSERT INTO receipts (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (attempt_id) DO UPDATE SET \
    provider = excluded.provider, kind = excluded.kind, code = excluded.code, \
    offline = excluded.offline, user_id = excluded.user_id, is_new_user = excluded.is_new_user, \
    begun_at = excluded.begun_at, ended_at = excluded.ended_at, steps = excluded.steps \
    WHERE receipts.kind = 'turned_away'"
);
const BY_ATTEMPT: &str = concat!("SELECT ", columns!(), " FROM receipts WHERE attempt_id = ?1");
const NEWEST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM receipts WHERE (?1 IS NULL OR provider = ?1) AND (?2 IS NULL OR user_id = ?2) \
    AND (NOT ?3 OR kind <> 'done') ORDER BY attempt_id DESC LIMIT ?4"
);
const FIRST_TO_GO: &str = "SELECT ended_at FROM receipts WHERE kind = ?1 \
    ORDER BY ended_at DESC LIMIT 1 OFFSET ?2";
const PRUNE: &str = "DELETE FROM receipts WHERE rowid IN \
    (SELECT rowid FROM receipts WHERE kind = ?1 AND ended_at <= ?2 LIMIT ?3)";

#[async_trait]
impl Receipts for SqliteStore {
    async fn put_receipt(&self, receipt: ReceiptRow) -> Result<()> {
        self.write(move |connection| put(connection, &receipt)).await
    }

    async fn receipt(&self, attempt: AttemptId) -> Result<Option<ReceiptRow>> {
        self.read(|connection| one(connection, BY_ATTEMPT, [attempt.as_bytes()], receipt_of))
    }

    async fn receipts(&self, wanted: &ReceiptFilter) -> Result<Vec<ReceiptRow>> {
        let page = params![
            wanted.provider.as_ref().map(ProviderId::as_str),
            wanted.user.as_ref().map(UserId::as_bytes),
            wanted.failed,
            limit(wanted.limit)
        ];
        self.read(|connection| all(connection, NEWEST, page, receipt_of))
    }

    async fn prune_receipts(
        &self,
        kind: ReceiptKind,
        until: Timestamp,
        most: usize,
    ) -> Result<usize> {
        let until = self.first_to_go(kind, most)?.map_or(until, |first| until.max(first)).unix_ms();
        let mut pruned = 0;
        loop {
            let chunk = self.write(move |connection| {
                execute(connection, PRUNE, params![kind.word(), until, CHUNK])
            });
            let rows = chunk.await?;
            pruned += rows;
            if limit(rows) < CHUNK {
                return Ok(pruned);
            }
        }
    }
}

impl SqliteStore {
    /// When the newest ended of those that are too many.
    fn first_to_go(&self, kind: ReceiptKind, most: usize) -> Result<Option<Timestamp>> {
        let beyond = params![kind.word(), limit(most)];
        let end = |row: &Row<'_>| Cells::of(row, "receipts").instant("ended_at");
        self.read(|connection| one(connection, FIRST_TO_GO, beyond, end))
    }
}

/// Keeps one, inside whatever transaction is open.
pub(super) fn put(
    connection: &Connection,
    receipt: &ReceiptRow,
) -> std::result::Result<(), Failure> {
    let row = params![
        receipt.attempt.as_bytes(),
        receipt.provider.as_str(),
        receipt.kind.word(),
        receipt.code,
        receipt.offline.map(standin::receipt::Offline::word),
        receipt.user.as_ref().map(UserId::as_bytes),
        receipt.is_new_user,
        receipt.begun_at.unix_ms(),
        receipt.ended_at.unix_ms(),
        receipt.steps
    ];
    execute(connection, PUT, row)?;
    Ok(())
}

fn receipt_of(row: &Row<'_>) -> Result<ReceiptRow> {
    let mut cells = Cells::of(row, "receipts");
    Ok(ReceiptRow {
        attempt: cells.id("attempt_id")?,
        provider: cells.parsed("provider")?,
        kind: cells.word("kind")?,
        code: cells.take("code", optional(text))?,
        offline: cells.take("offline", optional(|cell| cell.as_str().ok()?.parse().ok()))?,
        user: cells.take("user_id", optional(id))?,
        is_new_user: cells.flag("is_new_user")?,
        begun_at: cells.instant("begun_at")?,
        ended_at: cells.instant("ended_at")?,
        steps: cells.text("steps")?,
    })
}
