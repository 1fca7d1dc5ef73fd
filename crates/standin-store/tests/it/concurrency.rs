//! Many at once.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use standin::store::conformance::samples::{
    at, client, grant, grant_id, hash, next, revocation, sign_in, user,
};
use standin::store::{
    Clients, Event, EventKind, Events, Grants, Housekeeping, Sessions, StoreError, Users,
};
use standin_store::sqlite::SqliteStore;
use tokio::task::JoinSet;

use super::fixture::Fixture;

fn event(detail: &str) -> Event {
    Event { detail: Some(detail.to_owned()), ..Event::new(EventKind::TokenVended, at(1)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failing_job_among_many_takes_back_only_itself() {
    let store = Arc::new(Fixture::fresh());
    store.queue_revocation(revocation(7)).await.unwrap();
    let mut jobs = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        jobs.spawn(async move { (number, store.queue_revocation(revocation(number)).await) });
    }
    for (number, result) in jobs.join_all().await {
        let expected = match number {
            7 => Err(StoreError::Conflict),
            _ => Ok(()),
        };
        assert_eq!(result, expected, "{number}");
    }
    let queued = store.due_revocations(at(9_999), 999).await.unwrap();
    assert_eq!(queued.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_in_its_middle_leaves_nothing_of_itself() {
    let store = Fixture::fresh();
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.detail = 'bad' \
        BEGIN SELECT raise(ABORT, 'injected'); END";
    Connection::open(store.path()).unwrap().execute_batch(fault).unwrap();
    let job = vec![event("good"), event("bad"), event("good")];
    let (first, failed, last) = tokio::join!(
        store.append_events(vec![event("first")]),
        store.append_events(job),
        store.append_events(vec![event("last")]),
    );
    assert_eq!((first, last), (Ok(()), Ok(())));
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    let events = store.events(0, 10).await.unwrap();
    let details: Vec<_> = events.into_iter().map(|stored| stored.event.detail).collect();
    assert_eq!(details, [event("first").detail, event("last").detail]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_database_rolls_back_fails_all_its_jobs_and_no_later_one() {
    let store = Fixture::fresh();
    // The same as a full disk does: the whole transaction is gone, with the jobs before the bad one.
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.detail = 'bad' \
        BEGIN SELECT raise(ROLLBACK, 'injected'); END";
    let raw = Connection::open(store.path()).unwrap();
    raw.execute_batch(fault).unwrap();
    // While this holds the lock the first job waits for it, and the others gather behind.
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        raw.execute_batch("COMMIT").unwrap();
    };
    let (_alone, before, bad, after, ()) = tokio::join!(
        store.ping(),
        store.append_events(vec![event("before")]),
        store.append_events(vec![event("bad")]),
        store.append_events(vec![event("after")]),
        release,
    );
    let events = store.events(0, 10).await.unwrap();
    let details: Vec<_> = events.into_iter().map(|stored| stored.event.detail).collect();
    assert!(matches!(bad, Err(StoreError::Unavailable(_))), "{bad:?}");
    // Whatever was acknowledged is there, and whatever was not is not.
    for (name, result) in [("before", before), ("after", after)] {
        let is_there = details.contains(&Some(name.to_owned()));
        assert_eq!(result.is_ok(), is_there, "{name}: {result:?}");
    }
    assert_eq!(store.append_events(vec![event("later")]).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_holds_is_read_but_not_written() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let write = store.replace_grant(next(&grant(1), at(9)), None).await;
    assert!(matches!(write, Err(StoreError::Unavailable(_))), "{write:?}");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));

    other.execute_batch("ROLLBACK").unwrap();
    let write = store.replace_grant(next(&grant(1), at(9)), None).await;
    assert_eq!(write, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_does_not_take_its_job_with_it() {
    let store = Fixture::fresh();
    let raw = Connection::open(store.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let job = store.append_events(vec![event("rotated")]);
    let waited = tokio::time::timeout(Duration::from_millis(50), job).await;
    assert!(waited.is_err(), "the job could not have been done yet");
    raw.execute_batch("ROLLBACK").unwrap();
    // Dropping the store waits for what is queued.
    let (_directory, path) = store.close();
    let count = "SELECT count(*) FROM events";
    let raw = Connection::open(path).unwrap();
    let events: i64 = raw.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(events, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_parallel_reads_and_writes_all_finish() {
    let store = Arc::new(Fixture::fresh());
    store.add_client(client(1)).await.unwrap();
    for number in 0..10 {
        store.complete_sign_in(sign_in(number)).await.unwrap();
    }
    let mut jobs = JoinSet::new();
    for number in 0..10_000_u64 {
        let store = Arc::clone(&store);
        jobs.spawn(async move {
            let who = number % 10;
            match number % 5 {
                0 => store.append_events(vec![event("vended")]).await,
                1 => store.touch_session(&hash(who), at(number)).await,
                2 => store.session_view(&hash(who)).await.map(|view| assert!(view.is_some())),
                3 => {
                    let found = store.grant_at(user(who), &grant(who).identity.provider).await;
                    found.map(|grant| assert!(grant.is_some()))
                }
                _ => {
                    let found = store.client_by_key(&client(1).key_sha256).await;
                    found.map(|client| assert!(client.is_some()))
                }
            }
        });
    }
    assert!(jobs.join_all().await.iter().all(Result::is_ok));
    let events = store.events(11, 9_999).await.unwrap();
    assert_eq!(events.len(), 2_000);
}

#[tokio::test]
async fn tv_10_what_another_process_revokes_is_felt_within_two_seconds() {
    let here = Fixture::fresh();
    let there = SqliteStore::open(&here.path()).unwrap();
    let row = client(1);
    here.add_client(row.clone()).await.unwrap();
    assert!(here.client_by_key(&row.key_sha256).await.unwrap().is_some());

    there.revoke_client(row.id, at(2)).await.unwrap();

    assert_eq!(
        there.client_by_key(&row.key_sha256).await,
        Ok(None),
        "who revoked it knows at once"
    );
    let is_gone = async {
        while here.client_by_key(&row.key_sha256).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), is_gone).await.unwrap();
}
