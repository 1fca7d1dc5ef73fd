//! Bringing a schema up to date, and leaving alone what is too new.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use standin::store::conformance::samples::{grant, grant_id, sign_in, user};
use standin::store::{DataKeys, Grants, StoreError, Users};
use standin::time::Timestamp;
use standin::vault::{ScopeRecord, ScopeSource, ScopeStanding};
use standin_store::OpenError;
use standin_store::sqlite::{SqliteStore, migrate, pending_migrations};

use super::before_terms;
use super::fixture::{Fixture, hex, migrations};

#[test]
fn a_database_that_does_not_exist_needs_all_migrations_and_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    let pending = pending_migrations(&path).unwrap();
    assert!(!pending.is_empty());
    assert!(matches!(SqliteStore::open_existing(&path).unwrap_err(), OpenError::CannotOpen { .. }));
    assert!(!path.exists());

    assert_eq!(migrate(&path).unwrap(), pending);
    assert!(migrate(&path).unwrap().is_empty());
    assert!(pending_migrations(&path).unwrap().is_empty());
    assert!(SqliteStore::open_existing(&path).is_ok());
}

#[test]
fn st_3_an_old_schema_is_not_opened_as_it_is() {
    let (_directory, path) = Fixture::fresh().close();
    fs::write(&path, b"").unwrap();
    let refused = SqliteStore::open_existing(&path).unwrap_err();
    assert!(matches!(refused, OpenError::NeedsMigration { pending: 1.., .. }));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[tokio::test]
async fn st_3_a_newer_schema_is_refused() {
    let (_directory, path) = Fixture::fresh().close();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
    )
    .unwrap();
    drop(raw);
    let before = fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::NewerSchema { found: 999, .. }), "{refused}");
    assert!(fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn a_migration_that_was_stopped_before_its_first_table_goes_on() {
    let (_directory, path) = Fixture::fresh().close();
    fs::write(&path, b"").unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "CREATE TABLE refinery_schema_history \
         (version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))",
    )
    .unwrap();
    drop(raw);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
}

/// Whoever was killed while the empty file became a database has left a journal, which nobody who only reads can work in.
#[tokio::test]
async fn d31_a_file_whose_first_write_was_cut_off_is_made_by_the_next() {
    let (_directory, path) = Fixture::fresh().close();
    fs::write(&path, b"").unwrap();
    let cut_off = Connection::open(&path).unwrap();
    cut_off
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (done BLOB); \
             INSERT INTO half WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
             SELECT zeroblob(4000) FROM n",
        )
        .unwrap();
    // Its pages are written, and the journal is still there.
    let (_elsewhere, begun) = Fixture::fresh().close();
    fs::write(&begun, b"").unwrap();
    Connection::open(&begun).unwrap().execute_batch("CREATE TABLE half (done BLOB)").unwrap();
    let journal = |path: &Path| format!("{}-journal", path.display());
    fs::copy(journal(&path), journal(&begun)).unwrap();
    let reads = Connection::open_with_flags(&begun, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let refused =
        reads.unwrap().query_row("SELECT count(*) FROM half", [], |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    let store = SqliteStore::open(&begun).unwrap();
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    let half = "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
    let half: i64 =
        Connection::open(&begun).unwrap().query_row(half, [], |row| row.get(0)).unwrap();
    assert_eq!(half, 0);
}

/// A file that has had the migrations up to this one.
fn as_of(version: u32, path: &Path) -> Connection {
    let (_directory, newest) = Fixture::fresh().close();
    let (old, new) = (Connection::open(path).unwrap(), Connection::open(newest).unwrap());
    for (_, sql) in migrations("sqlite").iter().filter(|(number, _)| *number <= version) {
        old.execute_batch(sql).unwrap();
    }
    let history: String = new
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    old.execute_batch(&history).unwrap();
    let mut had = new.prepare("SELECT * FROM refinery_schema_history WHERE version <= ?1").unwrap();
    let rows = had
        .query_map([version], |row| {
            let text = |column| row.get::<_, String>(column);
            Ok((row.get::<_, i64>(0)?, text(1)?, text(2)?, text(3)?))
        })
        .unwrap();
    for row in rows {
        let sql = "INSERT INTO refinery_schema_history VALUES (?1, ?2, ?3, ?4)";
        old.execute(sql, row.unwrap()).unwrap();
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).unwrap();
    old
}

/// A file as the release before key rotation left it.
fn of_the_first_release(path: &Path) {
    as_of(1, path)
        .execute_batch(
            "INSERT INTO data_keys (id, wrapped_by, wrapped, created_at) \
             VALUES (1, 'k1', x'01', 1000), (2, 'k1', x'02', 500)",
        )
        .unwrap();
}

#[tokio::test]
async fn the_data_keys_of_the_first_release_go_on_and_the_newest_seals() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    of_the_first_release(&path);
    let store = SqliteStore::open(&path).unwrap();
    let keys = store.data_keys().await.unwrap();
    let shapes =
        keys.iter().map(|key| (key.id, key.version, key.activated_at.map(Timestamp::unix_ms)));
    assert_eq!(shapes.collect::<Vec<_>>(), [(1, 1, None), (2, 1, Some(500))]);
    assert!(keys.iter().all(|key| key.retired_at.is_none() && key.removed_at.is_none()));
}

