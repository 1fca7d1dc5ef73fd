//! Receipts: kept beside what they tell of, in one transaction with it where there is one.

use async_trait::async_trait;
use standin::id::{AttemptId, UserId};
use standin::store::{ReceiptFilter, ReceiptKind, ReceiptRow, Receipts, Result, StoreError};
use standin::time::Timestamp;
use standin::verify::ProviderId;
use tokio_postgres::Row;

use super::connection::Connection;
use super::housekeeping::CHUNK;
use super::rows::{Cells, id, limit, optional, params, text};
use super::work::{Done, work};
use super::{PostgresStore, users};

macro_rules! columns {
    () => {
        "attempt_id, provider, kind, code, offline, user_id, is_new_user, begun_at, ended_at, steps"
    };
}

/// Over a row only if the attempt went on after it.
const PUT: &str = concat!(
    "INSERT INTO receipts (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (attempt_id) DO UPDATE SET \
    provider = excluded.provider, kind = excluded.kind, code = excluded.code, \
    offline = excluded.offline, user_id = excluded.user_id, is_new_user = excluded.is_new_user, \
    begun_at = excluded.begun_at, ended_at = excluded.ended_at, steps = excluded.steps \
    WHERE receipts.kind = 'turned_away'"
);
const BY_ATTEMPT: &str = concat!("SELECT ", columns!(), " FROM receipts WHERE attempt_id = $1");
const NEWEST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM receipts WHERE ($1 IS NULL OR provider = $1) AND ($2 IS NULL OR user_id = $2) \
    AND (NOT $3 OR kind <> 'done') ORDER BY attempt_id DESC LIMIT $4"
);
const FIRST_TO_GO: &str = "SELECT ended_at FROM receipts WHERE kind = $1 \
    ORDER BY ended_at DESC LIMIT 1 OFFSET $2";
/// An attempt that goes on meanwhile has another kind then (`housekeeping.rs`).
const PRUNE: &str = "DELETE FROM receipts WHERE attempt_id IN \
    (SELECT attempt_id FROM receipts WHERE kind = $1 AND ended_at <= $2 LIMIT $3) \
    AND kind = $1 AND ended_at <= $2";
const FORGET: &str = "DELETE FROM receipts WHERE user_id = $1";

#[async_trait]
impl Receipts for PostgresStore {
    async fn put_receipt(&self, receipt: ReceiptRow) -> Result<()> {
        work!(self, Write, |connection| put_for_somebody(connection, &receipt).await)
    }

    async fn receipt(&self, attempt: AttemptId) -> Result<Option<ReceiptRow>> {
        work!(self, Read, |connection| {
            connection.one(BY_ATTEMPT, params![attempt.as_bytes()], receipt_of).await
        })
    }

    async fn receipts(&self, wanted: &ReceiptFilter) -> Result<Vec<ReceiptRow>> {
        work!(self, Scan, |connection| {
            let page = params![
                wanted.provider.as_ref().map(ProviderId::as_str),
                wanted.user.as_ref().map(UserId::as_bytes),
                wanted.failed,
                limit(wanted.limit)
            ];
            connection.all(NEWEST, page, receipt_of).await
        })
    }

    async fn prune_receipts(
        &self,
        kind: ReceiptKind,
        until: Timestamp,
        most: usize,
    ) -> Result<usize> {
        let first = self.first_to_go(kind, most).await?;
        let until = first.map_or(until, |first| until.max(first));
        let mut pruned = 0;
        loop {
            let rows = work!(self, Write, |connection| {
                connection.execute(PRUNE, params![kind.word(), until, limit(CHUNK)]).await
            })?;
            pruned += rows;
            if rows < CHUNK {
                return Ok(pruned);
            }
        }
    }
}

impl PostgresStore {
    /// When the newest ended of those that are too many.
    async fn first_to_go(&self, kind: ReceiptKind, most: usize) -> Result<Option<Timestamp>> {
        let end = |row: &Row| Cells::of(row, "receipts").instant("ended_at");
        work!(self, Scan, |connection| {
            connection.one(FIRST_TO_GO, params![kind.word(), limit(most)], end).await
        })
    }
}

/// Keeps one. Whoever it is about is locked first, and has to be there.
async fn put_for_somebody(connection: &Connection, receipt: &ReceiptRow) -> Done<()> {
    if let Some(user) = receipt.user
        && users::lock(connection, user).await?.is_none()
    {
        return Err(StoreError::Conflict.into());
    }
    put(connection, receipt).await
}

/// Keeps one about nobody, or about a user whose row this transaction has locked.
pub(super) async fn put(connection: &Connection, receipt: &ReceiptRow) -> Done<()> {
    let row = params![
        receipt.attempt.as_bytes(),
        receipt.provider.as_str(),
        receipt.kind.word(),
        &receipt.code,
        receipt.offline.map(standin::receipt::Offline::word),
        receipt.user.as_ref().map(UserId::as_bytes),
        receipt.is_new_user,
        receipt.begun_at,
        receipt.ended_at,
        &receipt.steps
    ];
    connection.execute(PUT, row).await?;
    Ok(())
}

/// Forgets what is about a user whom this transaction has deleted.
pub(super) async fn forget(connection: &Connection, user: UserId) -> Done<()> {
    connection.execute(FORGET, params![user.as_bytes()]).await?;
    Ok(())
}

fn receipt_of(row: &Row) -> Result<ReceiptRow> {
    let mut cells = Cells::of(row, "receipts");
    Ok(ReceiptRow {
        attempt: cells.id("attempt_id")?,
        provider: cells.parsed("provider")?,
        kind: cells.word("kind")?,
        code: cells.take("code", optional(text))?,
        offline: cells.take("offline", optional(|cell| text(cell)?.parse().ok()))?,
        user: cells.take("user_id", optional(id))?,
        is_new_user: cells.flag("is_new_user")?,
        begun_at: cells.instant("begun_at")?,
        ended_at: cells.instant("ended_at")?,
        steps: cells.text("steps")?,
    })
}
