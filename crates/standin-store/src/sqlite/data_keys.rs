//! The wrapped data keys, and how many rows need them.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::store::{DataKeyRow, DataKeyUse, DataKeys, Epoch, Result, StoreError};
use standin::time::Timestamp;
use standin::vault::Sealed;

use super::connection::empty_log;
use super::failure::Failure;
use super::rows::{Cells, all, execute, hash, instant, optional, text};
use super::{SqliteStore, cluster};
use crate::words::by_key;

macro_rules! columns {
    () => {
        "id, version, wrapped_by, wrapped, created_at, activated_at, retired_at, removed_at, key_check, tenant"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM data_keys ORDER BY id");
const ADD: &str = concat!(
    "INSERT INTO data_keys (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
);
/// Takes the same parameters. What never changes is not written.
const REPLACE: &str = "UPDATE data_keys SET version = ?2, wrapped_by = ?3, wrapped = ?4, \
    activated_at = ?6, retired_at = ?7, removed_at = ?8, key_check = ?9 \
    WHERE id = ?1 AND version = ?2 - 1 AND ?5 IS NOT NULL AND tenant IS ?10";

/// The first six bytes of a value name its key (`standin::vault::header`). A grant counts once for each key. Every
/// grant is looked at once.
const USE: &str = "WITH pairs AS (SELECT substr(sealed_access, 1, 6) AS access, \
    substr(sealed_refresh, 1, 6) AS refresh, count(*) AS grants FROM grants GROUP BY 1, 2) \
    SELECT header, sum(grants) AS grants, sum(revocations) AS revocations FROM (\
    SELECT access AS header, grants, 0 AS revocations FROM pairs WHERE access IS NOT NULL \
    UNION ALL SELECT refresh, grants, 0 FROM pairs \
    WHERE refresh IS NOT NULL AND refresh IS NOT access \
    UNION ALL SELECT substr(sealed_token, 1, 6), 0, count(*) FROM revocations GROUP BY 1) AS headers \
    GROUP BY header ORDER BY header";

#[async_trait]
impl DataKeys for SqliteStore {
    async fn data_keys(&self) -> Result<Vec<DataKeyRow>> {
        self.read(|connection| all(connection, ALL, [], data_key_of))
    }

    async fn add_data_key(&self, key: DataKeyRow) -> Result<()> {
        self.write(move |connection| write(connection, ADD, &key)).await
    }

    async fn replace_data_key(&self, key: DataKeyRow) -> Result<()> {
        let is_destroyed = key.removed_at.is_some();
        let written = self.write(move |connection| {
            write(connection, REPLACE, &key)?;
            if is_destroyed {
                cluster::begin_epoch(connection, Epoch::Everything)?;
            }
            Ok(())
        });
        written.await?;
        if is_destroyed {
            self.empty_log().await;
        }
        Ok(())
    }

    async fn data_key_use(&self) -> Result<Vec<DataKeyUse>> {
        let counts = self.read(|connection| all(connection, USE, [], use_of))?;
        Ok(by_key(counts))
    }
}

impl SqliteStore {
    /// What was overwritten stands in the log until the log is begun anew, which may be never. The change stands, whether
    /// this goes well or not.
    async fn empty_log(&self) {
        let path = self.readers.path().to_owned();
        let emptied = tokio::task::spawn_blocking(move || empty_log(&path)).await;
        if !matches!(emptied, Ok(Ok(true))) {
            tracing::warn!(
                ?emptied,
                "a data key was destroyed, and its row of before still stands in the write-ahead log, which others use; it \
                 is gone once all processes that use the database have stopped"
            );
        }
    }
}

fn write(
    connection: &Connection,
    sql: &'static str,
    key: &DataKeyRow,
) -> std::result::Result<(), Failure> {
    // A number beyond SQLite's own is the successor of none that is stored.
    let version = i64::try_from(key.version).map_err(|_| StoreError::Conflict)?;
    let row = params![
        key.id,
        version,
        key.wrapped_by,
        key.wrapped,
        key.created_at.unix_ms(),
        key.activated_at.map(Timestamp::unix_ms),
        key.retired_at.map(Timestamp::unix_ms),
        key.removed_at.map(Timestamp::unix_ms),
        key.key_check,
        key.tenant,
    ];
    match execute(connection, sql, row)? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict.into()),
    }
}

fn data_key_of(row: &Row<'_>) -> Result<DataKeyRow> {
    let mut cells = Cells::of(row, "data_keys");
    Ok(DataKeyRow {
        id: cells.number("id")?,
        version: cells.number("version")?,
        wrapped_by: cells.text("wrapped_by")?,
        wrapped: cells.bytes("wrapped")?,
        created_at: cells.instant("created_at")?,
        activated_at: cells.take("activated_at", optional(instant))?,
        retired_at: cells.take("retired_at", optional(instant))?,
        removed_at: cells.take("removed_at", optional(instant))?,
        key_check: cells.take("key_check", optional(hash))?,
        tenant: cells.take("tenant", optional(text))?,
    })
}

fn use_of(row: &Row<'_>) -> Result<DataKeyUse> {
    let mut cells = Cells::of(row, "grants");
    Ok(DataKeyUse {
        key: Sealed::from_bytes(cells.bytes("header")?).data_key(),
        grants: cells.number("grants")?,
        revocations: cells.number("revocations")?,
    })
}
