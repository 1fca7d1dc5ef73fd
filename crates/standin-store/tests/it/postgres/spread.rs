//! Servers that have less than PostgreSQL: here those of its functions are shadowed that they have not, or have otherwise.

use std::time::Duration;

use standin::id::{NodeId, UserId};
use standin::store::conformance::samples::attempt;
use standin::store::{Attempts, Cluster, DataKeys, LOOKBACK, Outdated, StoreError};
use standin::time::{Clock as _, SystemClock, Timestamp};
use standin_store::postgres::testing::Database;
use standin_store::postgres::{PostgresStore, ServerError, migrate, pending_migrations};
use tokio::time::Instant;

use super::fixture::{Fixture, connect};

const YUGABYTE: &str = "RETURN 'PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64'";

/// What was noted before the look becomes visible after it. How long that may take is [`too_late`]'s to show.
async fn what_was_under_way_is_heard(store: &Fixture) {
    let (slow, _connected) = connect(&store.database).await;
    let note = "BEGIN; INSERT INTO inval_log (bucket_s, kind, id) VALUES \
        (floor(extract(epoch FROM now()))::bigint - 27, 'user', '07070707-0707-0707-0707-070707070707')";
    slow.batch_execute(note).await.unwrap();
    store.report_node(NodeId::from_bytes([1; 16]), 0).await.unwrap();
    let before = store.bulletin(Timestamp::NEVER).await.unwrap();
    slow.batch_execute("COMMIT").await.unwrap();
    let after = store.bulletin(before.settled).await.unwrap();
    let user = UserId::from_bytes([7; 16]);
    assert_eq!(after.news(&before).collect::<Vec<_>>(), [Outdated::User(user)]);
    assert!(before.settled <= after.settled && after.settled <= SystemClock.now());
    // Whoever has looked is not kept from going on by what is still under way.
    let age = SystemClock.now().remaining(before.settled);
    assert!(age < Duration::from_mins(2), "{age:?}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn rf_10_without_numbers_a_look_goes_back_to_before_whatever_may_be_under_way() {
    what_was_under_way_is_heard(&Fixture::without_numbers().await).await;
}

/// It has PostgreSQL's functions, and they know of one machine.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn rf_10_the_numbers_of_one_machine_among_several_are_not_believed() {
    let database = Database::fresh();
    database.instead("version() RETURNS text", YUGABYTE);
    let store = PostgresStore::open(&database.url()).await.unwrap();
    // Numbers would go back to the first second, for want of a report.
    let settled = store.bulletin(Timestamp::NEVER).await.unwrap().settled;
    assert!(settled > Timestamp::default(), "{settled:?}");
}

/// Its process was stopped for so long that others take what it does for done or for never to be.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn rf_10_a_transaction_that_comes_too_late_is_not_committed() {
    for (passed, is_written) in [("11.9", true), ("12", false)] {
        let database = Database::fresh();
        let later = format!("RETURN pg_catalog.now() + interval '{passed} s'");
        database.instead("statement_timestamp() RETURNS timestamptz", &later);
        let store = PostgresStore::open(&database.url()).await;
        // The first is that of the start, which goes on without.
        let written = store.unwrap().consume_attempt(attempt(1)).await;
        match written {
            Ok(true) => assert!(is_written),
            Err(StoreError::Unavailable(words)) => {
                assert!(!is_written && words.contains("too late"), "{words}");
            }
            other => panic!("{other:?}"),
        }
        let rows = database.psql("SELECT count(*) FROM attempts");
        assert_eq!(rows, u8::from(is_written).to_string());
    }
}

/// There is no lock that all of its machines know.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn without_numbers_writers_have_finished_when_none_can_be_left() {
    let store = Fixture::without_numbers().await;
    tokio::time::pause();
    let began = Instant::now();
    assert_eq!(store.let_writers_finish().await, Ok(()));
    assert!(began.elapsed() >= LOOKBACK);
}

/// Each table would be made by itself, and rows that were on their way from one to another be taken back.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_database_in_use_is_not_migrated_where_that_is_not_one_transaction() {
    let database = Database::fresh();
    database.instead("version() RETURNS text", YUGABYTE);
    migrate(&database.url()).await.unwrap();
    database.psql("DELETE FROM refinery_schema_history WHERE version = 19");
    let refused = migrate(&database.url()).await.unwrap_err();
    assert!(matches!(refused, ServerError::NotMigrated { .. }), "{refused}");
    assert!(refused.to_string().contains("is not taken back"), "{refused}");
    let pending = pending_migrations(&database.url()).await.unwrap();
    assert_eq!(pending.len(), 1);
}
