//! The wrapped data keys: added, and never changed.

use async_trait::async_trait;
use rusqlite::{Row, params};
use standin::store::{DataKeyRow, DataKeys, Result};

use super::SqliteStore;
use super::rows::{Cells, all, execute};

const ALL: &str = "SELECT id, wrapped_by, wrapped, created_at FROM data_keys ORDER BY id";
const ADD: &str =
    "INSERT INTO data_keys (id, wrapped_by, wrapped, created_at) VALUES (?1, ?2, ?3, ?4)";

#[async_trait]
impl DataKeys for SqliteStore {
    async fn data_keys(&self) -> Result<Vec<DataKeyRow>> {
        self.read(|connection| all(connection, ALL, [], data_key_of))
    }

    async fn add_data_key(&self, key: DataKeyRow) -> Result<()> {
        self.write(move |connection| {
            let row = params![key.id, key.wrapped_by, key.wrapped, key.created_at.unix_ms()];
            execute(connection, ADD, row)?;
            Ok(())
        })
        .await
    }
}

fn data_key_of(row: &Row<'_>) -> Result<DataKeyRow> {
    let mut cells = Cells::of(row, "data_keys");
    Ok(DataKeyRow {
        id: cells.number("id")?,
        wrapped_by: cells.text("wrapped_by")?,
        wrapped: cells.bytes("wrapped")?,
        created_at: cells.instant("created_at")?,
    })
}
