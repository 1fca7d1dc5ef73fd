//! The wrapped data keys, and how many rows need them.

use async_trait::async_trait;
use standin::store::{DataKeyRow, DataKeyUse, DataKeys, Epoch, LOOKBACK, Result, StoreError};
use standin::vault::Sealed;
use tokio::time::sleep;
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, hash, instant, optional, params, text};
use super::work::{Done, work};
use super::{PostgresStore, cluster};
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
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
);
/// Takes the same parameters. What never changes is not written.
const REPLACE: &str = "UPDATE data_keys SET version = $2, wrapped_by = $3, wrapped = $4, \
    activated_at = $6, retired_at = $7, removed_at = $8, key_check = $9 \
    WHERE id = $1 AND version = $2 - 1 AND $5 IS NOT NULL AND tenant IS NOT DISTINCT FROM $10";

/// Waits for every transaction that has sealed something before, and lets go at once. Whoever writes a grant meanwhile
/// waits behind it, and so does a vacuum of the table. Without numbers of transactions all of them are over after
/// [`LOOKBACK`] instead (`reports.rs`).
const LET_WRITERS_FINISH: &str = "LOCK TABLE grants, revocations IN SHARE MODE";

/// The first six bytes of a value name its key (`standin::vault::header`). A grant counts once for each key. Every
/// grant is looked at once.
const USE: &str = "WITH pairs AS (SELECT substr(sealed_access, 1, 6) AS access, \
    substr(sealed_refresh, 1, 6) AS refresh, count(*) AS grants FROM grants GROUP BY 1, 2) \
    SELECT header, sum(grants)::bigint AS grants, sum(revocations)::bigint AS revocations FROM (\
    SELECT access AS header, grants, 0 AS revocations FROM pairs WHERE access IS NOT NULL \
    UNION ALL SELECT refresh, grants, 0 FROM pairs \
    WHERE refresh IS NOT NULL AND refresh IS DISTINCT FROM access \
    UNION ALL SELECT substr(sealed_token, 1, 6), 0, count(*) FROM revocations GROUP BY 1) AS headers \
    GROUP BY header ORDER BY header";

#[async_trait]
impl DataKeys for PostgresStore {
    async fn data_keys(&self) -> Result<Vec<DataKeyRow>> {
        work!(self, Scan, |connection| connection.all(ALL, params![], data_key_of).await)
    }

    async fn add_data_key(&self, key: DataKeyRow) -> Result<()> {
        work!(self, Write, |connection| write(connection, ADD, &key).await)
    }

    async fn replace_data_key(&self, key: DataKeyRow) -> Result<()> {
        work!(self, Write, |connection| {
            write(connection, REPLACE, &key).await?;
            if key.removed_at.is_some() {
                cluster::begin_epoch(connection, &Epoch::Everything).await?;
            }
            Ok(())
        })
    }

    async fn data_key_use(&self) -> Result<Vec<DataKeyUse>> {
        let counts = work!(self, Count, |connection| connection.all(USE, params![], use_of).await);
        Ok(by_key(counts?))
    }

    async fn let_writers_finish(&self) -> Result<()> {
        // Such a server has no lock either, or one that counts on one machine.
        if self.reports.is_none() {
            sleep(LOOKBACK).await;
            return Ok(());
        }
        work!(self, Write, |connection| {
            connection.execute(LET_WRITERS_FINISH, params![]).await.map(drop)
        })
    }
}

async fn write(connection: &Connection, sql: &'static str, key: &DataKeyRow) -> Done<()> {
    // A number beyond PostgreSQL's own is the successor of none that is stored.
    let version = i64::try_from(key.version).map_err(|_| StoreError::Conflict)?;
    let row = params![
        key.id,
        version,
        &key.wrapped_by,
        &key.wrapped,
        key.created_at,
        key.activated_at,
        key.retired_at,
        key.removed_at,
        key.key_check.as_ref().map(<[u8; 16]>::as_slice),
        key.tenant.as_deref(),
    ];
    match connection.execute(sql, row).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict.into()),
    }
}

fn data_key_of(row: &Row) -> Result<DataKeyRow> {
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

fn use_of(row: &Row) -> Result<DataKeyUse> {
    let mut cells = Cells::of(row, "grants");
    Ok(DataKeyUse {
        key: Sealed::from_bytes(cells.bytes("header")?).data_key(),
        grants: cells.number("grants")?,
        revocations: cells.number("revocations")?,
    })
}
