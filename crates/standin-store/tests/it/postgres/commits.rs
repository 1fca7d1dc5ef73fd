//! A write is made once or reported as not made, whatever happens to its COMMIT (requirement ST-4, fault D25).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standin::store::conformance::samples::{at, attempt, grant, next, sign_in};
use standin::store::{Attempts, Event, EventKind, Events, Grants, Housekeeping, StoreError, Users};
use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::Database;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::fixture::{Fixture, connect};
use super::proxy::{Fate, Proxy};

fn event(detail: &str) -> Event {
    Event { detail: Some(detail.to_owned()), ..Event::new(EventKind::TokenRefreshed, at(1)) }
}

/// How often an event is there.
async fn count(store: &PostgresStore, detail: &str) -> usize {
    let events = store.events(0, 100_000).await.unwrap();
    events.iter().filter(|stored| stored.event.detail.as_deref() == Some(detail)).count()
}

async fn through_a_proxy() -> (Database, Proxy, PostgresStore) {
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    let store = PostgresStore::open(&proxy.url(&database)).await.unwrap();
    (database, proxy, store)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_a_commit_whose_answer_is_lost_is_not_made_again() {
    let (_database, proxy, store) = through_a_proxy().await;
    proxy.next_commit(Fate::CutAfter);
    assert_eq!(store.append_events(vec![event("once")]).await, Ok(()));
    assert!(proxy.has_happened());
    assert_eq!(count(&store, "once").await, 1);

    // Made again it would find its own row in its way, and say that somebody else was first.
    proxy.next_commit(Fate::CutAfter);
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(true));
    assert!(proxy.has_happened());
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(false));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_a_commit_that_never_arrived_is_made_again() {
    let (_database, proxy, store) = through_a_proxy().await;
    proxy.next_commit(Fate::CutBefore);
    assert_eq!(store.append_events(vec![event("once")]).await, Ok(()));
    assert!(proxy.has_happened());
    assert_eq!(count(&store, "once").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_what_became_of_a_commit_is_not_guessed_at_when_nobody_can_be_asked() {
    let (database, proxy, store) = through_a_proxy().await;
    proxy.next_commit(Fate::CutAfterForGood);
    let unknown = store.append_events(vec![event("once")]).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
    let gone = store.ping().await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))), "{gone:?}");
    proxy.heal();
    assert_eq!(count(&store, "once").await, 1);
    assert_eq!(database.psql("SELECT count(*) FROM write_intents WHERE is_fence"), "0");
}

/// As `CockroachDB` and others do at a COMMIT that some of their machines may have kept.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_a_commit_of_which_the_server_itself_does_not_know_is_asked_about() {
    let store = Fixture::fresh().await;
    store.database.psql("CREATE TABLE says (state text)");
    store.database.psql(
        "CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE 'ambiguous' USING ERRCODE = (SELECT state FROM says); END $$; \
         CREATE CONSTRAINT TRIGGER doubt AFTER INSERT ON attempts \
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION doubt()",
    );
    let fences = "SELECT count(*) FROM write_intents WHERE is_fence";
    for (state, asked) in [("22012", "0"), ("40003", "1")] {
        store.database.psql(&format!("DELETE FROM says; INSERT INTO says VALUES ('{state}')"));
        let refused = store.consume_attempt(attempt(1)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{state}: {refused:?}");
        assert_eq!(store.database.psql(fences), asked, "{state}");
    }
}

/// Writes until it is told to stop. What it was told of each write.
async fn write_on(store: &PostgresStore, writer: u64, is_over: &AtomicBool) -> Vec<bool> {
    let mut current = grant(writer);
    let mut told = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let written = next(&current, at(u64::try_from(told.len()).unwrap()));
        let detail = event(&format!("{writer}.{}", told.len()));
        match store.replace_grant(written.clone(), Some(detail)).await {
            Ok(()) => {
                current = written;
                told.push(true);
            }
            Err(StoreError::Unavailable(_)) => told.push(false),
            other => panic!("writer {writer} after {} writes: {other:?}", told.len()),
        }
    }
    let stored = store.grant(current.id).await;
    assert_eq!(stored, Ok(Some(current)), "writer {writer}");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_each_write_is_there_once_or_was_reported_while_connections_are_killed() {
    let store = Arc::new(Fixture::fresh().await);
    for writer in 0..8 {
        store.complete_sign_in(sign_in(writer)).await.unwrap();
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, is_over) = (Arc::clone(&store), Arc::clone(&is_over));
        writers.spawn(async move { (writer, write_on(&store, writer, &is_over).await) });
    }
    let (killer, _connection) = connect(&store.database).await;
    let mut killed = 0_i64;
    while killed < 200 {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        killed += killer.query_one(kill, &[]).await.unwrap().get::<_, i64>(0);
        sleep(Duration::from_millis(20)).await;
    }
    is_over.store(true, Ordering::Relaxed);

    let mut written = 0;
    for (writer, told) in writers.join_all().await {
        for (number, is_done) in told.iter().enumerate() {
            let there = count_in(&store, &format!("{writer}.{number}")).await;
            assert_eq!(there, usize::from(*is_done), "write {number} of writer {writer}");
            written += there;
        }
    }
    assert!(written > 8, "hardly anything was written: {written}");
}

/// The same as `count`, by the database.
async fn count_in(store: &Fixture, detail: &str) -> usize {
    // Who reads numbers.
    store.events(0, 0).await.unwrap();
    let sql = format!("SELECT count(*) FROM events WHERE detail = '{detail}'");
    store.database.psql(&sql).parse().unwrap()
}
