//! A service, and a way past it to its database, whichever it is.

use rusqlite::Connection;
use standin_store::postgres::testing::Database;

use super::world::{Person, World};
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

    /// Nothing in the database says what may stand in a grant any more; what stood there is kept in `saved`.
    pub(super) fn without_checks(&self) {
        self.execute(
            "CREATE TABLE saved AS SELECT * FROM grants",
            "CREATE TABLE saved AS SELECT * FROM grants; \
             DO $$ DECLARE name text; BEGIN FOR name IN SELECT conname FROM pg_constraint \
             WHERE conrelid = 'grants'::regclass AND contype = 'c' \
             LOOP EXECUTE 'ALTER TABLE grants DROP CONSTRAINT ' || quote_ident(name); END LOOP; END $$",
        );
    }

    /// Terms like those of whoever is first, but for this; in the words of SQLite where `postgres` is empty.
    pub(super) fn add_terms(&self, sqlite: &str, postgres: &str) {
        let insert = |terms: &str| {
            format!(
                "INSERT INTO grant_terms SELECT {terms} FROM grant_terms ORDER BY terms DESC LIMIT 1"
            )
        };
        let postgres = if postgres.is_empty() { sqlite } else { postgres };
        self.execute(&insert(sqlite), &insert(postgres));
    }

    /// Writes this into somebody's grant, in the words of SQLite where `postgres` is empty.
    pub(super) fn edit(&self, person: &Person, sqlite: &str, postgres: &str) {
        let mine = format!(
            "WHERE subject = (SELECT subject FROM saved WHERE user_id = (SELECT id FROM users WHERE email = '{}'))",
            person.email
        );
        let postgres = if postgres.is_empty() { sqlite } else { postgres };
        self.execute(
            &format!("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; UPDATE grants SET {sqlite} {mine}"),
            &format!("UPDATE grants SET {postgres} {mine}"),
        );
    }

    /// The one number that a question is answered with.
    pub(super) fn number(&self, sql: &str) -> i64 {
        if let Some(server) = &self.server {
            return server.psql(sql).parse().unwrap();
        }
        let file = Connection::open(self.world.file()).unwrap();
        file.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Statements in the words of the database that it is.
    pub(super) fn execute(&self, sqlite: &str, postgres: &str) {
        match &self.server {
            Some(server) => drop(server.psql(postgres)),
            None => Connection::open(self.world.file()).unwrap().execute_batch(sqlite).unwrap(),
        }
    }
}
