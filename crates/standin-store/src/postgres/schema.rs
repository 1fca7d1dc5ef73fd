//! The schema: which migrations the database has had, and bringing it up to date.
//!
//! All that is missing is done in one transaction, which PostgreSQL can: whoever is killed in the middle has done
//! nothing. Where a server cannot, a database that is in use is left alone (`spread.rs`). Each migration first puts its
//! number into the history, so that of two processes that do this at the same time one waits for the other's
//! transaction and then finds it done. No other lock is needed.
//!
//! ```text
//! a table is in use ─▶ waits a second, in which others wait behind it ─▶ takes all back ─▶ a pause, for others ─▶ again
//! ```
//!
//! Whoever is in the way is named in the log, and at the end in the error.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use refinery::Migration;
use standin::store::StoreError;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Row;
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

/// How often it is tried again because somebody else makes the same tables.
const RACES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// For how long it is tried again because somebody holds a table: as long as a migration of another process may take.
const PATIENCE: Duration = Mode::Migration.limit();
/// How long its COMMIT may take: a standby may have much to receive.
const COMMIT_LIMIT: Duration = Duration::from_mins(5);
/// How long whoever waited behind us has before we wait again.
const LET_OTHERS: Duration = Duration::from_secs(3);
/// How often it is looked who is in the way.
const LOOK: Duration = Duration::from_millis(300);

const OUR_PROCESS: &str = "SELECT pg_backend_pid()::bigint AS pid";
/// Of a session without a name its user.
const IN_THE_WAY: &str = "SELECT pid::bigint AS pid, \
    coalesce(nullif(application_name, ''), usename::text, '?')::text AS name FROM pg_stat_activity \
    WHERE pid = ANY (pg_blocking_pids($1::bigint::integer)) ORDER BY pid";

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

/// Applies them, all or none, and gives their names.
pub(super) async fn migrate(store: &PostgresStore) -> Result<Vec<String>, ServerError> {
    let mut unanswered = Vec::new();
    match until_done(store, &mut unanswered).await {
        Ok(()) => Ok(unanswered),
        Err(error) if unanswered.is_empty() => Err(error),
        Err(error) => Err(not_known(error)),
    }
}

/// `unanswered` are those whose COMMIT was sent: without an answer they may be done, or be on their way to a standby.
async fn until_done(
    store: &PostgresStore,
    unanswered: &mut Vec<String>,
) -> Result<(), ServerError> {
    let until = Instant::now() + PATIENCE;
    let (mut races, mut in_the_way) = (0, String::new());
    loop {
        let pending = pending(store).await?;
        if pending.is_empty() {
            return Ok(());
        }
        refuse_in_pieces(store, &pending).await?;
        let done = match apply(store, &pending, &mut in_the_way).await {
            Ok(connection) => {
                *unanswered = names(&pending);
                commit(connection).await
            }
            Err(failure) => Err(failure),
        };
        match done {
            Ok(()) => return Ok(()),
            Err(failure) if is_locked(&failure) && Instant::now() < until => {
                sleep(LET_OTHERS).await;
            }
            Err(failure) if (is_a_race(&failure) || !unanswered.is_empty()) && races < RACES => {
                races += 1;
                sleep(PAUSE).await;
            }
            Err(failure) => {
                // Otherwise that may be our own COMMIT, which nobody should end.
                let in_the_way = if unanswered.is_empty() { &in_the_way } else { "" };
                return Err(refused(store, failure, in_the_way));
            }
        }
    }
}

/// Of what was done before, since a COMMIT was not answered. Where that is told by what came after, it stands.
fn not_known(error: ServerError) -> ServerError {
    match error {
        ServerError::Unreachable { server, detail }
        | ServerError::NotMigrated { server, detail } => {
            ServerError::MigrationUnanswered { server, detail }
        }
        told => told,
    }
}

/// A server that commits each table by itself, and takes back the rows that were to be in it, is not let near any.
async fn refuse_in_pieces(store: &PostgresStore, pending: &[Migration]) -> Result<(), ServerError> {
    let is_new = pending.first().is_some_and(|first| first.version() == 1);
    let is_spread = async { Ok(!is_new && store.is_spread().await?) };
    if is_spread.await.map_err(|error| store.unreachable(&error))? {
        return Err(ServerError::NotMigrated {
            server: store.name.clone(),
            detail: "a migration that fails half-way is not taken back by this kind of server, and rows would be \
                     lost: make a new database with this version, and carry the rows over"
                .to_owned(),
        });
    }
    Ok(())
}

