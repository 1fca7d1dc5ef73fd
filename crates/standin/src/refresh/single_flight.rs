//! One refresh per grant at a time, whoever asks.
//!
//! The first to ask starts a flight; everybody who asks while it is in the air waits for the same answer.
//! The work runs in a tracked task of its own: a caller who hangs up stops waiting and stops nothing else,
//! since by then the provider may have rotated the token. If the work panics, its waiters are told, and the
//! next to ask starts anew: nothing stays wedged.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Flights by key. Clones share them.
pub(crate) struct SingleFlight<K, V> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    tasks: TaskTracker,
}

/// The flight ended without an answer: its task panicked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crashed;

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Flights whose tasks `tasks` waits for at shutdown.
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self { flights: Arc::default(), tasks }
    }

    /// Joins the flight of `key`, or starts one with `work`.
    ///
    /// # Cancel safety
    /// Dropping this future stops the waiting and never the work.
    pub(crate) async fn fly<F>(&self, key: K, work: impl FnOnce() -> F) -> Result<V, Crashed>
    where
        F: Future<Output = V> + Send + 'static,
    {
        land(self.board(key, work).0).await
    }

    /// Flies with `work` and nothing else, as soon as no other flight of `key` is in the air.
    ///
    /// # Cancel safety
    /// Dropping this future stops no work that has begun. Work that still waits for another's landing never begins.
    pub(crate) async fn fly_own<F, W>(&self, key: K, work: W) -> Result<V, Crashed>
    where
        W: FnOnce() -> F,
        F: Future<Output = V> + Send + 'static,
    {
        let mut work = work;
        loop {
            let (landing, left) = self.board(key.clone(), work);
            let landed = land(landing).await;
            let Some(still) = left else { return landed };
            work = still;
        }
    }

    /// Starts a flight that nobody waits for, unless one is in the air.
    pub(crate) fn launch<F>(&self, key: K, work: impl FnOnce() -> F)
    where
        F: Future<Output = V> + Send + 'static,
    {
        drop(self.board(key, work));
    }

    /// Whether one is in the air.
    pub(crate) fn is_flying(&self, key: &K) -> bool {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// The flight of `key`, and `work` if it is somebody else's.
    fn board<F, W>(&self, key: K, work: W) -> (watch::Receiver<Option<V>>, Option<W>)
    where
        W: FnOnce() -> F,
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            return (flight.clone(), Some(work));
        }
        let (answer, landing) = watch::channel(None);
        flights.insert(key.clone(), landing.clone());
        let over = TakeOff { flights: Arc::clone(&self.flights), key };
        let work = work();
        self.tasks.spawn(async move {
            // Dropped last, also in a panic: the flight leaves the map before its waiters wake.
            let value = {
                let _over = over;
                work.await
            };
            answer.send_replace(Some(value));
        });
        (landing, None)
    }
}

async fn land<V: Clone>(mut landing: watch::Receiver<Option<V>>) -> Result<V, Crashed> {
    let landed = landing.wait_for(Option::is_some).await.map_err(|_| Crashed)?;
    landed.clone().ok_or(Crashed)
}

/// Takes a flight off the board when its work is over, however it ends.
struct TakeOff<K: Eq + Hash, V> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for TakeOff<K, V> {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;
    use tokio::sync::Notify;

    fn flights() -> Arc<SingleFlight<u8, usize>> {
        Arc::new(SingleFlight::new(TaskTracker::new()))
    }

    #[tokio::test]
    async fn two_hundred_who_ask_at_once_share_one_flight() {
        let (flights, runs) = (flights(), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let runs = Arc::clone(&runs);
            flights.fly(1, || async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                runs.fetch_add(1, SeqCst)
            })
        };
        let answers = futures_util::future::join_all((0..200).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| *answer == Ok(0)));
        assert_eq!(runs.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_does_not_stop_the_work() {
        let flights = flights();
        let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (may_go, has_done) = (Arc::clone(&go), Arc::clone(&done));
        let flight = flights.fly(1, || async move {
            may_go.notified().await;
            has_done.notify_one();
            7
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), flight).await.is_err());
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn a_flight_that_nobody_waits_for_is_one_flight_all_the_same() {
        let flights = flights();
        let go = Arc::new(Notify::new());
        let may_go = Arc::clone(&go);
        flights.launch(1, || async move {
            may_go.notified().await;
            7
        });
        assert!(flights.is_flying(&1) && !flights.is_flying(&2));
        flights.launch(1, || async { panic!("there is one already") });
        go.notify_one();
        assert_eq!(flights.fly(1, || async { 8 }).await, Ok(7));
        assert!(!flights.is_flying(&1));
    }

    #[tokio::test]
    async fn whoever_flies_with_work_of_its_own_waits_for_the_others_and_then_does_it() {
        let flights = flights();
        let (go, order) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
        let may_go = Arc::clone(&go);
        flights.launch(1, || async move {
            may_go.notified().await;
            7
        });
        let own = |number| {
            let order = Arc::clone(&order);
            flights.fly_own(1, move || async move {
                order.lock().unwrap().push(number);
                number
            })
        };
        let joined = flights.fly(1, || async { panic!("there is one already") });
        let (first, second, joined, ()) =
            tokio::join!(own(1), own(2), joined, async { go.notify_one() });
        assert_eq!((first, second, joined), (Ok(1), Ok(2), Ok(7)));
        let mut done = order.lock().unwrap().clone();
        done.sort_unstable();
        assert_eq!(done, [1, 2]);
    }

    #[tokio::test]
    async fn a_panic_is_told_to_the_waiters_and_wedges_nothing() {
        let flights = flights();
        assert_eq!(flights.fly(1, || async { panic!("on purpose") }).await, Err(Crashed));
        assert_eq!(flights.fly(1, || async { 3 }).await, Ok(3));
    }

    #[tokio::test]
    async fn the_next_to_ask_after_a_landing_starts_anew() {
        let flights = flights();
        assert_eq!(flights.fly(1, || async { 1 }).await, Ok(1));
        assert_eq!(flights.fly(1, || async { 2 }).await, Ok(2));
    }
}
