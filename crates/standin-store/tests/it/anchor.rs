//! What is held for those who read: it hides nothing, keeps no log from being begun anew, and is let go of.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;
use standin::store::conformance::samples::{at, grant, grant_id, sign_in};
use standin::store::{Event, EventKind, Events as _, Grants as _, Users as _};
use tokio::runtime::Handle;

use super::fixture::Fixture;

/// SQLite folds the log into the file when it is this long.
const FOLDED_AT: u64 = 1_000 * 4_120;

fn event(bytes: usize) -> Event {
    Event { detail: Some("x".repeat(bytes)), ..Event::new(EventKind::TokenVended, at(1)) }
}

/// Somebody else at the same file, who does not wait.
fn another(path: &Path) -> Connection {
    let raw = Connection::open(path).unwrap();
    raw.execute_batch("PRAGMA busy_timeout = 0; PRAGMA synchronous = OFF").unwrap();
    raw
}

/// Whether somebody reads in the log.
fn log_is_held(raw: &Connection) -> bool {
    let busy = raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    busy.unwrap() == 1
}

/// Writes a version that nobody else writes.
fn put_version(raw: &Connection, version: i64) {
    raw.execute("UPDATE grants SET version = ?1", [version]).unwrap();
}

async fn version(store: &Fixture) -> u64 {
    store.grant(grant_id(1)).await.unwrap().unwrap().version
}

/// Reads until the anchor is there: nobody else reads when the log is looked at. The versions that were read.
async fn read_until_held(store: &Fixture, raw: &Connection) -> u64 {
    for written in 2..100_000 {
        put_version(raw, written);
        for _ in 0..100 {
            assert_eq!(version(store).await, written.cast_unsigned());
        }
        if log_is_held(raw) {
            return written.cast_unsigned();
        }
    }
    panic!("nothing was ever held");
}

#[tokio::test]
async fn what_another_process_commits_is_read_at_once_whatever_is_held() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let raw = another(&store.path());
    let last = read_until_held(&store, &raw).await;

    for version_now in last + 1..last + 100 {
        put_version(&raw, version_now.cast_signed());
        assert_eq!(version(&store).await, version_now);
    }
}

#[tokio::test]
async fn a_process_that_reads_nothing_holds_nothing() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let raw = another(&store.path());
    read_until_held(&store, &raw).await;

    // Would never end if it were held until somebody reads.
    while log_is_held(&raw) {
        thread::yield_now();
    }
    // Nor does one read bring it back, or many that were counted long ago.
    put_version(&raw, 1);
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
    assert!(!log_is_held(&raw));
}

#[tokio::test]
async fn the_last_to_close_folds_the_log_into_the_file_whatever_is_held() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let raw = another(&store.path());
    read_until_held(&store, &raw).await;
    drop(raw);
    let (_directory, path) = store.close();
    assert!(!path.with_extension("db-wal").exists());
    let raw = Connection::open(path).unwrap();
    let grants: i64 = raw.query_row("SELECT count(*) FROM grants", [], |row| row.get(0)).unwrap();
    assert_eq!(grants, 1);
}

/// Threads that read all the time, until this is dropped.
struct ConstantReaders(Arc<AtomicBool>);

impl ConstantReaders {
    fn of(store: &Arc<Fixture>) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let (store, done) = (Arc::clone(store), Arc::clone(&done));
            tokio::task::spawn_blocking(move || {
                let runtime = Handle::current();
                while !done.load(Ordering::Relaxed) {
                    runtime.block_on(store.grant(grant_id(1))).unwrap();
                }
            });
        }
        Self(done)
    }
}

impl Drop for ConstantReaders {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_one_who_writes_and_reads_all_the_time_does_not_grow() {
    let store = Arc::new(Fixture::fresh());
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let _readers = ConstantReaders::of(&store);
    for _ in 0..1_000 {
        store.append_events(vec![event(20_000)]).await.unwrap();
    }
    // More than 20 MB were written. The file keeps the length that the log had when it was longest: each write folds it
    // once it is long enough, if nobody reads what is older just then.
    let longest = fs::metadata(store.path().with_extension("db-wal")).unwrap().len();
    assert!(longest < 4 * FOLDED_AT, "{longest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_that_writes_begins_the_log_anew_while_we_read_all_the_time() {
    let store = Arc::new(Fixture::fresh());
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let raw = another(&store.path());
    raw.execute_batch("PRAGMA busy_timeout = 5000; CREATE TABLE bulk (x)").unwrap();
    // The head of a log ends with its number and its salt.
    let log = || {
        let mut head = [0; 24];
        let mut log = File::open(store.path().with_extension("db-wal")).unwrap();
        log.read_exact(&mut head).unwrap();
        head
    };
    let _readers = ConstantReaders::of(&store);
    let first = log();
    let began_anew = (0..10_000).any(|_| {
        raw.execute("INSERT INTO bulk VALUES (zeroblob(20000))", []).unwrap();
        log() != first
    });
    assert!(began_anew);
}
