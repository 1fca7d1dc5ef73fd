//! After a failover nobody asks a provider for as long as a lease lasts, and a margin (fault D26, requirement ST-5). The server tells
//! it by its timeline; here it is the stored one that is changed.

use std::time::Duration;

use futures_util::future::join_all;
use standin::store::conformance::samples::{at, grant_id, refresh_id};
use standin::store::{Claimed, RefreshClaim, Refreshes};
use standin_store::postgres::PostgresStore;

use super::fixture::{Fixture, connect, until_waiting};

fn claim(number: u64, asks: bool) -> RefreshClaim {
    let (grant, attempt) = (grant_id(number), refresh_id(number));
    // The clock of the database counts: this node's may be wrong.
    let (now, deadline) = (at(0), at(0).after(Duration::from_secs(12)));
    RefreshClaim { grant, attempt, generation: 1, now, deadline, asks }
}

/// As if the server had been on another timeline until now.
fn fail_over(database: &Fixture) {
    let sql = "UPDATE timelines SET timeline = 'FFFFFFFF' WHERE timeline <> 'restored'";
    database.database.psql(sql);
}

fn is_ours(claimed: &Claimed) -> bool {
    matches!(claimed, Claimed::Ours { .. })
}

/// For how much longer nobody may ask.
async fn held_off(store: &Fixture, number: u64) -> Option<Duration> {
    match store.claim_refresh(claim(number, true)).await.unwrap() {
        Claimed::HeldOff { wait } => Some(wait),
        Claimed::Ours { .. } | Claimed::Held { .. } => None,
    }
}

async fn nobody_claims_for_as_long_as_a_lease_lasts(store: Fixture) {
    assert!(is_ours(&store.claim_refresh(claim(1, true)).await.unwrap()));
    fail_over(&store);

    for number in 2..5 {
        assert!((12..=22).contains(&held_off(&store, number).await.unwrap().as_secs()));
    }
    // Whoever brings an answer asks for nothing.
    assert!(is_ours(&store.claim_refresh(claim(5, false)).await.unwrap()));
    // Nor is that somebody has the lease said in the same words.
    let other = RefreshClaim { attempt: refresh_id(9), ..claim(5, false) };
    let held = store.claim_refresh(other).await.unwrap();
    assert!(matches!(held, Claimed::Held { .. }), "{held:?}");

    let earlier = |ms: u32| {
        let sql = format!("UPDATE timelines SET seen_at = seen_at - {ms} WHERE seen_at > 0");
        store.database.psql(&sql)
    };
    // The time of a lease is not enough; a margin of ten seconds is due, and the seconds that this takes.
    earlier(12_001);
    assert!(held_off(&store, 2).await.unwrap().as_secs() < 10);
    earlier(10_000);
    assert!(is_ours(&store.claim_refresh(claim(2, true)).await.unwrap()));
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_after_a_failover_nobody_claims_for_as_long_as_a_lease_lasts() {
    nobody_claims_for_as_long_as_a_lease_lasts(Fixture::fresh().await).await;
}

/// They come while the first of them has not yet put the timeline in, and do not see it.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_after_a_failover_of_all_who_come_together_nobody_claims() {
    let store = Fixture::fresh().await;
    let timeline = store.timeline().await.unwrap().unwrap().name;
    fail_over(&store);
    let (mut other, _connected) = connect(&store.database).await;
    let first = other.transaction().await.unwrap();
    let note = format!(
        "INSERT INTO timelines SELECT '{timeline}', (extract(epoch FROM now()) * 1000)::bigint"
    );
    first.batch_execute(&note).await.unwrap();
    let claims = (0..4).map(|number| store.claim_refresh(claim(number, true)));
    let (claims, ()) = tokio::join!(join_all(claims), async {
        until_waiting(&store.database).await;
        first.commit().await.unwrap();
    });
    assert!(claims.iter().all(|claimed| !is_ours(claimed.as_ref().unwrap())), "{claims:?}");
}

/// Whose clients do not notice.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_after_a_failover_behind_a_pooler_nobody_claims_either() {
    nobody_claims_for_as_long_as_a_lease_lasts(Fixture::pooled().await).await;
}

/// The process that starts may be the first that comes to the new server.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_a_failover_is_noticed_by_a_process_that_was_not_there_before() {
    let store = Fixture::fresh().await;
    let first = store.timeline().await.unwrap().unwrap();
    // A cluster counts its timelines from one, as any other does. Whoever has no rights may ask for its name.
    let name = "SET ROLE pg_signal_backend; SELECT system_identifier FROM pg_control_system()";
    let name = format!("{}/00000001", store.database.psql(name));
    assert_eq!((first.name, first.since), (name, None));
    fail_over(&store);
    let late = PostgresStore::open(&store.database.url()).await.unwrap();
    assert!(store.timeline().await.unwrap().unwrap().since.is_some());
    assert!(!is_ours(&late.claim_refresh(claim(1, true)).await.unwrap()));
}

/// Nobody was asking when it was put back: nobody is kept waiting then.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_7_since_when_a_restored_database_may_be_behind_is_known_on_postgresql() {
    let store = Fixture::fresh().await;
    assert_eq!(store.timeline().await.unwrap().unwrap().since, None);
    let mark = "INSERT INTO timelines VALUES ('restored', (extract(epoch from now()) * 1000)::bigint) \
        ON CONFLICT (timeline) DO UPDATE SET seen_at = excluded.seen_at";
    for _ in 0..2 {
        store.database.psql(mark);
    }
    let restored_at = store.timeline().await.unwrap().unwrap().since;
    assert!(restored_at.is_some());
    assert!(is_ours(&store.claim_refresh(claim(1, true)).await.unwrap()));
    fail_over(&store);
    assert!(!is_ours(&store.claim_refresh(claim(2, true)).await.unwrap()));
    assert!(store.timeline().await.unwrap().unwrap().since >= restored_at);
}

/// As `pg_upgrade` leaves it to whoever did that: the restore of long ago stays noted.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_the_first_timeline_beside_a_restore_is_no_failover() {
    let store = Fixture::fresh().await;
    let restored = format!("INSERT INTO timelines VALUES ('restored', {})", at(1).unix_ms());
    store.database.psql(&restored);
    store.database.psql("DELETE FROM timelines WHERE timeline <> 'restored'");
    let upgraded = PostgresStore::open(&store.database.url()).await.unwrap();
    assert!(is_ours(&upgraded.claim_refresh(claim(1, true)).await.unwrap()));
    assert_eq!(upgraded.timeline().await.unwrap().unwrap().since, Some(at(1)));
}

/// A node whose clock is an hour off neither takes a lease early nor keeps one longer.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_5_d16_a_lease_goes_by_the_clock_of_the_database() {
    let store = Fixture::fresh().await;
    assert!(is_ours(&store.claim_refresh(claim(1, true)).await.unwrap()));
    let hour = Duration::from_hours(1);
    let mut ahead = RefreshClaim { attempt: refresh_id(2), ..claim(1, true) };
    (ahead.now, ahead.deadline) = (ahead.now.after(hour), ahead.deadline.after(hour));
    assert!(!is_ours(&store.claim_refresh(ahead).await.unwrap()));
    store.database.psql("UPDATE refresh_leases SET deadline = deadline - 12001");
    assert!(is_ours(&store.claim_refresh(ahead).await.unwrap()));
    assert_eq!(store.overdue_refreshes(ahead.deadline, 10).await, Ok(Vec::new()));
}
