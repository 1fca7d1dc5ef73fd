//! Sealing again what other data keys have sealed: each row only as it was read.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use standin::id::GrantId;
use standin::store::{Page, Result, RevocationRow, RewrappedGrant, Rewraps, unhurried};
use standin::time::Timestamp;
use standin::vault::{Grant, Sealed};

use super::failure::Failure;
use super::rows::execute;
use super::{SqliteStore, grants, revocations};

/// Whether none of these keys is retired: the condition of every statement that writes a sealed value.
macro_rules! none_retired {
    ($keys:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM data_keys WHERE retired_at IS NOT NULL AND id IN (",
            $keys,
            "))"
        )
    };
}
pub(super) use none_retired;

const REWRAP_GRANT: &str = concat!(
    "UPDATE grants SET sealed_access = ?3, sealed_refresh = ?4, version = version + 1 \
     WHERE id = ?1 AND version = ?2 AND ",
    none_retired!("?5, ?6")
);
const REWRAP_REVOCATION: &str = concat!(
    "UPDATE revocations SET sealed_token = ?3 WHERE grant_id = ?1 AND queued_at = ?2 AND ",
    none_retired!("?4")
);

#[async_trait]
impl Rewraps for SqliteStore {
    async fn grants_to_rewrap(
        &self,
        active: u32,
        after: Option<GrantId>,
        look_at: usize,
    ) -> Result<Page<Grant, GrantId>> {
        self.read(|connection| grants::to_rewrap(connection, active, after, look_at))
    }

    async fn rewrap_grants(&self, grants: Vec<RewrappedGrant>) -> Result<usize> {
        self.write(move |connection| sum(unhurried(&grants).map(|row| grant(connection, row))))
            .await
    }

    async fn revocations_to_rewrap(
        &self,
        active: u32,
        after: Option<(Timestamp, GrantId)>,
        look_at: usize,
    ) -> Result<Page<RevocationRow, (Timestamp, GrantId)>> {
        self.read(|connection| revocations::to_rewrap(connection, active, after, look_at))
    }

    async fn rewrap_revocations(&self, revocations: Vec<RevocationRow>) -> Result<usize> {
        self.write(move |connection| {
            sum(unhurried(&revocations).map(|row| revocation(connection, row)))
        })
        .await
    }
}

fn sum(
    written: impl Iterator<Item = std::result::Result<usize, Failure>>,
) -> std::result::Result<usize, Failure> {
    written.sum()
}

fn grant(connection: &Connection, row: &RewrappedGrant) -> std::result::Result<usize, Failure> {
    // A version beyond SQLite's own is none that is stored.
    let Ok(version) = i64::try_from(row.version) else { return Ok(0) };
    let (access, refresh) = (row.tokens.access.as_ref(), row.tokens.refresh.as_ref());
    let row = params![
        row.id.as_bytes(),
        version,
        access.map(Sealed::as_bytes),
        refresh.map(Sealed::as_bytes),
        access.and_then(Sealed::data_key),
        refresh.and_then(Sealed::data_key),
    ];
    execute(connection, REWRAP_GRANT, row)
}

fn revocation(connection: &Connection, row: &RevocationRow) -> std::result::Result<usize, Failure> {
    let key = Sealed::from_bytes(row.sealed_token.clone()).data_key();
    let row = params![row.grant.as_bytes(), row.queued_at.unix_ms(), row.sealed_token, key];
    execute(connection, REWRAP_REVOCATION, row)
}
