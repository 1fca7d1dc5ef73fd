//! The schema: which migrations the database has had, and bringing it up to date.
//!
//! All that is missing is done in one transaction, which PostgreSQL can: whoever is killed in the middle has done
//! nothing. Each migration first puts its number into the history, so that of two processes that do this at the same
//! time one waits for the other's transaction and then finds it done. No other lock is needed.

use std::collections::BTreeSet;
use std::time::Duration;

use refinery::Migration;
use standin::store::StoreError;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::PostgresStore;
use super::connection::{Connection, Mode};
use super::failure::Failure;
use super::refusal::ServerError;
use super::rows::{Cells, params};
use super::work::{Done, work};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// The same table as in SQLite.
const HAS_HISTORY: &str = "SELECT count(*) AS tables FROM information_schema.tables \
    WHERE table_schema = current_schema() AND table_name = 'refinery_schema_history'";
const APPLIED: &str = "SELECT version::bigint AS version FROM refinery_schema_history";
const MAKE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history (\
    version integer PRIMARY KEY, name text, applied_on text, checksum text)";
const NOTE: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
    VALUES ($1::bigint::integer, $2, \
    to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), $3)";

/// How often somebody else is let finish.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The migrations that the database still needs, by name.
pub(super) async fn pending(store: &PostgresStore) -> Result<Vec<Migration>, ServerError> {
    let applied = applied(store).await.map_err(|error| store.unreachable(&error))?;
    let mut ours = embedded::migrations::runner().get_migrations().clone();
    let known: BTreeSet<i64> =
        ours.iter().map(|migration| i64::from(migration.version())).collect();
    if let Some(found) = applied.difference(&known).max() {
        let known = known.iter().rev().find(|version| **version < FIRST_OF_POSTGRES);
        return Err(ServerError::NewerSchema {
            server: store.name.clone(),
            found: *found,
            known: known.copied().unwrap_or_default(),
        });
    }
    ours.retain(|migration| !applied.contains(&i64::from(migration.version())));
    ours.sort();
    Ok(ours)
}

/// From this number on migrations are PostgreSQL's own.
const FIRST_OF_POSTGRES: i64 = 1001;

/// Applies them, all or none.
pub(super) async fn migrate(store: &PostgresStore) -> Result<Vec<String>, ServerError> {
    for _ in 1..TRIES {
        match try_to_migrate(store).await? {
            Some(applied) => return Ok(applied),
            None => sleep(PAUSE).await,
        }
    }
    let detail = "other processes that do the same are always in the way".to_owned();
    Err(ServerError::Schema { server: store.name.clone(), detail })
}

/// `None` if another process was faster: look again.
async fn try_to_migrate(store: &PostgresStore) -> Result<Option<Vec<String>>, ServerError> {
    let pending = pending(store).await?;
    if pending.is_empty() {
        return Ok(Some(Vec::new()));
    }
    match apply(store, &pending).await {
        Ok(()) => Ok(Some(names(&pending))),
        Err(failure) if is_in_the_way(&failure) => Ok(None),
        Err(failure) => {
            let detail = StoreError::from(failure).to_string();
            Err(ServerError::Schema { server: store.name.clone(), detail })
        }
    }
}

pub(super) fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(Migration::to_string).collect()
}

async fn applied(store: &PostgresStore) -> standin::store::Result<BTreeSet<i64>> {
    let number = |column| {
        move |row: &tokio_postgres::Row| {
            Cells::of(row, "refinery_schema_history").number::<i64>(column)
        }
    };
    let tables = work!(store, Read, |connection| {
        connection.one(HAS_HISTORY, params![], number("tables")).await
    })?;
    if tables == Some(0) {
        return Ok(BTreeSet::new());
    }
    let versions = work!(store, Read, |connection| {
        connection.all(APPLIED, params![], number("version")).await
    })?;
    Ok(versions.into_iter().collect())
}

/// One transaction, which is not tried again by itself: what is pending may be another matter by then.
async fn apply(store: &PostgresStore, pending: &[Migration]) -> Done<()> {
    let line = store.lines.writer().await?;
    let connection = Connection::new(line, Mode::Migration, store.intents.next());
    let applied = apply_all(&connection, pending).await;
    match applied {
        Ok(()) => connection.commit_alone().await,
        Err(failure) => {
            connection.give_up();
            Err(failure)
        }
    }
}

async fn apply_all(connection: &Connection, pending: &[Migration]) -> Done<()> {
    connection.script(MAKE_HISTORY).await?;
    for migration in pending {
        let (version, checksum) =
            (i64::from(migration.version()), migration.checksum().to_string());
        let row = params![version, migration.name(), &checksum];
        connection.execute(NOTE, row).await?;
        connection.script(migration.sql().unwrap_or_default()).await?;
    }
    Ok(())
}

/// Somebody else makes the same tables, or has just made them.
fn is_in_the_way(failure: &Failure) -> bool {
    let Failure::Postgres(error) = failure else { return false };
    let states = [
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::LOCK_NOT_AVAILABLE,
        // "tuple concurrently updated", of the catalogue.
        &SqlState::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| states.contains(&code))
}
