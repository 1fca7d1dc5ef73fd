//! PostgreSQL: one database for several processes.
//!
//! ```text
//! a read  ─▶ a connection of the pool that readers share ─ one statement ─▶ answer
//! a write ─▶ a connection of the pool, its own ─ BEGIN + statement … statement ─ intent + COMMIT ─▶ answer
//! ```
//!
//! How readers share, and who waits for whom then, is said in `lines.rs`.
//!
//! Every statement brings the types of its parameters along and is prepared nowhere, and every setting is one of a
//! transaction: there is no state in a session, so a pooler such as PgBouncer may stand in between in transaction
//! mode, in any version. Whose URL says `prepared=on` has reads by a key prepared, and answers for what stands in
//! between. What was measured: see `bench/README.md`. Reads go to the primary, as writes do, and nothing is remembered
//! of them but the terms of grants, which never change (`terms.rs`): what another process wrote is seen by the next read.
//!
//! Rows are written over the version that was read, by the statement that writes them; PostgreSQL waits for whoever
//! writes the same row and looks again. Transactions that lose against each other, and connections that are lost,
//! are met in `work.rs`; a COMMIT that was not answered in `intents.rs`; how events get their numbers is said in
//! `events.rs`. There are no references between tables: whoever writes rows that hang on a user or a grant writes
//! that row first and so holds its lock, and whoever deletes a user or a grant deletes that row first.

mod abandoned;
mod accounts;
mod address;
mod admission;
mod attempts;
mod census;
mod clients;
mod cluster;
mod connection;
mod data_keys;
mod events;
mod failed_requests;
mod failovers;
mod failure;
mod grants;
mod hosts;
mod housekeeping;
pub(crate) mod inspect;
mod intents;
mod lines;
mod patient;
mod receipts;
mod refreshes;
mod refusal;
mod reports;
mod revocations;
mod rewraps;
mod rows;
mod schema;
mod scope_ledger;
mod sessions;
mod signals;
mod spent;
mod spread;
mod terms;
mod tls;
mod users;
mod work;

#[cfg(feature = "testing")]
pub mod testing;

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use standin::store::{Marks, StoreError};

use address::{Address, Tls};
use connection::Noted;
use hosts::Hosts;
use intents::Intents;
use lines::Lines;
pub use refusal::ServerError;
use reports::Reports;

/// A database, reached through a pool of connections.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    lines: Lines,
    intents: Intents,
    marks: Marks,
    /// None where the numbers of transactions are not to be believed.
    reports: Option<Reports>,
    /// Whether reads by a key are prepared.
    prepares: bool,
    name: String,
    /// What the names of timelines begin with, if a failover can be told from the server's answers.
    cluster: Option<String>,
}

impl PostgresStore {
    /// Connects, bringing the schema up to date where needed.
    pub async fn open(url: &str) -> Result<Self, ServerError> {
        let store = Self::connect(url).await?;
        schema::migrate(&store).await?;
        let store = store.acquainted().await?;
        store.note_timeline().await.map_err(|error| store.unreachable(&error))?;
        Ok(store)
    }

    /// Connects to one whose schema is up to date. Nothing is written.
    pub async fn open_beside(url: &str) -> Result<Self, ServerError> {
        Self::connect(url).await?.acquainted().await
    }

    /// Knows what the server can tell of itself.
    async fn acquainted(mut self) -> Result<Self, ServerError> {
        let told = async { Ok((self.read_cluster().await?, self.is_numbered().await?)) };
        let (cluster, is_numbered) = told.await.map_err(|error| self.unreachable(&error))?;
        self.cluster = cluster;
        self.reports = self.reports.filter(|_| is_numbered);
        Ok(self)
    }

    /// Connects once, so that whatever is wrong with the URL or the server is said at the start.
    async fn connect(url: &str) -> Result<Self, ServerError> {
        let address = Address::parse(url)?;
        let name = address.name();
        if address.tls == Tls::Plaintext {
            tracing::warn!(
                server = name,
                "the connection to the database is not encrypted: whoever listens reads every row and the password"
            );
        }
        let hosts = Hosts::new(address.each_host(), tls::connector(&address.tls)?);
        let pool = pool_of(&address, hosts.clone())?;
        let (lines, marks) = (Lines::new(pool.clone(), hosts), Marks::default());
        let reports = Some(Reports::default());
        let (intents, prepares) = (Intents::new(), address.prepares);
        let store = Self { pool, lines, intents, marks, reports, prepares, name, cluster: None };
        store.first_connection().await?;
        Ok(store)
    }

    async fn first_connection(&self) -> Result<(), ServerError> {
        match self.pool.get().await {
            Ok(_) => Ok(()),
            Err(PoolError::Backend(error)) => {
                Err(ServerError::while_connecting(&self.name, &error))
            }
            Err(error) => Err(self.unreachable(&failure::Failure::Pool(error).into())),
        }
    }

    /// What was noted by a transaction that is committed.
    fn strike(&self, noted: Vec<Noted>) {
        for noted in noted {
            match noted {
                Noted::Epoch(epoch) => self.marks.strike_epoch(&epoch),
                Noted::Outdated(outdated) => self.marks.strike(&outdated),
            }
        }
    }

    fn unreachable(&self, error: &StoreError) -> ServerError {
        ServerError::Unreachable { server: self.name.clone(), detail: error.to_string() }
    }
}

fn pool_of(address: &Address, hosts: Hosts) -> Result<Pool, ServerError> {
    // Whether a connection still stands is seen from here; to ask the server each time would double every read.
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(address.config.clone(), hosts, settings);
    Pool::builder(manager)
        .max_size(address.pool_size)
        .wait_timeout(Some(address.pool_timeout))
        .create_timeout(Some(address.connect_limit()))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ServerError::Address(error.to_string()))
}

/// Whether the URL can be used. Nobody is asked.
pub fn check_url(url: &str) -> Result<(), ServerError> {
    Address::parse(url).map(|_| ())
}

/// The server and the database, for messages.
pub(crate) fn name_of(url: &str) -> Result<String, ServerError> {
    Address::parse(url).map(|address| address.name())
}

/// Brings the schema up to date. The migrations that were applied.
pub async fn migrate(url: &str) -> Result<Vec<String>, ServerError> {
    let store = PostgresStore::connect(url).await?;
    schema::migrate(&store).await
}

/// The migrations that the database still needs. Nothing is written.
pub async fn pending_migrations(url: &str) -> Result<Vec<String>, ServerError> {
    let store = PostgresStore::connect(url).await?;
    Ok(schema::names(&schema::pending(&store).await?))
}
