//! Copies of the file: whole, of one instant, and never over anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use standin::store::conformance::samples::{at, hash, sign_in, user};
use standin::store::{Events as _, Refreshes as _, SessionHash, Sessions as _, Users as _};
use standin::time::Timestamp;
use standin_store::sqlite::SqliteStore;
use standin_store::{BackupError, OpenError, backup, restore};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A database with somebody in it, and where a copy goes.
struct Place {
    directory: TempDir,
    store: Arc<SqliteStore>,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("standin.db")).unwrap();
        assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
        Self { directory, store: Arc::new(store) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn url(&self, name: &str) -> String {
        format!("sqlite://{}", self.path(name).display())
    }
}

fn rows(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_7_a_copy_taken_while_others_write_is_the_database_of_one_instant() {
    let place = Place::new().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (store, stopped) = (Arc::clone(&place.store), Arc::clone(&stop));
    let mut writing = JoinSet::new();
    writing.spawn(async move {
        let mut number = 2;
        while !stopped.load(Ordering::Relaxed) {
            assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
            number += 1;
        }
        number - 1
    });
    let mut seen = Vec::new();
    for number in 0..5 {
        let (url, to) = (place.url("standin.db"), place.path(&format!("copy-{number}.db")));
        let copy = tokio::task::spawn_blocking(move || backup(&url, &to)).await.unwrap().unwrap();
        // A sign-in writes them in one transaction: all are there, or none.
        let count = |table: &str| rows(&copy.path, &format!("SELECT count(*) FROM {table}"));
        let users = count("users");
        assert_eq!((count("grants"), count("sessions"), count("events")), (users, users, users));
        assert_eq!(fs::metadata(&copy.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(copy.bytes, fs::metadata(&copy.path).unwrap().len());
        seen.push(users);
    }
    stop.store(true, Ordering::Relaxed);
    let written = writing.join_next().await.unwrap().unwrap();
    assert!(seen.is_sorted() && seen[4] <= i64::try_from(written).unwrap(), "{seen:?} {written}");
    let left: Vec<_> = fs::read_dir(place.directory.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 5 + 3, "copies, the database and its log: {left:?}");
}

#[tokio::test]
async fn st_7_nothing_is_written_over_and_nothing_left_behind() {
    let place = Place::new().await;
    let (url, to) = (place.url("standin.db"), place.path("copy.db"));
    fs::write(&to, "somebody's").unwrap();
    let refused = backup(&url, &to).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&to).unwrap(), "somebody's");

    fs::remove_file(&to).unwrap();
    backup(&url, &to).unwrap();
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let refused = restore(&url, &to, now, false).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    // The log of a database that is gone would be read into the one that is put there.
    fs::write(place.path("new.db-wal"), "a log").unwrap();
    let refused = restore(&place.url("new.db"), &to, now, false).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    assert!(!place.path("new.db").exists());
}

#[tokio::test]
async fn st_7_a_copy_that_is_put_back_has_everything_and_numbers_events_on() {
    let place = Place::new().await;
    let copy = place.path("copy.db");
    backup(&place.url("standin.db"), &copy).unwrap();
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    for (name, ends_sessions) in [("one.db", false), ("two.db", true)] {
        restore(&place.url(name), &copy, now, ends_sessions).unwrap();
        let restored = SqliteStore::open_existing(&place.path(name)).unwrap();
        assert!(restored.user(user(1)).await.unwrap().is_some());
        assert_eq!(restored.session(&hash(1)).await.unwrap().is_none(), ends_sessions);
        assert!(restored.complete_sign_in(sign_in(2)).await.is_ok());
        let numbers: Vec<_> = restored.events(0, 10).await.unwrap();
        let numbers: Vec<_> = numbers.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, [1, 1_800_000_000_001]);
    }
}

/// What providers have given since the backup is not in it; nor need the backup have had this release's tables.
#[tokio::test]
async fn st_7_since_when_a_restored_database_may_be_behind_is_known() {
    let place = Place::new().await;
    let copy = place.path("copy.db");
    backup(&place.url("standin.db"), &copy).unwrap();
    assert_eq!(place.store.timeline().await.unwrap(), None);
    let old = Connection::open(&copy).unwrap();
    old.execute_batch(
        "DROP TABLE timelines; DELETE FROM refinery_schema_history WHERE version = 20",
    )
    .unwrap();
    drop(old);
    let mut from = copy;
    for (name, seconds) in [("one.db", 1_800_000_000), ("two.db", 1_900_000_000)] {
        let now = Timestamp::from_unix_seconds(seconds);
        let restored = restore(&place.url(name), &from, now, false).unwrap();
        let store = SqliteStore::open_existing(&restored.path).unwrap();
        let timeline = store.timeline().await.unwrap().unwrap();
        assert_eq!(timeline.since, Some(now));
        // A backup of that one may be put back, too.
        drop(store);
        from = place.path(&format!("copy-of-{name}"));
        backup(&place.url(name), &from).unwrap();
    }
}

/// Who had signed in is nowhere in a file that was put back without their sessions.
#[tokio::test]
async fn st_7_what_a_restore_deletes_is_overwritten() {
    let place = Place::new().await;
    let copy = place.path("copy.db");
    backup(&place.url("standin.db"), &copy).unwrap();
    restore(&place.url("new.db"), &copy, at(0), true).unwrap();
    let SessionHash(hash) = hash(1);
    let has_it = |path: &Path| fs::read(path).unwrap().windows(32).any(|bytes| bytes == hash);
    assert!(has_it(&copy) && !has_it(&place.path("new.db")));
}

#[tokio::test]
async fn st_7_what_is_no_copy_of_ours_is_not_put_back() {
    let place = Place::new().await;
    let copy = place.path("copy.db");
    backup(&place.url("standin.db"), &copy).unwrap();
    let put_back = || restore(&place.url("new.db"), &copy, at(0), false);

    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = put_back().unwrap_err();
    assert!(matches!(refused, BackupError::Open(OpenError::NotPrivate { .. })), "{refused}");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();

    let whole = fs::read(&copy).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4096].fill(0x5a);
    fs::write(&copy, &damaged).unwrap();
    assert!(put_back().is_err(), "a damaged copy is put back");
    fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    assert!(put_back().is_err(), "half a copy is put back");
    fs::write(&copy, b"something else entirely").unwrap();
    let refused = put_back().unwrap_err();
    assert!(matches!(refused, BackupError::Open(OpenError::NotSqlite { .. })), "{refused}");
    let left: Vec<_> = fs::read_dir(place.directory.path()).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("new")));
}

#[test]
fn st_7_a_server_is_copied_by_its_own_tools() {
    let refused = backup("postgres://u:p@localhost/d", Path::new("/nowhere/copy")).unwrap_err();
    assert!(matches!(refused, BackupError::Server), "{refused}");
}
