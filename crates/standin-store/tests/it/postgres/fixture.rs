//! A store in a database of its own.

use std::ops::Deref;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::Database;

pub(super) struct Fixture {
    // Before the database: what is dropped first lets go of it.
    store: PostgresStore,
    pub(super) database: Database,
}

impl Fixture {
    /// Reached directly.
    pub(super) async fn fresh() -> Self {
        let database = Database::fresh();
        let store = PostgresStore::open(&database.url()).await.unwrap();
        Self { store, database }
    }

    /// On a server whose transactions have no numbers.
    pub(super) async fn without_numbers() -> Self {
        let database = Database::fresh().without_numbers();
        let store = PostgresStore::open(&database.url()).await.unwrap();
        Self { store, database }
    }

    /// Reached through PgBouncer, which gives each transaction to another session.
    pub(super) async fn pooled() -> Self {
        let database = Database::fresh();
        let store = PostgresStore::open(&database.pooled_url()).await.unwrap();
        Self { store, database }
    }
}

/// Until somebody waits for a lock in this database.
pub(super) async fn until_waiting(database: &Database) {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while database.psql(waiting) == "0" {
        sleep(Duration::from_millis(10)).await;
    }
}

/// A connection past the store, as somebody else has one. It ends when the second is dropped.
pub(super) async fn connect(database: &Database) -> (Client, Connected) {
    let url = database.url();
    let (url, _) = url.split_once('?').unwrap();
    connect_to(url).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the task is aborted when its handle is dropped")]
pub(super) async fn connect_to(url: &str) -> Result<(Client, Connected), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    Ok((client, Connected(tokio::spawn(async move { drop(connection.await) }))))
}

pub(super) struct Connected(JoinHandle<()>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Deref for Fixture {
    type Target = PostgresStore;
    fn deref(&self) -> &PostgresStore {
        &self.store
    }
}
