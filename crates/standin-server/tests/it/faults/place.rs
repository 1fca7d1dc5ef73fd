//! A service, and a way past it to its database, whichever it is.

use rusqlite::Connection;
use standin_store::postgres::testing::Database;

use super::world::World;
use crate::nodes::{Cluster, Setup};

/// A service, and a way past it to its database.
pub(super) struct Place {
    pub(super) world: World,
    /// `None` if it is a file.
    server: Option<Database>,
}

impl Place {
    pub(super) fn on_sqlite() -> Self {
        let setup = Setup { nodes: 1, ..Setup::default() };
        Self::over(World::over(Cluster::with(setup)), None)
    }

    pub(super) fn on_postgres() -> Self {
        let server = Database::fresh();
        let setup = Setup { nodes: 1, database_url: Some(server.url()), ..Setup::default() };
        let world = World::over(Cluster::with(setup));
        Self::over(world, Some(server))
    }

    fn over(world: World, server: Option<Database>) -> Self {
        world.rotates();
        Self { world, server }
    }

    /// Statements in the words of the database that it is.
    pub(super) fn execute(&self, sqlite: &str, postgres: &str) {
        match &self.server {
            Some(server) => drop(server.psql(postgres)),
            None => Connection::open(self.world.file()).unwrap().execute_batch(sqlite).unwrap(),
        }
    }
}
