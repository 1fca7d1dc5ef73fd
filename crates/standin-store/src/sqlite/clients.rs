//! Clients: found by the hash of their key. A revoked one keeps its row, so that its key stays taken.

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};
use standin::id::ClientId;
use standin::store::{ClientRow, Clients, Outdated, Result, StoreError};
use standin::time::Timestamp;
use standin::vend::Policy;

use super::rows::{Cells, all, execute, one};
use super::{SqliteStore, cluster, events};

macro_rules! columns {
    () => {
        "id, name, key_sha256, policy, created_at"
    };
}

const ADD: &str = concat!("INSERT INTO clients (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5)");
const BY_KEY: &str =
    concat!("SELECT ", columns!(), " FROM clients WHERE key_sha256 = ?1 AND revoked_at IS NULL");
const ALL: &str =
    concat!("SELECT ", columns!(), " FROM clients WHERE revoked_at IS NULL ORDER BY id");
const REVOKE: &str = "UPDATE clients SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";

#[async_trait]
impl Clients for SqliteStore {
    async fn add_client(&self, client: ClientRow) -> Result<()> {
        let policy = serde_json::to_string(&client.policy)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.write(move |connection| {
            let row = params![
                client.id.as_bytes(),
                client.name,
                client.key_sha256,
                policy,
                client.created_at.unix_ms()
            ];
            execute(connection, ADD, row)?;
            events::append(connection, &client.event_added())
        })
        .await
    }

    async fn client_by_key(&self, key_sha256: &[u8; 32]) -> Result<Option<ClientRow>> {
        self.read(|connection| one(connection, BY_KEY, [key_sha256], client_of))
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        self.read(|connection| all(connection, ALL, [], client_of))
    }

    async fn revoke_client(&self, id: ClientId, at: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let revoked = execute(connection, REVOKE, params![id.as_bytes(), at.unix_ms()])?;
            if revoked == 1 {
                events::append(connection, &ClientRow::event_revoked(id, at))?;
                cluster::note(connection, Outdated::Client(id))?;
            }
            Ok(revoked == 1)
        })
        .await
    }
}

fn client_of(row: &Row<'_>) -> Result<ClientRow> {
    let mut cells = Cells::of(row, "clients");
    Ok(ClientRow {
        id: cells.id("id")?,
        name: cells.text("name")?,
        key_sha256: cells.hash("key_sha256")?,
        policy: cells.take("policy", policy)?,
        created_at: cells.instant("created_at")?,
    })
}

fn policy(cell: ValueRef<'_>) -> Option<Policy> {
    serde_json::from_str(cell.as_str().ok()?).ok()
}
