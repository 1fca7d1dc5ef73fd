//! Bad requests from one network are limited, good ones are not: guessing gets slow, and nobody else notices
//! (requirement OC-9), however many processes the guesses are spread over (HH-13).
//!
//! ```text
//! a failure ─▶ counted here ─┬─ every tenth of a network ────▶ the store: what all processes have counted
//!                            └─ the others, 4 times a second ─▶ together     ─▶ counted here
//! a request ─▶ more than 60 failures that are known of here? ─▶ refused
//! ```
//!
//! A good request costs no access to the store, and a network that is refused none either. What a process has not yet
//! told the others is at most nine failures of a network, and what it has not yet heard of them is told at its
//! tenth. So with N processes a network has at most 60 + 10 N failures in a minute, beside those that are under way at
//! that moment; usually it has hardly more than 60, since everything is told within a quarter of a second. While the
//! store cannot be reached, and for processes whose clocks differ by more than a minute, each process has its own 60.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Refusal;
use crate::store::{FailedInWindow, FailedRequests, Network, StoreError};
use crate::time::{Clock, Timestamp};

/// So many failures a network may have in a window.
const MAX_FAILURES: u32 = 60;
/// From the first failure on.
const WINDOW: Duration = Duration::from_mins(1);
/// So many failures of a network are told before the next one is answered.
const TOLD_AT_ONCE: u32 = 10;
/// How often the others are told.
const TELL_INTERVAL: Duration = Duration::from_millis(250);
/// So many networks are remembered; a flood from more makes the oldest be forgotten.
const MAX_NETWORKS: usize = 100_000;
/// So many networks are told together: what is written in one transaction must be little.
const BATCH: usize = 100;

type SharedCount = Arc<Mutex<Count>>;

/// Counts failed requests by where they came from. Cheap to clone; clones are the same one.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

struct Inner {
    store: Arc<dyn FailedRequests>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    networks: Cache<Network, SharedCount>,
    /// Those of which other processes have not heard everything.
    untold: Mutex<BTreeMap<Network, SharedCount>>,
}

/// The failures of one network in one window.
#[derive(Debug)]
struct Count {
    ends: Timestamp,
    /// Seen here.
    own: u32,
    /// How many of `own` the store has been told.
    told: u32,
    /// Seen by other processes, as far as the store has said.
    others: u32,
}

impl Count {
    const fn until(ends: Timestamp) -> Self {
        Self { ends, own: 0, told: 0, others: 0 }
    }

    fn is_limited(&self, now: Timestamp) -> bool {
        now < self.ends && self.own.saturating_add(self.others) >= MAX_FAILURES
    }

    /// How many the store has not been told with this one.
    const fn one_more(&mut self) -> u32 {
        self.own = self.own.saturating_add(1);
        self.own - self.told
    }

    /// What is to be told now, by nobody else.
    const fn claim(&mut self) -> u32 {
        let requests = self.own - self.told;
        self.told = self.own;
        requests
    }

    const fn unclaim(&mut self, requests: u32) {
        self.told -= requests;
    }

    fn learn(&mut self, known: FailedInWindow, now: Timestamp) {
        self.others = known.requests.saturating_sub(self.told);
        // Whoever's clock is ahead must not make anybody wait for longer than a window.
        self.ends = known.until.min(now.after(WINDOW));
    }
}

impl Limiter {
    pub(crate) fn new(
        store: Arc<dyn FailedRequests>,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Self {
        let networks = Cache::builder().max_capacity(MAX_NETWORKS as u64).time_to_live(2 * WINDOW);
        let (networks, untold) = (networks.build(), Mutex::default());
        Self(Arc::new(Inner { store, clock, tasks, networks, untold }))
    }

    /// # Errors
    /// [`Refusal::RateLimited`] if the client's network has had its failures for now.
    pub fn check(&self, client: IpAddr) -> Result<(), Refusal> {
        let now = self.0.clock.now();
        let count = self.0.networks.get(&Network::from(client));
        let is_limited = count.is_some_and(|count| lock(&count).is_limited(now));
        if is_limited { Err(Refusal::RateLimited) } else { Ok(()) }
    }

    /// A request of this client has failed in a way that a guess does.
    ///
    /// # Cancel safety
    /// It is counted before this first waits, and the store is told by a task of its own: hanging up does not help a
    /// guesser.
    pub async fn failed(&self, client: IpAddr) {
        let network = client.into();
        let count = self.0.count_of(network);
        let untold = lock(&count).one_more();
        if untold < TOLD_AT_ONCE {
            self.0.to_be_told(network, count);
            return;
        }
        lock(&self.0.untold).remove(&network);
        let inner = Arc::clone(&self.0);
        // What does not work is logged by whoever tries again (`run`).
        let told = self.0.tasks.spawn(async move { inner.tell(vec![(network, count)]).await });
        drop(told.await);
    }

    /// Tells the store what is counted here and learns what other processes have counted, until `stop`.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(TELL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {
                    if let Err(error) = self.0.tell_all().await {
                        tracing::warn!(%error, "other processes do not hear of failed requests; each has a limit of its own meanwhile");
                    }
                }
            }
        }
    }
}

impl Inner {
    fn count_of(&self, network: Network) -> SharedCount {
        let now = self.clock.now();
        let is_over = |count: &SharedCount| lock(count).ends <= now;
        let fresh = || Arc::new(Mutex::new(Count::until(now.after(WINDOW))));
        self.networks.entry(network).or_insert_with_if(fresh, is_over).into_value()
    }

    fn to_be_told(&self, network: Network, count: SharedCount) {
        let mut untold = lock(&self.untold);
        if untold.len() < MAX_NETWORKS {
            untold.insert(network, count);
        }
    }

    async fn tell_all(&self) -> Result<(), StoreError> {
        loop {
            let batch: Vec<_> = {
                let mut untold = lock(&self.untold);
                std::iter::from_fn(|| untold.pop_first()).take(BATCH).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            self.tell(batch).await?;
        }
    }

    /// What cannot be told now is to be told later.
    async fn tell(&self, counts: Vec<(Network, SharedCount)>) -> Result<(), StoreError> {
        let claimed: Vec<_> =
            counts.iter().map(|(network, count)| (*network, lock(count).claim())).collect();
        let now = self.clock.now();
        match self.store.count_failed_requests(claimed.clone(), now, now.after(WINDOW)).await {
            Ok(known) => {
                let learned = counts.iter().zip(known);
                learned.for_each(|((_, count), known)| lock(count).learn(known, now));
                Ok(())
            }
            Err(error) => {
                for ((network, count), (_, requests)) in counts.into_iter().zip(claimed) {
                    lock(&count).unclaim(requests);
                    self.to_be_told(network, count);
                }
                Err(error)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
