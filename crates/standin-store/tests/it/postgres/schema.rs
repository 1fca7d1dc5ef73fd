//! Bringing a schema up to date; and that it is the one of SQLite.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::Connection;
use standin::store::Users;
use standin::store::conformance::samples::sign_in;
use standin_store::postgres::testing::Database;
use standin_store::postgres::{PostgresStore, ServerError, migrate, pending_migrations};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_postgres::Client;

use super::fixture::{Connected, Fixture, connect, until_waiting};
use super::proxy::{Fate, Proxy};
use crate::before_terms;
use crate::fixture::{Fixture as Sqlite, hex, migrations};

/// What one of them alone needs, and the history that both have.
const OWN: [&str; 5] =
    ["event_counter", "event_inbox", "refinery_schema_history", "sqlite_sequence", "write_intents"];

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn an_empty_database_needs_all_migrations_and_is_left_alone_until_it_gets_them() {
    let database = Database::fresh();
    let pending = pending_migrations(&database.url()).await.unwrap();
    assert!(pending.len() > 7 && pending[0] == "V1__vault", "{pending:?}");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(database.psql(tables), "0");

    assert_eq!(migrate(&database.url()).await.unwrap(), pending);
    assert!(migrate(&database.url()).await.unwrap().is_empty());
    assert!(pending_migrations(&database.url()).await.unwrap().is_empty());
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_3_a_newer_schema_is_refused_and_left_alone() {
    let fixture = Fixture::fresh().await;
    let later = "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030', '1')";
    fixture.database.psql(later);
    let refused = PostgresStore::open(&fixture.database.url()).await.unwrap_err();
    assert!(matches!(refused, ServerError::NewerSchema { found: 999, .. }), "{refused}");
    assert!(refused.to_string().contains("run the newer program"), "{refused}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_6_a_migration_that_fails_in_the_middle_has_done_nothing() {
    let database = Database::fresh();
    database.psql("CREATE TABLE scope_ledger (somebody_elses text)");
    let refused = PostgresStore::open(&database.url()).await.unwrap_err();
    assert!(matches!(refused, ServerError::Schema { .. }), "{refused}");
    assert!(refused.to_string().contains("a database of its own"), "{refused}");
    let tables = "SELECT string_agg(table_name, ',') FROM information_schema.tables \
        WHERE table_schema = 'public'";
    assert_eq!(database.psql(tables), "scope_ledger");

    database.psql("DROP TABLE scope_ledger");
    let store = PostgresStore::open(&database.url()).await.unwrap();
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_6_nodes_that_start_together_migrate_once() {
    let database = Database::fresh();
    let mut nodes = JoinSet::new();
    for _ in 0..4 {
        let url = database.url();
        nodes.spawn(async move { migrate(&url).await });
    }
    let applied: Vec<_> = nodes.join_all().await.into_iter().map(Result::unwrap).collect();
    let did_something = |names: &&Vec<String>| !names.is_empty();
    assert_eq!(applied.iter().filter(did_something).count(), 1, "{applied:?}");
    let history = "SELECT count(*) FROM refinery_schema_history";
    let all = applied.iter().find(did_something).unwrap().len();
    assert_eq!(database.psql(history), all.to_string());
}

/// As a database from before partitions is brought up to date: what it holds is in them, and nothing twice.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn rows_from_before_there_were_partitions_are_in_them() {
    let database = Database::fresh();
    for (number, sql) in migrations("postgres") {
        if number == 1003 {
            database.psql(
                "INSERT INTO scope_ledger (grant_id, scope, requested_at, source) SELECT \
                 lpad(to_hex(number), 32, '0')::uuid, scope, number, 'sign_in' \
                 FROM generate_series(1, 1000) AS number, (VALUES ('openid'), ('email')) AS scopes (scope)",
            );
        }
        database.psql(&sql);
    }
    let is = |sql: &str, expected: &str| assert_eq!(database.psql(sql), expected, "{sql}");
    is("SELECT count(*), sum(requested_at) FROM scope_ledger", "2000|1001000");
    is("SELECT count(DISTINCT tableoid) FROM scope_ledger", "16");
    is("SELECT count(*) FROM scope_ledger WHERE grant_id = lpad('7', 32, '0')::uuid", "2");
    is("SELECT count(*) FROM pg_class WHERE relname = 'scope_ledger_whole'", "0");
    let twice = "INSERT INTO scope_ledger (grant_id, scope, source) SELECT grant_id, scope, source \
        FROM scope_ledger ON CONFLICT (grant_id, scope) DO NOTHING RETURNING 1";
    is(twice, "");
    let room = "SELECT reloptions::text FROM pg_class WHERE relname = 'grants' AND relkind = 'r'";
    assert!(database.psql(room).contains("fillfactor=75"), "{}", database.psql(room));
}

/// A database that has had all the others, as one has that was in use.
fn from_before_terms() -> Database {
    let database = Database::fresh();
    database.psql("CREATE TABLE refinery_schema_history (version integer PRIMARY KEY, name text, applied_on text, checksum text)");
    let had = |number: &u32| *number <= before_terms::BEFORE || (1001..=1003).contains(number);
    for (number, sql) in migrations("postgres").iter().filter(|(number, _)| had(number)) {
        database.psql(sql);
        database
            .psql(&format!("INSERT INTO refinery_schema_history VALUES ({number}, '', '', '')"));
    }
    database
}

/// Somebody who reads grants for as long as a dump does.
async fn a_dump(database: &Database) -> (Client, Connected) {
    let (dump, connected) = connect(database).await;
    let reads = "SET application_name = 'a dump'; BEGIN; SELECT count(*) FROM grants";
    dump.batch_execute(reads).await.unwrap();
    (dump, connected)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn others_read_a_table_that_a_migration_waits_for() {
    let database = from_before_terms();
    let (dump, _dumping) = a_dump(&database).await;
    let (reader, _reading) = connect(&database).await;
    let url = database.url();
    let (applied, ()) = tokio::join!(migrate(&url), async {
        until_waiting(&database).await;
        let read = "SET statement_timeout = '20s'; SELECT count(*) FROM grants";
        reader.batch_execute(read).await.unwrap();
        dump.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(applied.unwrap()[0], "V17__grant_terms");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn a_migration_that_is_cut_off_says_so_and_who_was_in_the_way() {
    let database = from_before_terms();
    let (_dump, _dumping) = a_dump(&database).await;
    let url = database.url();
    let (migrated, ()) = tokio::join!(migrate(&url), async {
        // While it waits, and after it has looked for whom.
        let cut_off = "SELECT pg_terminate_backend(waits.pid) FROM pg_locks AS waits, pg_stat_activity AS looked \
            WHERE NOT granted AND database = looked.datid AND datname = current_database() \
            AND state = 'idle' AND query LIKE '%pg_blocking_pids%' AND query_start > waitstart";
        while database.psql(cut_off).is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let refused = migrated.unwrap_err();
    assert!(matches!(refused, ServerError::NotMigrated { .. }), "{refused}");
    assert!(refused.to_string().contains("in the way was a dump (process "), "{refused}");
    assert!(pending_migrations(&database.url()).await.unwrap().len() > 1);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_6_a_migration_whose_commit_was_not_answered_is_known_to_be_done() {
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    let url = proxy.url(&database);
    let pending = pending_migrations(&url).await.unwrap();
    for fate in [Fate::CutBefore, Fate::CutAfter] {
        database.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        proxy.next_commit(fate);
        assert_eq!(migrate(&url).await.unwrap(), pending, "{fate:?}");
        assert!(proxy.has_happened());
        assert!(pending_migrations(&url).await.unwrap().is_empty());
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_6_a_migration_of_whose_commit_nothing_is_heard_is_not_said_to_be_undone() {
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    proxy.next_commit(Fate::CutAfterForGood);
    let unanswered = migrate(&proxy.url(&database)).await.unwrap_err();
    assert!(matches!(unanswered, ServerError::MigrationUnanswered { .. }), "{unanswered}");
    let words = unanswered.to_string();
    assert!(words.contains("it is not known whether") && words.contains("standby"), "{words}");
    proxy.heal();
    assert!(pending_migrations(&proxy.url(&database)).await.unwrap().is_empty());
}

/// In a database that has had all the others, as one has that was in use.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn grants_from_before_their_terms_were_apart_go_on_on_postgresql() {
    let database = from_before_terms();
    let id = |bytes: &[u8]| format!("'{}'::uuid", hex(bytes));
    let blob = |bytes: &[u8]| format!("'\\x{}'::bytea", hex(bytes));
    for grant in &before_terms::grants() {
        database.psql(&before_terms::insert(grant, id, blob));
    }
    assert_eq!(migrate(&database.url()).await.unwrap()[0], "V17__grant_terms");
    before_terms::go_on(&PostgresStore::open(&database.url()).await.unwrap()).await;
    let room = "SELECT reloptions::text FROM pg_class WHERE relname = 'grants' AND relkind = 'r'";
    assert!(database.psql(room).contains("fillfactor=75"), "{}", database.psql(room));
}

/// What a schema says, in words that both databases can say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    /// Table and column, with its type and whether it may be empty.
    columns: BTreeSet<String>,
    /// Table and columns of primary keys and of whatever else is unique.
    keys: BTreeSet<String>,
    /// Table and name of the other indexes.
    indexes: BTreeSet<String>,
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn both_databases_have_the_same_tables_columns_keys_and_indexes() {
    let postgres = of_postgres(&Fixture::fresh().await.database);
    let sqlite = of_sqlite(&Connection::open(Sqlite::fresh().close().1).unwrap(), &postgres);
    assert!(sqlite.columns.len() > 80, "{:?}", sqlite.columns);
    for (what, ours, theirs) in [
        ("columns", &sqlite.columns, &postgres.columns),
        ("keys", &sqlite.keys, &postgres.keys),
        ("indexes", &sqlite.indexes, &postgres.indexes),
    ] {
        let differences: Vec<_> = ours.symmetric_difference(theirs).collect();
        assert!(differences.is_empty(), "{what}: {differences:#?}");
    }
}

fn rows(database: &Database, sql: &str) -> Vec<Vec<String>> {
    let text = database.psql(sql);
    let cells = |line: &str| line.split('|').map(str::to_owned).collect();
    text.lines().map(cells).collect::<Vec<Vec<String>>>()
}

fn of_postgres(database: &Database) -> Schema {
    let mut schema = Schema::default();
    let columns = "SELECT table_name, column_name, data_type, is_nullable FROM \
        information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN \
        (SELECT relname FROM pg_class WHERE relispartition)";
    for row in rows(database, columns) {
        let [table, column, kind, nullable] = row.as_slice() else { panic!("{row:?}") };
        schema.columns.insert(format!("{table}.{column} {kind} {nullable}"));
    }
    let keys = "SELECT conrelid::regclass, string_agg(attname, ',' ORDER BY place) \
        FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS columns (number, place), pg_attribute \
        WHERE contype IN ('p', 'u') AND attrelid = conrelid AND attnum = number \
        AND connamespace = 'public'::regnamespace \
        AND conrelid NOT IN (SELECT oid FROM pg_class WHERE relispartition) \
        GROUP BY pg_constraint.oid, conrelid";
    schema.keys = rows(database, keys).into_iter().map(|row| row.join(" ")).collect();
    let indexes = "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public' \
        AND indexname NOT IN (SELECT conname FROM pg_constraint)";
    schema.indexes = rows(database, indexes).into_iter().map(|row| row.join(" ")).collect();
    schema.leave_out_own()
}

impl Schema {
    fn leave_out_own(mut self) -> Self {
        let is_shared = |line: &String| !OWN.iter().any(|table| line.starts_with(table));
        for lines in [&mut self.columns, &mut self.keys, &mut self.indexes] {
            lines.retain(is_shared);
        }
        self
    }
}

fn of_sqlite(file: &Connection, postgres: &Schema) -> Schema {
    let mut schema = Schema::default();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    for table in strings(file, tables) {
        let mut key = BTreeMap::new();
        let columns = format!(
            "SELECT name || '|' || type || '|' || \"notnull\" || '|' || pk \
            FROM pragma_table_info('{table}')"
        );
        for row in strings(file, &columns) {
            let [name, kind, not_null, place] = *row.split('|').collect::<Vec<_>>() else {
                panic!("{row}")
            };
            let nullable = if not_null == "1" || place != "0" { "NO" } else { "YES" };
            if place != "0" {
                key.insert(place.to_owned(), name.to_owned());
            }
            schema.columns.insert(matching(&table, name, kind, nullable, postgres));
        }
        schema.keys.insert(format!("{table} {}", key.into_values().collect::<Vec<_>>().join(",")));
        schema.take_indexes(file, &table);
    }
    schema.unique_ids_are_keys().leave_out_own()
}

impl Schema {
    fn take_indexes(&mut self, file: &Connection, table: &str) {
        let indexes = format!("SELECT name || '|' || origin FROM pragma_index_list('{table}')");
        for row in strings(file, &indexes) {
            let (name, origin) = row.split_once('|').unwrap();
            let columns = format!("SELECT name FROM pragma_index_info('{name}')");
            if origin == "c" {
                self.indexes.insert(format!("{table} {name}"));
            } else if origin == "u" {
                self.keys.insert(format!("{table} {}", strings(file, &columns).join(",")));
            }
        }
    }

    /// A table that keeps its row numbers has no primary key in SQLite, but a unique id.
    fn unique_ids_are_keys(mut self) -> Self {
        self.keys.retain(|key| !key.ends_with(' '));
        self
    }
}

/// How PostgreSQL says it, of the ways that SQLite's type allows; or as it is, which is then a difference.
fn matching(table: &str, name: &str, kind: &str, nullable: &str, postgres: &Schema) -> String {
    let kinds: &[&str] = match kind {
        "TEXT" => &["text"],
        "BLOB" => &["uuid", "bytea"],
        "INTEGER" => &["bigint", "boolean"],
        _ => &[],
    };
    let lines = kinds.iter().map(|kind| format!("{table}.{name} {kind} {nullable}"));
    let mut lines = lines.filter(|line| postgres.columns.contains(line));
    lines.next().unwrap_or_else(|| format!("{table}.{name} {kind} {nullable}"))
}

fn strings(file: &Connection, sql: &str) -> Vec<String> {
    let mut statement = file.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
