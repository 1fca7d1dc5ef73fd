//! What is not an event but a state: read when somebody asks for the metrics, and counted from the rows seldom.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::{
    CONNECTIONS, COUNT_AGE, DATABASE_WAITING, GRANTS, JOURNAL, MOST_CONNECTIONS, OLDEST_IN_JOURNAL,
    OLDEST_OVERDUE, OLDEST_REVOCATION, OVERDUE, RECORD, REVOCATIONS,
};
use crate::core::Core;
use crate::refresh::Journal;
use crate::store::{Pool, Store, Tally, Waiting};
use crate::time::Timestamp;
use crate::vend::Audit;

/// How long a count is good for.
const GOOD_FOR: Duration = Duration::from_secs(15);
/// Whoever asks waits so long for a count: Prometheus gives up after ten seconds. The next to ask is shown it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Counting takes one part in so many of the time at most, however many rows there are.
const SHARE: u32 = 20;

/// When the rows were counted last.
#[derive(Debug, Default)]
pub(crate) struct Observer(Mutex<Last>);

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    counted_at: Option<Instant>,
    due_at: Option<Instant>,
    is_counting: bool,
}

impl Observer {
    /// Sets the gauges. A database that does not answer leaves those that are counted as they were, and their age says
    /// so.
    pub(crate) async fn observe(
        self: &Arc<Self>,
        core: &Arc<Core>,
        journal: &dyn Journal,
        audit: &Audit,
        tasks: &TaskTracker,
    ) {
        super::begin(core);
        show_pool(core.store.pool());
        show_waiting(journal.waiting(), core.now(), JOURNAL.name, OLDEST_IN_JOURNAL.name);
        metrics::gauge!(RECORD.name).set(number(audit.waiting() as u64));
        if self.is_due() {
            let (observer, core) = (Arc::clone(self), Arc::clone(core));
            let counted =
                tasks.spawn(async move { observer.count(&*core.store, core.now()).await });
            drop(timeout(PATIENCE, counted).await);
        }
        if let Some(counted_at) = self.last().counted_at {
            metrics::gauge!(COUNT_AGE.name).set(counted_at.elapsed().as_secs_f64());
        }
    }

    async fn count(&self, store: &dyn Store, now: Timestamp) {
        let counting = Counting { observer: self, begun_at: Instant::now(), succeeded: false };
        match store.census(now).await {
            Ok(tally) => {
                show(&tally, now);
                counting.succeeded();
            }
            Err(error) => tracing::warn!(%error, "the rows cannot be counted for the metrics"),
        }
    }

    /// One counts at a time.
    fn is_due(&self) -> bool {
        let mut last = self.last();
        let is_due = !last.is_counting && last.due_at.is_none_or(|due_at| due_at <= Instant::now());
        last.is_counting |= is_due;
        is_due
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A count that is under way.
struct Counting<'o> {
    observer: &'o Observer,
    begun_at: Instant,
    succeeded: bool,
}

impl Counting<'_> {
    fn succeeded(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let pause = GOOD_FOR.max((now - self.begun_at).saturating_mul(SHARE));
        let mut last = self.observer.last();
        last.is_counting = false;
        last.due_at = Some(now + pause);
        if self.succeeded {
            last.counted_at = Some(now);
        }
    }
}

fn show(tally: &Tally, now: Timestamp) {
    for (state, count) in &tally.grants {
        metrics::gauge!(GRANTS.name, "state" => state.as_str()).set(number(*count));
    }
    show_waiting(tally.revocations, now, REVOCATIONS.name, OLDEST_REVOCATION.name);
    show_waiting(tally.overdue_leases, now, OVERDUE.name, OLDEST_OVERDUE.name);
}

fn show_waiting(waiting: Waiting, now: Timestamp, count: &'static str, age: &'static str) {
    metrics::gauge!(count).set(number(waiting.count));
    let oldest = waiting.oldest.map_or(Duration::ZERO, |oldest| now.remaining(oldest));
    metrics::gauge!(age).set(oldest.as_secs_f64());
}

fn show_pool(pool: Pool) {
    metrics::gauge!(CONNECTIONS.name, "state" => "open").set(number(pool.open));
    metrics::gauge!(CONNECTIONS.name, "state" => "busy").set(number(pool.busy));
    metrics::gauge!(MOST_CONNECTIONS.name).set(number(pool.most));
    metrics::gauge!(DATABASE_WAITING.name).set(number(pool.waiting));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