/// Nothing was done: all of it is one transaction.
fn refused(store: &PostgresStore, failure: Failure, in_the_way: &str) -> ServerError {
    let (server, needs_its_own) = (store.name.clone(), needs_its_own(&failure));
    let mut detail = StoreError::from(failure).to_string();
    if needs_its_own {
        return ServerError::Schema { server, detail };
    }
    if !in_the_way.is_empty() {
        detail = format!(
            "{detail}; in the way was {in_the_way}: let it end, or end it, and run this again"
        );
    }
    ServerError::NotMigrated { server, detail }
}

pub(super) fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(Migration::to_string).collect()
}

async fn applied(store: &PostgresStore) -> standin::store::Result<BTreeSet<i64>> {
    let number =
        |column| move |row: &Row| Cells::of(row, "refinery_schema_history").number::<i64>(column);
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

/// One transaction, which is not tried again by itself: what is pending may be another matter by then. It is to be
/// committed.
async fn apply(
    store: &PostgresStore,
    pending: &[Migration],
    in_the_way: &mut String,
) -> Done<Connection> {
    let line = store.lines.writer().await?;
    let connection = Connection::new(line, Mode::Migration, store.intents.next());
    let applied = async {
        let pid = connection.one(OUR_PROCESS, params![], pid_of).await?.unwrap_or_default();
        tokio::select! {
            biased;
            never = watch(store, pid, in_the_way) => match never {},
            applied = apply_all(&connection, pending) => applied,
        }
    };
    let applied = timeout(Mode::Migration.limit(), applied).await;
    match applied.unwrap_or(Err(Failure::Late("the migration took too long"))) {
        Ok(()) => Ok(connection),
        Err(failure) => {
            connection.give_up();
            Err(failure)
        }
    }
}

/// Without an answer it may have been done: what is pending then says so. Whoever tries again waits for this one, if the
/// server still works on it.
async fn commit(connection: Connection) -> Done<()> {
    let committed = timeout(COMMIT_LIMIT, connection.commit_alone()).await;
    committed.unwrap_or(Err(Failure::Late("the server does not answer")))
}

/// Says in the log who holds what the migration waits for, whenever it is somebody else. Behind a pool of one connection
/// nobody can be asked.
async fn watch(store: &PostgresStore, pid: i64, in_the_way: &mut String) -> Infallible {
    loop {
        sleep(LOOK).await;
        let found = work!(store, Scan, |connection| {
            connection.all(IN_THE_WAY, params![pid], named).await
        });
        let found = found.unwrap_or_default().join(", ");
        if !found.is_empty() && found != *in_the_way {
            tracing::warn!(
                server = store.name,
                in_the_way = found,
                "somebody uses a table that a migration changes: it is tried again until they have ended"
            );
            *in_the_way = found;
        }
    }
}

fn pid_of(row: &Row) -> standin::store::Result<i64> {
    Cells::of(row, "pg_stat_activity").number("pid")
}

fn named(row: &Row) -> standin::store::Result<String> {
    let mut cells = Cells::of(row, "pg_stat_activity");
    let pid: i64 = cells.number("pid")?;
    Ok(format!("{} (process {pid})", cells.text("name")?))
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

/// Somebody holds a table, or is making the same ones.
fn is_locked(failure: &Failure) -> bool {
    failure.state() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Somebody else has just made the same tables.
fn is_a_race(failure: &Failure) -> bool {
    let states = [
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        // "tuple concurrently updated", of the catalogue.
        &SqlState::INTERNAL_ERROR,
    ];
    failure.state().is_some_and(|state| states.contains(&state))
}

/// Tables are in the way, or the user may not make any.
fn needs_its_own(failure: &Failure) -> bool {
    let states = [
        &SqlState::INSUFFICIENT_PRIVILEGE,
        &SqlState::DUPLICATE_TABLE,
        &SqlState::DUPLICATE_OBJECT,
        &SqlState::WRONG_OBJECT_TYPE,
        &SqlState::UNDEFINED_TABLE,
        &SqlState::UNDEFINED_COLUMN,
    ];
    failure.state().is_some_and(|state| states.contains(&state))
}
