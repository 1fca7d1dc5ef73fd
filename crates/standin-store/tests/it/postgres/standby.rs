//! What waits for a synchronous standby, and what does not (fault D25, requirement ST-4).

use std::pin::pin;

use futures_util::future::join_all;
use standin::store::conformance::samples::{at, attempt, grant, grant_id, hash, sign_in};
use standin::store::{Attempts, Event, EventKind, Events, Grants, Housekeeping, Sessions, Users};
use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::{Database, Server};
use tokio::time::{Duration, sleep};

use super::proxy::{Fate, Proxy};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_writers_who_all_wait_for_a_standby_keep_nobody_from_reading() {
    let server = Server::private(&[]);
    let url = server.url("postgres").replace("pool_timeout=60", "pool_timeout=2&pool_size=4");
    let store = PostgresStore::open(&url).await.unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    lose_the_standby(&server);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let written = join_all((1..20).map(|number| store.consume_attempt(attempt(number))));
    tokio::select! {
        biased;
        written = written => panic!("{written:?}"),
        () = async {
            while server.psql("postgres", waiting) != "2" {
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
            assert!(store.session_view(&hash(1)).await.unwrap().is_some());
        } => {}
    }
}

/// From now on every commit waits for somebody who is not there.
fn lose_the_standby(server: &Server) {
    server.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.reload();
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn d25_while_a_standby_is_away_whoever_starts_or_only_looks_waits_for_nobody() {
    let server = Server::private(&[]);
    let url = server.url("postgres");
    drop(PostgresStore::open(&url).await.unwrap());
    let written = "SELECT count(*) FROM write_intents";
    let before = server.psql("postgres", written);
    lose_the_standby(&server);
    drop(standin_store::open(&url).await.unwrap());
    // As it is after a failover.
    let elsewhere = "SET synchronous_commit = local; UPDATE timelines SET timeline = 'FFFFFFFF'";
    server.psql("postgres", elsewhere);
    let beside = standin_store::open_beside(&url).await.unwrap();
    assert_eq!(server.psql("postgres", written), before);
    assert!(beside.timeline().await.unwrap().unwrap().since.is_none());
    // It is tried, and goes on without.
    assert_eq!(PostgresStore::open(&url).await.unwrap().ping().await, Ok(()));
}

/// A fence that did not wait would say that a write is there which only the primary has.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_what_is_said_of_a_commit_is_as_durable_as_the_commit() {
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    PostgresStore::open(&proxy.url(&database)).await.unwrap();
    let name = database.psql("SELECT current_database()");
    database.psql(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    database.psql(
        "CREATE TABLE noted (setting text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO noted VALUES (concat_ws(' ', current_setting('synchronous_commit'), \
         current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'))); \
         RETURN NEW; END $$; \
         CREATE TRIGGER note BEFORE UPDATE ON write_intents FOR EACH ROW EXECUTE FUNCTION note()",
    );
    let store = PostgresStore::open(&proxy.url(&database)).await.unwrap();
    proxy.next_commit(Fate::CutAfter);
    let event = Event::new(EventKind::TokenRefreshed, at(1));
    assert_eq!(store.append_events(vec![event]).await, Ok(()));
    assert!(proxy.has_happened());
    assert_eq!(store.ping().await, Ok(()));
    assert_eq!(database.psql("SELECT setting FROM noted"), "on 3s 10s");
}

/// Somebody ends the wait: whoever looks after the server, or a pooler that passes a request to stop on to the wrong one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn st_4_a_commit_that_was_kept_from_waiting_for_its_standby_is_not_taken_for_durable() {
    let server = Server::private(&[]);
    let store = PostgresStore::open(&server.url("postgres")).await.unwrap();
    lose_the_standby(&server);
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let mut written = pin!(store.consume_attempt(attempt(1)));
    tokio::select! {
        biased;
        written = &mut written => panic!("{written:?}"),
        () = async {
            let mut first = String::new();
            while first.is_empty() {
                sleep(Duration::from_millis(10)).await;
                first = server.psql("postgres", waiting);
            }
            server.psql("postgres", &format!("SELECT pg_cancel_backend({first})"));
            // The fence waits in its place.
            let mut second = first.clone();
            while second.is_empty() || second == first {
                sleep(Duration::from_millis(10)).await;
                second = server.psql("postgres", waiting);
            }
        } => {}
    }
    server.psql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    server.reload();
    assert_eq!(written.await, Ok(true));
}
