//! Processes that share a store, and one guesser.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::store::memory::MemoryStore;
use crate::time::MockClock;

/// A store that counts how often it is asked, and may be out of reach.
#[derive(Default)]
struct Shared {
    store: MemoryStore,
    asked: AtomicUsize,
    is_away: AtomicBool,
}

#[async_trait]
impl FailedRequests for Shared {
    async fn count_failed_requests(
        &self,
        more: Vec<(Network, u32)>,
        now: Timestamp,
        until: Timestamp,
    ) -> crate::store::Result<Vec<FailedInWindow>> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.store.count_failed_requests(more, now, until).await
    }
}

struct Cluster {
    store: Arc<Shared>,
    clock: Arc<MockClock>,
    nodes: Vec<Limiter>,
}

impl Cluster {
    fn of(nodes: usize) -> Self {
        let store = Arc::new(Shared::default());
        let clock = Arc::new(MockClock::new(Timestamp::from_unix_seconds(1_766_000_000)));
        let node = || Limiter::new(store.clone(), clock.clone(), TaskTracker::new());
        let nodes = (0..nodes).map(|_| node()).collect();
        Self { store, clock, nodes }
    }

    /// Fails wherever it is let, in turns, until nobody lets it. How often that was.
    async fn guess(&self, client: &str) -> u32 {
        let mut failures = 0;
        loop {
            let before = failures;
            for node in &self.nodes {
                if node.check(ip(client)).is_ok() {
                    node.failed(ip(client)).await;
                    failures += 1;
                }
            }
            if failures == before {
                return failures;
            }
        }
    }
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[tokio::test]
async fn oc_9_one_address_does_not_slow_another() {
    let cluster = Cluster::of(1);
    assert_eq!(cluster.guess("192.0.2.1").await, MAX_FAILURES);
    let node = &cluster.nodes[0];
    assert_eq!(node.check(ip("::ffff:192.0.2.1")), Err(Refusal::RateLimited));
    assert_eq!(node.check(ip("192.0.2.2")), Ok(()));
}

#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    for host in 0..MAX_FAILURES {
        node.failed(ip(&format!("2001:db8::{host:x}"))).await;
    }
    assert_eq!(node.check(ip("2001:db8::ffff")), Err(Refusal::RateLimited));
    assert_eq!(node.check(ip("2001:db8:0:1::1")), Ok(()));
}

/// Nobody tells anything between the failures: that is the worst of it.
#[tokio::test]
async fn hh_13_however_many_processes_there_are_the_limit_is_one() {
    for nodes in [2, 3, 7, 20] {
        let cluster = Cluster::of(nodes);
        let failures = cluster.guess("192.0.2.1").await;
        let bound = MAX_FAILURES + TOLD_AT_ONCE * u32::try_from(nodes).unwrap();
        assert!((MAX_FAILURES..=bound).contains(&failures), "{nodes} processes: {failures}");
        assert!(cluster.nodes.iter().all(|node| node.check(ip("192.0.2.2")).is_ok()));
    }
}

#[tokio::test]
async fn hh_13_what_is_told_in_between_is_counted_by_everybody() {
    let cluster = Cluster::of(3);
    let client = ip("192.0.2.1");
    for round in 0..MAX_FAILURES {
        let node = &cluster.nodes[usize::try_from(round % 3).unwrap()];
        assert_eq!(node.check(client), Ok(()), "{round}");
        node.failed(client).await;
    }
    for node in &cluster.nodes {
        assert_eq!(node.0.tell_all().await, Ok(()));
    }
    // Whoever told first has not heard of the rest; one failure more, and it has.
    cluster.nodes[0].failed(client).await;
    assert_eq!(cluster.nodes[0].0.tell_all().await, Ok(()));
    assert_eq!(cluster.nodes[0].check(client), Err(Refusal::RateLimited));
    assert_eq!(cluster.nodes[2].check(client), Err(Refusal::RateLimited));
}

#[tokio::test]
async fn a_window_ends_for_all_of_them() {
    let cluster = Cluster::of(3);
    cluster.guess("192.0.2.1").await;
    cluster.clock.advance(WINDOW);
    assert!(cluster.nodes.iter().all(|node| node.check(ip("192.0.2.1")).is_ok()));
    assert!(cluster.guess("192.0.2.1").await >= MAX_FAILURES);
}

#[tokio::test]
async fn good_requests_and_those_that_are_refused_ask_the_store_nothing() {
    let cluster = Cluster::of(1);
    let asked = || cluster.store.asked.load(Ordering::Relaxed);
    let node = &cluster.nodes[0];
    (0..1_000).for_each(|_| assert!(node.check(ip("192.0.2.1")).is_ok()));
    assert_eq!(asked(), 0);
    cluster.guess("192.0.2.1").await;
    assert_eq!(asked(), usize::try_from(MAX_FAILURES / TOLD_AT_ONCE).unwrap());
    (0..1_000).for_each(|_| assert!(node.check(ip("192.0.2.1")).is_err()));
    // A flood from everywhere is told in batches.
    for host in 0..250_u32 {
        node.failed(IpAddr::from(std::net::Ipv4Addr::from(host))).await;
    }
    let before = asked();
    assert_eq!(node.0.tell_all().await, Ok(()));
    assert_eq!(asked() - before, 3);
}

#[tokio::test]
async fn while_the_store_is_away_each_process_has_its_own_limit_and_tells_it_later() {
    let cluster = Cluster::of(2);
    cluster.store.is_away.store(true, Ordering::Relaxed);
    assert_eq!(cluster.guess("192.0.2.1").await, 2 * MAX_FAILURES);
    assert!(cluster.nodes[0].0.tell_all().await.is_err());
    cluster.store.is_away.store(false, Ordering::Relaxed);
    assert_eq!(cluster.nodes[0].0.tell_all().await, Ok(()));
    let (now, client) = (cluster.clock.now(), Network::from(ip("192.0.2.1")));
    let known = cluster.store.count_failed_requests(vec![(client, 0)], now, now).await.unwrap();
    assert_eq!(known[0].requests, MAX_FAILURES);
}

/// A process whose clock is an hour ahead begins a new window each time; it has its own limit all the same, and
/// keeps nobody waiting for an hour.
#[tokio::test]
async fn a_clock_that_is_wrong_makes_the_limit_no_worse_than_one_of_its_own() {
    let cluster = Cluster::of(1);
    let ahead = Arc::new(MockClock::new(cluster.clock.now().after(Duration::from_hours(1))));
    let ahead = Limiter::new(cluster.store.clone(), ahead, TaskTracker::new());
    let client = ip("192.0.2.1");
    let mut failures = 0;
    while ahead.check(client).is_ok() {
        ahead.failed(client).await;
        failures += 1;
    }
    assert_eq!(failures, MAX_FAILURES);
    cluster.nodes[0].failed(client).await;
    assert_eq!(cluster.nodes[0].0.tell_all().await, Ok(()));
    assert_eq!(cluster.nodes[0].check(client), Err(Refusal::RateLimited));
    cluster.clock.advance(WINDOW);
    assert_eq!(cluster.nodes[0].check(client), Ok(()));
}
