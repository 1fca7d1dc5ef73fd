//! Sealing again what other data keys have sealed: each row only as it was read.

use async_trait::async_trait;
use standin::id::GrantId;
use standin::store::{Page, Result, RevocationRow, RewrappedGrant, Rewraps};
use standin::time::Timestamp;
use standin::vault::{Grant, Sealed};

use super::connection::Connection;
use super::rows::params;
use super::work::{Done, work};
use super::{PostgresStore, grants, revocations};

/// Whether none of these keys is retired: the condition of every statement that writes a sealed value. A statement
/// that began before a key was retired does not see it; `data_keys.rs` waits for such ones before it counts.
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
    "UPDATE grants SET sealed_access = $3, sealed_refresh = $4, version = version + 1 \
     WHERE id = $1 AND version = $2 AND ",
    none_retired!("$5, $6")
);
const REWRAP_REVOCATION: &str = concat!(
    "UPDATE revocations SET sealed_token = $3 WHERE grant_id = $1 AND queued_at = $2 AND ",
    none_retired!("$4")
);

#[async_trait]
impl Rewraps for PostgresStore {
    async fn grants_to_rewrap(
        &self,
        active: u32,
        after: Option<GrantId>,
        look_at: usize,
    ) -> Result<Page<Grant, GrantId>> {
        work!(self, Scan, |connection| grants::to_rewrap(connection, active, after, look_at).await)
    }

    async fn rewrap_grants(&self, grants: Vec<RewrappedGrant>) -> Result<usize> {
        work!(self, Write, |connection| {
            let mut written = 0;
            for row in &grants {
                written += grant(connection, row).await?;
            }
            Ok(written)
        })
    }

    async fn revocations_to_rewrap(
        &self,
        active: u32,
        after: Option<(Timestamp, GrantId)>,
        look_at: usize,
    ) -> Result<Page<RevocationRow, (Timestamp, GrantId)>> {
        work!(self, Scan, |connection| {
            revocations::to_rewrap(connection, active, after, look_at).await
        })
    }

    async fn rewrap_revocations(&self, revocations: Vec<RevocationRow>) -> Result<usize> {
        work!(self, Write, |connection| {
            let mut written = 0;
            for row in &revocations {
                written += revocation(connection, row).await?;
            }
            Ok(written)
        })
    }
}

async fn grant(connection: &Connection, row: &RewrappedGrant) -> Done<usize> {
    // A version beyond PostgreSQL's own is none that is stored.
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
    connection.execute(REWRAP_GRANT, row).await
}

async fn revocation(connection: &Connection, row: &RevocationRow) -> Done<usize> {
    let key = Sealed::from_bytes(row.sealed_token.clone()).data_key();
    let row = params![row.grant.as_bytes(), row.queued_at, &row.sealed_token, key];
    connection.execute(REWRAP_REVOCATION, row).await
}
