//! Clients: found by the hash of their key. A revoked one keeps its row, so that its key stays taken.

use async_trait::async_trait;
use standin::id::ClientId;
use standin::store::{ClientRow, Clients, Outdated, Result, StoreError};
use standin::time::Timestamp;
use standin::vend::Policy;
use tokio_postgres::Row;

use super::rows::{Cell, Cells, params, text};
use super::work::work;
use super::{PostgresStore, cluster, events};

macro_rules! columns {
    () => {
        "id, name, key_sha256, policy, created_at"
    };
}

const ADD: &str = concat!("INSERT INTO clients (", columns!(), ") VALUES ($1, $2, $3, $4, $5)");
const BY_KEY: &str =
    concat!("SELECT ", columns!(), " FROM clients WHERE key_sha256 = $1 AND revoked_at IS NULL");
const ALL: &str =
    concat!("SELECT ", columns!(), " FROM clients WHERE revoked_at IS NULL ORDER BY id");
const REVOKE: &str = "UPDATE clients SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

#[async_trait]
impl Clients for PostgresStore {
    async fn add_client(&self, client: ClientRow) -> Result<()> {
        let policy = serde_json::to_string(&client.policy)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        work!(self, Write, |connection| {
            let row = params![
                client.id.as_bytes(),
                &client.name,
                &client.key_sha256,
                &policy,
                client.created_at
            ];
            connection.execute(ADD, row).await?;
            events::append(connection, &client.event_added()).await
        })
    }

    async fn client_by_key(&self, key_sha256: &[u8; 32]) -> Result<Option<ClientRow>> {
        work!(self, Read, |connection| {
            connection.one(BY_KEY, params![key_sha256], client_of).await
        })
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        work!(self, Scan, |connection| connection.all(ALL, params![], client_of).await)
    }

    async fn revoke_client(&self, id: ClientId, at: Timestamp) -> Result<bool> {
        work!(self, Write, |connection| {
            let is_revoked = connection.execute(REVOKE, params![id.as_bytes(), at]).await? == 1;
            if is_revoked {
                events::append(connection, &ClientRow::event_revoked(id, at)).await?;
                cluster::note(connection, Outdated::Client(id)).await?;
            }
            Ok(is_revoked)
        })
    }
}

fn client_of(row: &Row) -> Result<ClientRow> {
    let mut cells = Cells::of(row, "clients");
    Ok(ClientRow {
        id: cells.id("id")?,
        name: cells.text("name")?,
        key_sha256: cells.hash("key_sha256")?,
        policy: cells.take("policy", policy)?,
        created_at: cells.instant("created_at")?,
    })
}

fn policy(cell: Cell<'_>) -> Option<Policy> {
    serde_json::from_str(&text(cell)?).ok()
}
