//! A server that stops, is full, is slow or is held up by others (faults D25 and D28).

use std::sync::Arc;
use std::time::Duration;

use standin::store::conformance::samples::{
    at, attempt, grant, grant_id, hash_bytes, identity, next, sign_in, user,
};
use standin::store::{
    About, Attempts, DataKeys, Duties, Grants, Housekeeping, News, Signal, Signals, SpentKind,
    StoreError, Users,
};
use standin::vault::GrantState;
use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::{Database, Server};
use tokio::time::sleep;

use super::fixture::{Fixture, connect, connect_to, until_waiting};

fn unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unavailable(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_server_that_stops_is_reported_and_used_again_when_it_is_back() {
    let server = Server::private(&[]);
    let store = PostgresStore::open(&server.url("postgres")).await.unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    server.stop();
    unavailable(store.ping().await);
    unavailable(store.replace_grant(next(&grant(1), at(9)), None).await);
    server.start();
    assert_eq!(store.ping().await, Ok(()));
    assert_eq!(store.replace_grant(next(&grant(1), at(9)), None).await, Ok(()));
}

/// What comes too late is refused for want of a value as well, but in another table.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_row_that_lacks_a_value_is_not_said_to_come_too_late() {
    let store = Fixture::fresh().await;
    store.database.psql("ALTER TABLE attempts ADD COLUMN somebody_elses text NOT NULL");
    let words = unavailable(store.consume_attempt(attempt(1)).await);
    assert!(words.contains("the server refuses") && words.contains("23502"), "{words}");
}

