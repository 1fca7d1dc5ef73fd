//! The database behind Standin's back: what an operator, a thief or an accident could do to it.

use std::fmt::Write;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params};
use standin::store::SessionHash;
use standin::time::Timestamp;
use standin_store::postgres::testing::Database;
use tempfile::TempDir;

use super::World;

impl World {
    /// Where the database is.
    pub fn database_url(&self) -> String {
        url_in(&self.directory, self.database.as_ref())
    }

    /// A connection of one's own.
    pub fn database(&self) -> Connection {
        assert!(self.database.is_none(), "this test looks into the file, and PostgreSQL has none");
        Connection::open(self.directory.path().join("standin.db")).unwrap()
    }

    /// Changes rows. Standin would notice within a second; a write of its own makes it look at once.
    pub fn execute(&self, sql: &str, params: impl Params) -> usize {
        let changed = self.database().execute(sql, params).unwrap();
        let touch = self.standin.store().touch_session(&SessionHash([0; 32]), Timestamp::default());
        // A thread of its own: the test's runtime must not wait for another one.
        std::thread::scope(|scope| {
            let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
            scope.spawn(move || runtime().block_on(touch)).join().unwrap().unwrap();
        });
        changed
    }

    /// One value.
    pub fn value<T: FromSql>(&self, sql: &str) -> T {
        self.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Everything that the tables say, apart from when a session was last used, and from the receipts of what
    /// was refused.
    pub fn database_dump(&self) -> String {
        let connection = self.database();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'receipts' \
                      ORDER BY name";
        let mut tables = connection.prepare(tables).unwrap();
        let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        names.map(|name| dump(&connection, &name.unwrap())).collect()
    }

    /// Every byte of the database after its log was worked in.
    pub fn settled_database_bytes(&self) -> Vec<u8> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.database().query_row(checkpoint, [], |_| Ok(())).unwrap();
        self.database_bytes()
    }
}

/// A database on the server of this test run, for whoever sets `STANDIN_TEST_DATABASE=postgres` to run all tests there
/// that do not look into the file.
#[expect(clippy::disallowed_methods, reason = "the test runner says it in the environment")]
pub(super) fn on_a_server() -> Option<Database> {
    let kind = std::env::var("STANDIN_TEST_DATABASE").unwrap_or_default();
    (kind == "postgres").then(Database::fresh)
}

/// On the server, or a file in the directory.
pub(super) fn url_in(directory: &TempDir, database: Option<&Database>) -> String {
    let file = || format!("sqlite://{}", directory.path().join("standin.db").display());
    database.map_or_else(file, Database::url)
}

fn dump(connection: &Connection, table: &str) -> String {
    let mut rows = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
    let mut rows = rows.query([]).unwrap();
    let mut text = format!("{table}\n");
    while let Some(row) = rows.next().unwrap() {
        for (index, column) in
            columns.iter().enumerate().filter(|(_, name)| *name != "last_seen_at")
        {
            write!(text, "  {column}={:?}", row.get_ref(index).unwrap()).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Whether `needle` stands anywhere in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
