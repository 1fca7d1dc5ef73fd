//! A store in a database of its own.

use std::ops::Deref;

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

    /// Reached through PgBouncer, which gives each transaction to another session.
    pub(super) async fn pooled() -> Self {
        let database = Database::fresh();
        let store = PostgresStore::open(&database.pooled_url()).await.unwrap();
        Self { store, database }
    }
}

impl Deref for Fixture {
    type Target = PostgresStore;
    fn deref(&self) -> &PostgresStore {
        &self.store
    }
}