/// As whoever moves the database elsewhere does: what is written here from now on would be lost.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_database_that_its_owner_makes_read_only_is_not_written_any_more() {
    let server = Server::private(&[]);
    let url = server.url("postgres").replace("pool_timeout=60", "pool_timeout=60&pool_size=1");
    let store = PostgresStore::open(&url).await.unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    server.psql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
    server.reload();
    while store.ping().await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    let words = unavailable(store.replace_grant(next(&grant(1), at(9)), None).await);
    assert!(words.contains("the server takes no writes"), "{words}");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_connections_that_were_cut_while_idle_are_noticed_before_they_are_used() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    for number in 1..20 {
        store.database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        let current = store.grant(grant_id(1)).await.unwrap().unwrap();
        assert_eq!(store.replace_grant(next(&current, at(number)), None).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_when_all_connections_are_in_use_a_caller_is_told_soon() {
    let database = Database::fresh();
    let url = database.url().replace("pool_timeout=60", "pool_timeout=1&pool_size=1");
    let store = Arc::new(PostgresStore::open(&url).await.unwrap());
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let (mut other, _connection) = connect(&database).await;
    let holding = other.transaction().await.unwrap();
    holding.batch_execute("SELECT 1 FROM grants FOR UPDATE").await.unwrap();

    let (write, read) = tokio::join!(store.replace_grant(next(&grant(1), at(9)), None), async {
        until_waiting(&database).await;
        store.grant(grant_id(1)).await
    });
    let words = unavailable(read);
    assert!(words.contains("all connections") && words.contains("pool_size"), "{words}");
    let words = unavailable(write);
    assert!(words.contains("another transaction holds the row"), "{words}");
    holding.rollback().await.unwrap();
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_transaction_that_is_chosen_in_a_deadlock_is_done_again() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let (mut other, _connection) = connect(&store.database).await;
    let against = other.transaction().await.unwrap();
    against.batch_execute("SELECT 1 FROM grants FOR UPDATE").await.unwrap();
    // It has deleted the user and waits for the grant; whoever holds that wants the user now. The server looks for
    // deadlocks on behalf of whoever has waited for a second, which is the deletion.
    let (deleted, locked) = tokio::join!(store.delete_user(user(1)), async {
        until_waiting(&store.database).await;
        let locked = against.batch_execute("SELECT 1 FROM users FOR UPDATE").await;
        against.commit().await.unwrap();
        locked
    });
    assert!(locked.is_ok(), "{locked:?}");
    assert_eq!(deleted, Ok(true));
    assert_eq!(store.grant(grant_id(1)).await, Ok(None));
}

/// Whoever waits for a row gets it as it is then, and what it was joined with as it was before: terms that are new would be
/// none.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_grant_that_was_waited_for_is_read_with_the_terms_that_it_has_then() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let (mut other, _connection) = connect(&store.database).await;
    let renewing = other.transaction().await.unwrap();
    let renew = "INSERT INTO grant_terms SELECT 7, provider_client, token_endpoint, scopes, requested FROM grant_terms; \
        UPDATE grants SET terms = 7, version = version + 1";
    renewing.batch_execute(renew).await.unwrap();
    let duties = Duties { withdraw_grants: true, ..Duties::NONE };
    let (about, detail) = (About::Identity(identity(1)), "told".to_owned());
    let signal = Signal {
        kind: SpentKind::SecurityEvent,
        sha256: hash_bytes(1),
        remembered_until: at(9_000),
        at: at(500),
        news: vec![News { about, duties, before: at(100), detail }],
    };
    let (taken, ()) = tokio::join!(store.take_signal(signal), async {
        until_waiting(&store.database).await;
        renewing.commit().await.unwrap();
    });
    assert_eq!(taken, Ok(true));
    let grant = store.grant(grant_id(1)).await.unwrap().unwrap();
    assert_eq!(grant.state, GrantState::Reauth);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn data_keys_are_counted_after_whoever_was_writing_has_finished() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let before = store.data_key_use().await.unwrap();
    let (mut other, _connection) = connect(&store.database).await;
    let late = other.transaction().await.unwrap();
    late.batch_execute(
        "UPDATE grants SET sealed_access = '\\x000000000007', sealed_refresh = NULL",
    )
    .await
    .unwrap();
    assert_eq!(store.data_key_use().await.unwrap(), before, "a list waits for nobody");
    let finished = async {
        store.let_writers_finish().await?;
        store.data_key_use().await
    };
    let (after, ()) = tokio::join!(finished, async {
        until_waiting(&store.database).await;
        late.commit().await.unwrap();
    });
    assert_ne!(after.unwrap(), before);
}

/// Makes each update of a grant do `statements` first.
fn before_each_update(database: &Database, statements: &str) {
    database.psql(&format!(
        "CREATE SEQUENCE tries; CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN {statements} RETURN NEW; END $$; \
         CREATE TRIGGER fault BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION fault()"
    ));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_transaction_that_could_not_be_serialized_is_done_again() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    // A sequence is not rolled back: it counts the tries.
    let refuses = |tries: u32| {
        format!(
            "IF nextval('tries') < {tries} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END IF;"
        )
    };
    before_each_update(&store.database, &refuses(4));
    let written = next(&grant(1), at(9));
    assert_eq!(store.replace_grant(written.clone(), None).await, Ok(()));
    assert_eq!(store.database.psql("SELECT last_value FROM tries"), "4");

    store.database.psql("DROP FUNCTION fault CASCADE; DROP SEQUENCE tries");
    before_each_update(&store.database, &refuses(99));
    let words = unavailable(store.replace_grant(next(&written, at(10)), None).await);
    assert!(words.contains("40001"), "{words}");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(written)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_statement_that_takes_too_long_is_ended_and_has_done_nothing() {
    let store = Fixture::fresh().await;
    store.complete_sign_in(sign_in(1)).await.unwrap();
    before_each_update(&store.database, "PERFORM pg_sleep(600);");
    let words = unavailable(store.replace_grant(next(&grant(1), at(9)), None).await);
    assert!(words.contains("the server took too long"), "{words}");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
    let busy = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
    assert_eq!(store.database.psql(busy), "0", "nothing goes on behind our back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_server_that_has_no_connection_left_is_reported_and_used_again_when_it_has() {
    let server =
        Server::private(&[("max_connections", "6"), ("superuser_reserved_connections", "0")]);
    let store = PostgresStore::open(&server.url("postgres")).await.unwrap();
    let url = server.url("postgres");
    let (url, _) = url.split_once('?').unwrap();
    let mut others = Vec::new();
    while let Ok(other) = connect_to(url).await {
        others.push(other);
    }
    let ours = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'standin'";
    others[0].0.batch_execute(ours).await.unwrap();
    // Somebody else is faster.
    while let Ok(other) = connect_to(url).await {
        others.push(other);
    }
    let words = unavailable(store.ping().await);
    assert!(words.contains("the server has no connection left"), "{words}");
    drop(others);
    while store.ping().await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
}
