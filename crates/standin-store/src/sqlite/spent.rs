//! Spent tokens: the insert that finds a row in its way is the one that came too late.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use standin::store::{Result, Spent, SpentKind};
use standin::time::Timestamp;

use super::SqliteStore;
use super::failure::Failure;
use super::rows::execute;
use crate::words::Word as _;

const SPEND: &str = "INSERT INTO spent (sha256, kind, until_ms) VALUES (?1, ?2, ?3) \
    ON CONFLICT DO NOTHING";

#[async_trait]
impl Spent for SqliteStore {
    async fn spend(&self, kind: SpentKind, sha256: &[u8; 32], until: Timestamp) -> Result<bool> {
        let sha256 = *sha256;
        self.write(move |connection| spend(connection, kind, &sha256, until)).await
    }
}

/// Spends a token, inside whatever transaction is open. Whether it was the first time.
pub(super) fn spend(
    connection: &Connection,
    kind: SpentKind,
    sha256: &[u8; 32],
    until: Timestamp,
) -> std::result::Result<bool, Failure> {
    let row = params![sha256, kind.word(), until.unix_ms()];
    Ok(execute(connection, SPEND, row)? == 1)
}
