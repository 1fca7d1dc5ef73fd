//! Spent tokens: the insert that finds a row in its way is the one that came too late.

use async_trait::async_trait;
use standin::store::{Result, Spent, SpentKind};
use standin::time::Timestamp;

use super::PostgresStore;
use super::connection::Connection;
use super::rows::params;
use super::work::{Done, work};
use crate::words::Word as _;

const SPEND: &str = "INSERT INTO spent (sha256, kind, until_ms) VALUES ($1, $2, $3) \
    ON CONFLICT DO NOTHING";

#[async_trait]
impl Spent for PostgresStore {
    async fn spend(&self, kind: SpentKind, sha256: &[u8; 32], until: Timestamp) -> Result<bool> {
        work!(self, Write, |connection| spend(connection, kind, sha256, until).await)
    }
}

/// Spends a token, inside whatever transaction is open. Whether it was the first time.
pub(super) async fn spend(
    connection: &Connection,
    kind: SpentKind,
    sha256: &[u8; 32],
    until: Timestamp,
) -> Done<bool> {
    Ok(connection.execute(SPEND, params![sha256, kind.word(), until]).await? == 1)
}
