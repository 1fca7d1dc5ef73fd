//! The ledger of scopes: rows that are written with their grant, and go with it.

use standin::id::GrantId;
use standin::store::StoreError;
use standin::vault::ScopeRecord;
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, instant, optional, params};
use super::work::Done;
use crate::words::Word as _;

const OF_GRANT: &str = "SELECT grant_id, scope, requested_at, granted_at, refused_at, removed_at, \
    source FROM scope_ledger WHERE grant_id = $1 ORDER BY scope";
const PUT: &str = "INSERT INTO scope_ledger \
    (grant_id, scope, requested_at, granted_at, refused_at, removed_at, source) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (grant_id, scope) DO UPDATE SET requested_at = $3, \
    granted_at = $4, refused_at = $5, removed_at = $6, source = $7";
const FORGET: &str = "DELETE FROM scope_ledger WHERE grant_id = $1";

/// The records of a grant.
pub(super) async fn of_grant(connection: &Connection, grant: GrantId) -> Done<Vec<ScopeRecord>> {
    connection.all(OF_GRANT, params![grant.as_bytes()], record_of).await
}

/// Writes records of a grant that is there and was written by the same transaction.
pub(super) async fn put(
    connection: &Connection,
    grant: GrantId,
    records: &[ScopeRecord],
) -> Done<()> {
    for record in records {
        let row = params![
            grant.as_bytes(),
            &record.scope,
            record.requested_at,
            record.granted_at,
            record.refused_at,
            record.removed_at,
            record.source.word(),
        ];
        connection.execute(PUT, row).await?;
    }
    Ok(())
}

/// Forgets the records of a grant that this transaction has deleted.
pub(super) async fn forget(connection: &Connection, grant: GrantId) -> Done<()> {
    connection.execute(FORGET, params![grant.as_bytes()]).await?;
    Ok(())
}

fn record_of(row: &Row) -> Result<ScopeRecord, StoreError> {
    let mut cells = Cells::of(row, "scope_ledger");
    let _: GrantId = cells.id("grant_id")?;
    Ok(ScopeRecord {
        scope: cells.text("scope")?,
        requested_at: cells.take("requested_at", optional(instant))?,
        granted_at: cells.take("granted_at", optional(instant))?,
        refused_at: cells.take("refused_at", optional(instant))?,
        removed_at: cells.take("removed_at", optional(instant))?,
        source: cells.word("source")?,
    })
}