#[tokio::test]
async fn the_scopes_of_an_old_grant_are_in_its_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    of_the_first_release(&path);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "INSERT INTO users (id, email_verified, created_at) VALUES (zeroblob(16), 1, 5); \
         INSERT INTO grants (id, user_id, provider, issuer, subject, provider_client, token_endpoint, \
             scopes, requested, state, version, generation, access_expires_at, created_at, updated_at) \
         SELECT value, zeroblob(16), 'google', 'i', 's' || key, 'c', 't', \
             iif(key = 0, 'a https://www.googleapis.com/auth/userinfo.email extra', ''), \
             iif(key = 0, 'a b email', ''), 'active', 1, 1, 5, 5, 7 \
         FROM (SELECT 0 AS key, x'00000000000000000000000000000001' AS value \
             UNION SELECT 1, x'00000000000000000000000000000002')",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    let ledger = store.scope_ledger(grant_id(1)).await.unwrap();
    let found: Vec<_> =
        ledger.iter().map(|record| (record.scope.as_str(), record.standing())).collect();
    let granted = ScopeStanding::Granted;
    let expected =
        [("a", granted), ("b", ScopeStanding::Refused), ("email", granted), ("extra", granted)];
    assert_eq!(found, expected);
    let time = Some(Timestamp::from_unix_ms(7));
    let of = |record: &ScopeRecord| (record.requested_at, record.granted_at, record.refused_at);
    let times: Vec<_> = ledger.iter().map(of).collect();
    let both = (time, time, None);
    assert_eq!(times, [both, (time, None, time), both, (None, time, None)]);
    assert!(ledger.iter().all(|record| record.source == ScopeSource::Earlier));
    assert_eq!(store.scope_ledger(grant_id(2)).await, Ok(Vec::new()));
}

/// Also one that somebody has edited by hand: it keeps no other from going on, and is refused as before.
#[tokio::test]
async fn grants_from_before_their_terms_were_apart_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    let old = as_of(before_terms::BEFORE, &path);
    let blob = |bytes: &[u8]| format!("x'{}'", hex(bytes));
    for grant in &before_terms::grants() {
        old.execute_batch(&before_terms::insert(grant, blob, blob)).unwrap();
    }
    let edited = grant(5);
    let edit = "PRAGMA ignore_check_constraints = ON; UPDATE grants SET state = 'sleeping' WHERE subject = ";
    let edit = format!("{edit} '{}'", edited.identity.subject);
    old.execute_batch(&format!("{}; {edit}", before_terms::insert(&edited, blob, blob))).unwrap();
    drop(old);
    assert_eq!(migrate(&path).unwrap()[0], "V17__grant_terms");
    let store = SqliteStore::open(&path).unwrap();
    before_terms::go_on(&store).await;
    let refused = store.grant(edited.id).await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { column: "state", .. })));
    let raw = Connection::open(&path).unwrap();
    let dangling = raw.query_row("PRAGMA foreign_key_check", [], |_| Ok(()));
    assert_eq!(dangling, Err(rusqlite::Error::QueryReturnedNoRows));
}

#[tokio::test]
async fn the_oldest_user_of_an_old_schema_is_the_first_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    of_the_first_release(&path);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "INSERT INTO users (id, email_verified, created_at) \
         VALUES (x'00000000000000000000000000000001', 1, 5), \
             (x'00000000000000000000000000000002', 1, 3)",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.first_user().await, Ok(Some(user(2))));
}

#[test]
fn processes_that_start_together_migrate_once() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let path = Arc::new(directory.path().join("standin.db"));
        let open = || {
            let path = Arc::clone(&path);
            std::thread::Builder::new().spawn(move || SqliteStore::open(&path).map(drop))
        };
        let threads: Vec<_> = (0..4).map(|_| open().unwrap()).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }
}
