//! Transactions that are slower than the second in which they began.

use standin::id::{NodeId, UserId};
use standin::store::conformance::samples::at;
use standin::store::{Cluster, Housekeeping, Outdated, ReceiptKind, Receipts};
use standin::time::{Clock as _, SystemClock, Timestamp};

use super::fixture::{Fixture, connect, until_waiting};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn rf_10_a_note_that_becomes_visible_long_after_its_second_is_heard() {
    let store = Fixture::fresh().await;
    let node = NodeId::from_bytes([1; 16]);
    let (slow, _connected) = connect(&store.database).await;
    // Its process is stopped, or its COMMIT waits for a standby.
    let begun = 600;
    let user = UserId::from_bytes([7; 16]);
    let note = format!(
        "BEGIN; INSERT INTO inval_log (bucket_s, kind, id) VALUES \
         (floor(extract(epoch FROM now()))::bigint - {begun}, 'user', '07070707-0707-0707-0707-070707070707')"
    );
    slow.batch_execute(&note).await.unwrap();
    store.report_node(node, 0).await.unwrap();
    let before = store.bulletin(Timestamp::NEVER).await.unwrap();
    let meanwhile = store.bulletin(before.settled).await.unwrap();
    assert_eq!(meanwhile.news(&before).collect::<Vec<_>>(), []);
    slow.batch_execute("COMMIT").await.unwrap();
    let after = store.bulletin(meanwhile.settled).await.unwrap();
    assert_eq!(after.news(&meanwhile).collect::<Vec<_>>(), [Outdated::User(user)]);
    // Whoever goes on reporting does not go on reading what is long past: once what was under way is over.
    store.report_node(node, 0).await.unwrap();
    let mut settled = Timestamp::default();
    while settled == Timestamp::default() {
        settled = store.bulletin(after.settled).await.unwrap().settled;
    }
    assert!(settled <= SystemClock.now());
}

/// What is committed is struck in the process that did it, whether or not it heard so.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn rf_10_every_store_on_a_database_has_marks_of_its_own() {
    use standin::store::conformance::samples::client;
    use standin::store::{Clients, Watch};
    use standin_store::postgres::PostgresStore;

    let here = Fixture::fresh().await;
    let there = PostgresStore::open(&here.database.url()).await.unwrap();
    here.add_client(client(1)).await.unwrap();
    let heard = there.bulletin(Timestamp::NEVER).await.unwrap();
    let revoked = Outdated::Client(client(1).id);
    let watch = |store: &PostgresStore| {
        let marks = store.marks();
        Watch::new(marks.now(), [marks.place(&revoked)])
    };
    let (kept_here, kept_there) = (watch(&here), watch(&there));
    here.revoke_client(client(1).id, at(9)).await.unwrap();
    assert!(!here.marks().stand(&kept_here) && there.marks().stand(&kept_there));
    let told = there.bulletin(heard.settled).await.unwrap();
    assert_eq!(told.news(&heard).collect::<Vec<_>>(), [revoked]);
}

/// A statement that deletes a backlog of a million rows is cancelled, and so is the next, which has more.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_backlog_is_forgotten_a_few_rows_at_a_time() {
    let store = Fixture::fresh().await;
    let psql = |sql: &str| store.database.psql(sql);
    psql(
        "INSERT INTO inval_log (bucket_s, kind, id) \
             SELECT n, 'user', gen_random_uuid() FROM generate_series(1, 1200) AS n; \
         INSERT INTO write_intents (id, is_fence) \
             SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, false \
             FROM generate_series(1, 1200) AS n; \
         CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF (SELECT count(*) FROM gone) > 500 THEN RAISE 'too many at once'; END IF; \
             RETURN NULL; END $$",
    );
    for table in ["inval_log", "write_intents"] {
        psql(&format!(
            "CREATE TRIGGER few AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone \
             FOR EACH STATEMENT EXECUTE FUNCTION few()"
        ));
    }
    store.prune(at(0)).await.unwrap();
    assert_eq!(psql("SELECT count(*) FROM inval_log"), "0");
    let left =
        "SELECT count(*) FROM write_intents WHERE id < '00000001-0000-0000-0000-000000000000'";
    assert_eq!(psql(left), "0");
}

/// Whoever forgets waits for whoever is writing, and looks again at what was written.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn what_begins_anew_while_it_is_forgotten_stays() {
    let store = Fixture::fresh().await;
    let (other, _connected) = connect(&store.database).await;
    for (table, row, begins_anew) in [
        (
            "failed_requests",
            "VALUES ('\\x0102030405060708090a0b0c0d0e0f10', 60, 5)",
            "until_ms = 9000000000000",
        ),
        (
            "nodes",
            "VALUES ('07070707-0707-0707-0707-070707070707', 5, 0)",
            "seen_at_s = floor(extract(epoch FROM now()))::bigint",
        ),
        (
            "receipts",
            "(attempt_id, provider, kind, is_new_user, begun_at, ended_at, steps) VALUES \
             ('07070707-0707-0707-0707-070707070707', 'google', 'turned_away', false, 1, 5, '[]')",
            "kind = 'done'",
        ),
    ] {
        store.database.psql(&format!("INSERT INTO {table} {row}"));
        other.batch_execute(&format!("BEGIN; UPDATE {table} SET {begins_anew}")).await.unwrap();
        let forget = async {
            store.prune(at(10)).await.unwrap();
            store.prune_receipts(ReceiptKind::TurnedAway, at(10), 100).await.unwrap();
        };
        tokio::join!(forget, async {
            until_waiting(&store.database).await;
            other.batch_execute("COMMIT").await.unwrap();
        });
        let left = store.database.psql(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(left, "1", "{table}");
    }
}
