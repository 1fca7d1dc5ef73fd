//! The ledger of scopes: rows that are written with their grant, and go with it.

use rusqlite::{Connection, Row, params};
use standin::id::GrantId;
use standin::store::StoreError;
use standin::time::Timestamp;
use standin::vault::ScopeRecord;

use super::failure::Failure;
use super::rows::{Cells, all, execute, instant, optional};
use crate::words::Word as _;

const OF_GRANT: &str = "SELECT grant_id, scope, requested_at, granted_at, refused_at, removed_at, \
    source FROM scope_ledger WHERE grant_id = ?1 ORDER BY scope";
const PUT: &str = "INSERT INTO scope_ledger \
    (grant_id, scope, requested_at, granted_at, refused_at, removed_at, source) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET requested_at = ?3, \
    granted_at = ?4, refused_at = ?5, removed_at = ?6, source = ?7";

/// The records of a grant, inside whatever snapshot is open.
pub(super) fn of_grant(
    connection: &Connection,
    grant: GrantId,
) -> Result<Vec<ScopeRecord>, Failure> {
    all(connection, OF_GRANT, [grant.as_bytes()], record_of)
}

/// Writes records of a grant that is there, inside whatever transaction is open.
pub(super) fn put(
    connection: &Connection,
    grant: GrantId,
    records: &[ScopeRecord],
) -> Result<(), Failure> {
    for record in records {
        let row = params![
            grant.as_bytes(),
            record.scope,
            record.requested_at.map(Timestamp::unix_ms),
            record.granted_at.map(Timestamp::unix_ms),
            record.refused_at.map(Timestamp::unix_ms),
            record.removed_at.map(Timestamp::unix_ms),
            record.source.word(),
        ];
        execute(connection, PUT, row)?;
    }
    Ok(())
}

fn record_of(row: &Row<'_>) -> Result<ScopeRecord, StoreError> {
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
