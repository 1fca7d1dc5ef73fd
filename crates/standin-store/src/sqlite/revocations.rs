//! The queue of tokens that wait to be revoked at their providers.

use rusqlite::{Connection, Row, params};
use standin::id::GrantId;
use standin::store::{Damaged, Listed, Page, Result as StoreResult, RevocationRow, StoreError};
use standin::time::Timestamp;
use standin::vault::{Sealed, header};

use super::failure::Failure;
use super::rewraps::none_retired;
use super::rows::{Cells, all, execute, limit, one};
use crate::legible::legible;

const QUEUE: &str = concat!(
    "INSERT INTO revocations (grant_id, queued_at, provider, sealed_token, retry_at, attempts) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ",
    none_retired!("?7")
);
const DUE: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts \
    FROM revocations WHERE retry_at <= ?1 ORDER BY retry_at, queued_at, grant_id LIMIT ?2";
/// The last of the rows that are looked at.
const LAST_OF_PAGE: &str = "SELECT grant_id, queued_at FROM (SELECT grant_id, queued_at FROM revocations \
    WHERE (queued_at, grant_id) > (?1, ?2) ORDER BY queued_at, grant_id LIMIT ?3) AS page \
    ORDER BY queued_at DESC, grant_id DESC LIMIT 1";
/// Of those that are looked at, and of no others.
const TO_REWRAP: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts FROM revocations \
    WHERE (queued_at, grant_id) > (?1, ?2) AND (queued_at, grant_id) <= (?3, ?4) \
    AND substr(sealed_token, 1, 6) <> ?5 ORDER BY queued_at, grant_id";
const FINISH: &str = "DELETE FROM revocations WHERE grant_id = ?1 AND queued_at = ?2";
const POSTPONE: &str = "UPDATE revocations SET retry_at = ?3, attempts = attempts + 1 \
    WHERE grant_id = ?1 AND queued_at = ?2 AND attempts = ?4";

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

/// By what a row is found, in the order in which they come.
type Key = (Timestamp, GrantId);

/// Revocations whose token does not begin as the active key's do.
pub(super) fn to_rewrap(
    connection: &Connection,
    active: u32,
    after: Option<Key>,
    look_at: usize,
) -> Result<Page<RevocationRow, Key>, Failure> {
    let queued_at = after.map_or(i64::MIN, |(queued_at, _)| queued_at.unix_ms());
    let grant = after.map_or_else(Vec::new, |(_, grant)| grant.as_bytes().to_vec());
    let next = params![queued_at, grant, limit(look_at.max(1))];
    let Some(last) = one(connection, LAST_OF_PAGE, next, key_of)? else {
        return Ok(Page { rows: Vec::new(), last: None });
    };
    let page = params![queued_at, grant, last.0.unix_ms(), last.1.as_bytes(), header(active)];
    let rows = all(connection, TO_REWRAP, page, listed)?;
    Ok(Page { rows, last: Some(last) })
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
    attempts: u32,
    retry_at: Timestamp,
) -> Result<bool, Failure> {
    let row = params![grant.as_bytes(), queued_at.unix_ms(), retry_at.unix_ms(), attempts];
    Ok(execute(connection, POSTPONE, row)? == 1)
}

/// One that cannot be read is in nobody's way, unless it has no key.
fn listed(row: &Row<'_>) -> StoreResult<Listed<RevocationRow, Key>> {
    let key = key_of(row)?;
    Ok(revocation_of(row).map_err(|error| Damaged { key, error }))
}

fn key_of(row: &Row<'_>) -> StoreResult<Key> {
    let mut cells = Cells::of(row, "revocations");
    let grant = cells.id("grant_id")?;
    Ok((cells.instant("queued_at")?, grant))
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
