//! The queue of tokens that wait to be revoked at their providers.

use standin::id::GrantId;
use standin::store::{Damaged, Listed, Page, Result as StoreResult, RevocationRow, StoreError};
use standin::time::Timestamp;
use standin::vault::{Sealed, header};
use tokio_postgres::Row;

use super::connection::Connection;
use super::rewraps::none_retired;
use super::rows::{Cells, limit, params};
use super::work::Done;
use crate::legible::legible;

const QUEUE: &str = concat!(
    "INSERT INTO revocations (grant_id, queued_at, provider, sealed_token, retry_at, attempts) \
     SELECT $1, $2, $3, $4, $5, $6 WHERE ",
    none_retired!("$7")
);
const DUE: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts \
    FROM revocations WHERE retry_at <= $1 ORDER BY retry_at, queued_at, grant_id LIMIT $2";
/// The last of the rows that are looked at.
const LAST_OF_PAGE: &str = "SELECT grant_id, queued_at FROM (SELECT grant_id, queued_at FROM revocations \
    WHERE (queued_at, grant_id) > ($1, $2) ORDER BY queued_at, grant_id LIMIT $3) AS page \
    ORDER BY queued_at DESC, grant_id DESC LIMIT 1";
/// Of those that are looked at, and of no others.
const TO_REWRAP: &str = "SELECT grant_id, queued_at, provider, sealed_token, retry_at, attempts FROM revocations \
    WHERE (queued_at, grant_id) > ($1, $2) AND (queued_at, grant_id) <= ($3, $4) \
    AND substr(sealed_token, 1, 6) <> $5 ORDER BY queued_at, grant_id";
const FINISH: &str = "DELETE FROM revocations WHERE grant_id = $1 AND queued_at = $2";
const POSTPONE: &str = "UPDATE revocations SET retry_at = $3, attempts = attempts + 1 \
    WHERE grant_id = $1 AND queued_at = $2 AND attempts = $4";

pub(super) async fn queue(connection: &Connection, revocation: &RevocationRow) -> Done<()> {
    let row = params![
        revocation.grant.as_bytes(),
        revocation.queued_at,
        revocation.provider.as_str(),
        &revocation.sealed_token,
        revocation.retry_at,
        revocation.attempts,
        Sealed::from_bytes(revocation.sealed_token.clone()).data_key(),
    ];
    match connection.execute(QUEUE, row).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict.into()),
    }
}

pub(super) async fn due(
    connection: &Connection,
    now: Timestamp,
    rows: usize,
) -> Done<Vec<RevocationRow>> {
    let due = params![now, limit(rows)];
    Ok(legible(connection.all(DUE, due, |row| Ok(revocation_of(row))).await?)?)
}

/// By what a row is found, in the order in which they come.
type Key = (Timestamp, GrantId);

/// Revocations whose token does not begin as the active key's do.
pub(super) async fn to_rewrap(
    connection: &Connection,
    active: u32,
    after: Option<Key>,
    look_at: usize,
) -> Done<Page<RevocationRow, Key>> {
    let queued_at = after.map_or(i64::MIN, |(queued_at, _)| queued_at.unix_ms());
    let grant = after.map_or_else(|| GrantId::from_bytes([0; 16]), |(_, grant)| grant);
    let next = params![queued_at, grant.as_bytes(), limit(look_at.max(1))];
    let Some(last) = connection.one(LAST_OF_PAGE, next, key_of).await? else {
        return Ok(Page { rows: Vec::new(), last: None });
    };
    let header = header(active);
    let page = params![queued_at, grant.as_bytes(), last.0, last.1.as_bytes(), header.as_slice()];
    let rows = connection.all(TO_REWRAP, page, listed).await?;
    Ok(Page { rows, last: Some(last) })
}

pub(super) async fn finish(
    connection: &Connection,
    grant: GrantId,
    queued_at: Timestamp,
) -> Done<()> {
    connection.execute(FINISH, params![grant.as_bytes(), queued_at]).await?;
    Ok(())
}

pub(super) async fn postpone(
    connection: &Connection,
    grant: GrantId,
    queued_at: Timestamp,
    attempts: u32,
    retry_at: Timestamp,
) -> Done<bool> {
    let row = params![grant.as_bytes(), queued_at, retry_at, attempts];
    Ok(connection.execute(POSTPONE, row).await? == 1)
}

/// One that cannot be read is in nobody's way, unless it has no key.
fn listed(row: &Row) -> StoreResult<Listed<RevocationRow, Key>> {
    let key = key_of(row)?;
    Ok(revocation_of(row).map_err(|error| Damaged { key, error }))
}

fn key_of(row: &Row) -> StoreResult<Key> {
    let mut cells = Cells::of(row, "revocations");
    let grant = cells.id("grant_id")?;
    Ok((cells.instant("queued_at")?, grant))
}

fn revocation_of(row: &Row) -> StoreResult<RevocationRow> {
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
