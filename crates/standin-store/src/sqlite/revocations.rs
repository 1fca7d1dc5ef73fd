//! The queue of tokens that wait to be revoked at their providers.

use rusqlite::{Connection, Row, params};
use standin::id::GrantId;
use standin::store::{Damaged, Listed, Result as StoreResult, RevocationRow, StoreError};
use standin::time::Timestamp;
use standin::vault::{Sealed, header};

use super::failure::Failure;
use super::rewraps::none_retired;
use super::rows::{Cells, all, execute, limit};
use crate::legible::legible;

const QUEUE: &str = concat!(
    "INSERT INTO revocations (grant_id, queued_at, provider, sealed_token, retry_at, attempts) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ",
    none_retired!("?7")
);
const DUE: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts \
    FROM revocations WHERE retry_at <= ?1 ORDER BY queued_at, grant_id LIMIT ?2";
const TO_REWRAP: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts FROM revocations \
    WHERE (queued_at, grant_id) > (?1, ?2) AND substr(sealed_token, 1, 6) <> ?4 \
    ORDER BY queued_at, grant_id LIMIT ?3";
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
        revocation.attempts,
        Sealed::from_bytes(revocation.sealed_token.clone()).data_key(),
    ];
    match execute(connection, QUEUE, row)? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict.into()),
    }
}

pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    rows: usize,
) -> Result<Vec<RevocationRow>, Failure> {
    let due = params![now.unix_ms(), limit(rows)];
    Ok(legible(all(connection, DUE, due, |row| Ok(revocation_of(row)))?)?)
}

/// Rows by their keys.
type Page = Vec<Listed<RevocationRow, (Timestamp, GrantId)>>;

/// Revocations whose token does not begin as the active key's do.
pub(super) fn to_rewrap(
    connection: &Connection,
    active: u32,
    after: Option<(Timestamp, GrantId)>,
    rows: usize,
) -> Result<Page, Failure> {
    let queued_at = after.map_or(i64::MIN, |(queued_at, _)| queued_at.unix_ms());
    let grant = after.map_or_else(Vec::new, |(_, grant)| grant.as_bytes().to_vec());
    let page = params![queued_at, grant, limit(rows), header(active)];
    all(connection, TO_REWRAP, page, listed)
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

/// One that cannot be read is in nobody's way, unless it has no key.
fn listed(row: &Row<'_>) -> StoreResult<Listed<RevocationRow, (Timestamp, GrantId)>> {
    let mut cells = Cells::of(row, "revocations");
    let grant = cells.id("grant_id")?;
    let key = (cells.instant("queued_at")?, grant);
    Ok(revocation_of(row).map_err(|error| Damaged { key, error }))
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
