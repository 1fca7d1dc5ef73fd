//! Notes for other processes: two stores on one file, and what becomes of old notes.

use std::time::Duration;

use rusqlite::Connection;
use standin::id::{NodeId, UserId};
use standin::store::conformance::samples::{at, sign_in, user};
use standin::store::{Cluster, Housekeeping, Outdated, Users, Watch};
use standin::time::Timestamp;
use standin_store::sqlite::SqliteStore;

use super::fixture::Fixture;

#[tokio::test]
async fn rf_10_what_one_process_takes_back_is_told_to_another_and_struck_there_only_when_it_looks()
{
    let here = Fixture::fresh();
    let there = SqliteStore::open(&here.path()).unwrap();
    here.complete_sign_in(sign_in(1)).await.unwrap();
    let heard = there.bulletin(Timestamp::NEVER).await.unwrap();
    let deleted = Outdated::User(user(1));
    let watch = |store: &SqliteStore| {
        let marks = store.marks();
        Watch::new(marks.now(), [marks.place(&deleted)])
    };
    let (kept_here, kept_there) = (watch(&here), watch(&there));
    here.delete_user(user(1)).await.unwrap();
    assert!(!here.marks().stand(&kept_here));
    assert!(there.marks().stand(&kept_there));
    let told = there.bulletin(heard.settled).await.unwrap();
    assert!(told.news(&heard).any(|outdated| outdated == deleted), "{told:?}");
}

/// Its process was stopped between its statement and its COMMIT, and nobody can tell how long: other looks go well
/// meanwhile, as long as nothing is to be reported.
#[tokio::test]
async fn rf_10_a_note_is_heard_however_long_after_its_second_it_becomes_visible() {
    let store = Fixture::fresh();
    let stopped = Connection::open(store.path()).unwrap();
    let ten_minutes_ago = "UPDATE nodes SET seen_at_s = seen_at_s - 600";
    store.report_node(NodeId::from_bytes([1; 16]), 0).await.unwrap();
    stopped.execute(ten_minutes_ago, []).unwrap();
    stopped.execute_batch("BEGIN IMMEDIATE").unwrap();
    let note = "INSERT INTO inval_log (bucket_s, kind, id) VALUES (unixepoch() - 599, 'user', ?1)";
    stopped.execute(note, [[7_u8; 16]]).unwrap();
    let before = store.bulletin(Timestamp::default()).await.unwrap();
    let meanwhile = store.bulletin(before.settled).await.unwrap();
    assert_eq!(meanwhile.news(&before).collect::<Vec<_>>(), []);
    stopped.execute_batch("COMMIT").unwrap();
    let after = store.bulletin(meanwhile.settled).await.unwrap();
    let user = UserId::from_bytes([7; 16]);
    assert_eq!(after.news(&meanwhile).collect::<Vec<_>>(), [Outdated::User(user)]);
    // Whoever goes on reporting does not go on reading what is long past.
    store.report_node(NodeId::from_bytes([1; 16]), 0).await.unwrap();
    let settled = store.bulletin(after.settled).await.unwrap().settled;
    assert!(settled > after.settled.after(Duration::from_secs(590)));
}

#[tokio::test]
async fn notes_and_nodes_of_an_hour_ago_are_forgotten() {
    let store = Fixture::fresh();
    let raw = Connection::open(store.path()).unwrap();
    for (age, id) in [(3_590, 1_u8), (3_610, 2)] {
        let id = [id; 16];
        let note =
            "INSERT INTO inval_log (bucket_s, kind, id) VALUES (unixepoch() - ?1, 'user', ?2)";
        raw.execute(note, (age, id)).unwrap();
        let node = "INSERT INTO nodes (id, seen_at_s, heard) VALUES (?2, unixepoch() - ?1, 0)";
        raw.execute(node, (age, id)).unwrap();
    }
    store.prune(at(0)).await.unwrap();
    let kept = store.bulletin(Timestamp::default()).await.unwrap().notes;
    let kept: Vec<_> = kept.iter().map(|note| note.outdated).collect();
    assert_eq!(kept, [Outdated::User(UserId::from_bytes([1; 16]))]);
    let nodes: i64 = raw.query_row("SELECT count(*) FROM nodes", [], |row| row.get(0)).unwrap();
    assert_eq!(nodes, 1);
    assert_eq!(store.nodes_behind(1).await, Ok(Vec::new()));
}

/// More than go at once.
#[tokio::test]
async fn a_backlog_of_notes_is_forgotten_whole() {
    let store = Fixture::fresh();
    let raw = Connection::open(store.path()).unwrap();
    raw.execute_batch(
        "WITH RECURSIVE old(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM old WHERE n < 1200) \
         INSERT INTO inval_log (bucket_s, kind, id, changes) SELECT n, 'user', randomblob(16), 1 FROM old",
    )
    .unwrap();
    store.prune(at(0)).await.unwrap();
    let left: i64 = raw.query_row("SELECT count(*) FROM inval_log", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// What a later release notes is heard by it alone: this one must not go on believing what it keeps.
#[tokio::test]
async fn rf_10_a_note_that_is_not_understood_keeps_a_process_from_hearing() {
    let store = Fixture::fresh();
    let raw = Connection::open(store.path()).unwrap();
    let note = "INSERT INTO inval_log (bucket_s, kind, id) VALUES (unixepoch(), 'galaxy', ?1)";
    raw.execute(note, [[1_u8; 16]]).unwrap();
    assert!(store.bulletin(Timestamp::default()).await.is_err());
}
