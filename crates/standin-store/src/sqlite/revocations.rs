//! The queue of tokens that wait to be revoked at their providers.

use rusqlite::{Connection, Row, params};
use standin::id::GrantId;
use standin::store::{Result as StoreResult, RevocationRow};
use standin::time::Timestamp;

use super::failure::Failure;
use super::rows::{Cells, all, execute, limit};

const QUEUE: &str = "INSERT INTO revocations \
    (grant_id, queued_at, provider, sealed_token, retry_at, attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const DUE: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts \
    FROM revocations WHERE retry_at <= ?1 ORDER BY queued_at, grant_id LIMIT ?2";
const FINISH: &str = "DELETE FROM revocations WHERE grant_id = ?1 AND queued_at = ?2";
const POSTPONE: &str = "UPDATE revocations SET retry_at = ?3, attempts = attempts + 1 \
    WHERE grant_id = ?1 AND queued_at = ?2";

pub(super) fn queue(connection: &Connection, revocation: &RevocationRow) -> Result<(), Failure> {
    let row = params![
        revocation.grant.as_bytes(),
        revocation.queued_at.unix_ms(),
        revocation.provider.as_str(),
        revocation.sealed_token,
        revocation.retry_at.unix_ms(),
        revocation.attempts
    ];
    execute(connection, QUEUE, row)?;
    Ok(())
}

pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    rows: usize,
) -> Result<Vec<RevocationRow>, Failure> {
    all(connection, DUE, params![now.unix_ms(), limit(rows)], revocation_of)
}

pub(super) fn finish(
    connection: &Connection,
    grant: GrantId,
    queued_at: Timestamp,
) -> Result<(), Failure> {
    execute(connection, FINISH, params![grant.as_bytes(), queued_at.unix_ms()])?;
    Ok(())
}

pub(super) fn postpone(
    connection: &Connection,
    grant: GrantId,
    queued_at: Timestamp,
    retry_at: Timestamp,
) -> Result<(), Failure> {
    let row = params![grant.as_bytes(), queued_at.unix_ms(), retry_at.unix_ms()];
    execute(connection, POSTPONE, row)?;
    Ok(())
}

fn revocation_of(row: &Row<'_>) -> StoreResult<RevocationRow> {
    let mut cells = Cells::of(row, "revocations");
    Ok(RevocationRow {
        grant: cells.id("grant_id")?,
        queued_at: cells.instant("queued_at")?,
        provider: cells.parsed("provider")?,
        sealed_token: cells.bytes("sealed_token")?,
        retry_at: cells.instant("retry_at")?,
        attempts: cells.number("attempts")?,
    })
}
