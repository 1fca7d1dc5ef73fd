//! Connections, and which of them readers share.
//!
//! A read is one statement that finds rows by their key and leaves nothing behind, so it needs no connection of its
//! own: it sends its statement behind those of others, and the server answers them in turn (pipelining).
//!
//! ```text
//! a read ─▶ readers hold less than half of the pool, and it gives one at once? ─▶ that one, which others may join
//!        └▶ otherwise ─────────────────────────────────────────────▶ the one with the fewest unanswered statements
//! the last reader leaves ─▶ back to the pool; it is closed instead if it was given up
//! ```
//!
//! Whoever writes holds no more than the other half, and of all readers one at a time stands in the pool's queue. So
//! writers all of whom wait for something, a standby that does not answer say, keep nobody from reading. And those who
//! read on a connection of their own, for several statements or many rows, hold no more than a quarter, so that whoever
//! writes finds one. One place of that quarter is the upkeep's: a process that does not hear what others change hands out
//! nothing from memory, however slow the sessions of browsers are. Where the quarter is a single place, the upkeep has
//! one beside it.
//!
//! Who waits for whom: the server answers in turn, so an answer waits for those before it on its connection. That is
//! kept short. Only statements that find rows by their key are sent this way (`Mode::Read`; the others are of
//! `Mode::Scan` or `Mode::Upkeep`). Whoever comes joins the connection that owes the fewest answers. And one that owes a
//! reader an answer for two seconds is given up for all of them: nobody joins it any more, the server is told to stop
//! (`abandoned.rs`), it is closed, and whoever waits on it asks over another (`work.rs`).
//!
//! A reader that goes away in the middle is in nobody's way: its answer is taken off the wire and thrown away, and
//! counts as owed until a later one has come. If nobody is left who waits, the server is told to stop, and the connection is
//! closed: whoever came next would wait behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType, Timeouts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Error;
use tokio_util::sync::CancellationToken;

use super::abandoned;
use super::failure::Failure;
use super::hosts::Hosts;

/// How long making one more may take, where there is one already that can be joined; and how long nobody tries again when
/// none could be made.
const ANOTHER: Duration = Duration::from_secs(1);

/// A connection of the pool. It goes back there when nobody holds it any more, unless it was given up, or owes an answer.
#[derive(Debug)]
pub(super) struct Line {
    /// There until it is dropped.
    client: Option<Object>,
    /// Of whoever only reads: where the server is told to stop when nobody waits for it any more.
    stops_at: Option<Hosts>,
    asked: AtomicU64,
    /// The number of the last statement that was answered, and so were those before it.
    answered: AtomicU64,
    given_up: CancellationToken,
    /// Among those who write, or read alone.
    _place: Option<OwnedSemaphorePermit>,
}

impl Line {
    fn of_reader(client: Object, hosts: Hosts, place: Option<OwnedSemaphorePermit>) -> Arc<Self> {
        Self::of(client, Some(hosts), place)
    }

    fn of_writer(client: Object, place: OwnedSemaphorePermit) -> Arc<Self> {
        Self::of(client, None, Some(place))
    }

    fn of(
        client: Object,
        stops_at: Option<Hosts>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Arc<Self> {
        let (asked, answered) = (AtomicU64::new(0), AtomicU64::new(0));
        let (client, given_up) = (Some(client), CancellationToken::new());
        Arc::new(Self { client, stops_at, asked, answered, given_up, _place: place })
    }

    /// Sends a statement and waits for its answer, or until the connection is given up.
    ///
    /// Dropped, it leaves the statement to the server, and its answer to nobody.
    pub(super) async fn ask<T>(
        &self,
        statement: impl AsyncFnOnce(&Object) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let client = self.client()?;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::select! {
            biased;
            answer = statement(client) => {
                self.answered.fetch_max(number, Ordering::Relaxed);
                Ok(answer?)
            }
            () = self.given_up.cancelled() => Err(given_up()),
        }
    }

    pub(super) fn client(&self) -> Result<&Object, Failure> {
        self.client.as_ref().filter(|_| !self.given_up.is_cancelled()).ok_or_else(given_up)
    }

    /// It does not answer: whoever waits is told so, and it is closed when they have left.
    pub(super) fn give_up(&self) {
        self.given_up.cancel();
    }

    fn is_usable(&self) -> bool {
        self.client().is_ok_and(|client| !client.is_closed())
    }

    /// Whether a read goes on that nobody waits for any more, once nobody holds it.
    fn owes_an_answer(&self) -> bool {
        self.stops_at.is_some() && self.unanswered() > 0
    }

    /// Also counts those whose readers have gone.
    fn unanswered(&self) -> u64 {
        let answered = self.answered.load(Ordering::Relaxed);
        self.asked.load(Ordering::Relaxed).saturating_sub(answered)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if (self.given_up.is_cancelled() || self.owes_an_answer())
            && let Some(client) = self.client.take()
        {
            match self.stops_at.take() {
                Some(hosts) => abandoned::stop(client, hosts),
                None => abandoned::close(client),
            }
        }
    }
}

const fn given_up() -> Failure {
    Failure::Late("the connection was given up: the server did not answer in time")
}

/// Those that readers share.
#[derive(Debug)]
pub(super) struct Lines {
    pool: Pool,
    hosts: Hosts,
    /// How many readers share at most. None of a pool of one: whoever writes would never find it free.
    most: usize,
    shared: Mutex<Vec<Weak<Line>>>,
    /// Of whoever asks the pool for one. It says when none could be made.
    turn: tokio::sync::Mutex<Option<Instant>>,
    /// Of those who write: what readers may not share.
    places: Arc<Semaphore>,
    /// Of those who read alone.
    alone: Arc<Semaphore>,
    /// The place that only the upkeep takes.
    upkeep: Arc<Semaphore>,
    /// Held by each who waits for such a place, and by this.
    waiting: Arc<()>,
}

impl Lines {
    pub(super) fn new(pool: Pool, hosts: Hosts) -> Self {
        let all = pool.status().max_size;
        let most = all / 2;
        let places = Arc::new(Semaphore::new(all - most));
        let upkeep = Arc::new(Semaphore::new(1));
        let alone = Arc::new(Semaphore::new((all / 4).saturating_sub(1).max(1)));
        let (shared, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { pool, hosts, most, shared, turn, places, alone, upkeep, waiting: Arc::default() }
    }

    /// For whoever does more than one read: nobody joins it.
    pub(super) async fn own(&self) -> Result<Arc<Line>, PoolError> {
        let until = self.until();
        let place = place_of(&self.alone, until).await?;
        self.reader_at(place, until).await
    }

    /// The same for the upkeep, whichever of the two places is free first.
    pub(super) async fn upkeep(&self) -> Result<Arc<Line>, PoolError> {
        let until = self.until();
        let place = tokio::select! {
            biased;
            place = place_of(&self.upkeep, until) => place?,
            place = place_of(&self.alone, until) => place?,
        };
        self.reader_at(place, until).await
    }

    async fn reader_at(
        &self,
        place: OwnedSemaphorePermit,
        until: Instant,
    ) -> Result<Arc<Line>, PoolError> {
        let client = self.take(left(until), self.pool.timeouts().create).await?;
        Ok(Line::of_reader(client, self.hosts.clone(), Some(place)))
    }

    /// For whoever looks at every row. That may take minutes, in which nobody waits for its place.
    pub(super) async fn leisurely(&self) -> Result<Arc<Line>, PoolError> {
        Ok(Line::of_reader(self.pool.get().await?, self.hosts.clone(), None))
    }

    /// For whoever writes: what is asked on it is never cancelled.
    pub(super) async fn writer(&self) -> Result<Arc<Line>, PoolError> {
        let until = self.until();
        let place = {
            let _waits = Arc::clone(&self.waiting);
            place_of(&self.places, until).await?
        };
        let client = self.take(left(until), self.pool.timeouts().create).await?;
        Ok(Line::of_writer(client, place))
    }

    /// How many wait for a place among those who write.
    pub(super) fn waiting(&self) -> usize {
        Arc::strong_count(&self.waiting) - 1
    }

    /// For one read.
    pub(super) async fn join(&self) -> Result<Arc<Line>, PoolError> {
        if self.most == 0 {
            return self.own().await;
        }
        match self.least_busy() {
            (Some(line), count) if count >= self.most => Ok(line),
            (Some(line), _) => Ok(self.another().await.unwrap_or(line)),
            (None, _) => self.first().await,
        }
    }

    /// Another one, if neither the pool nor another reader has to be waited for, and the server not for long.
    async fn another(&self) -> Option<Arc<Line>> {
        let mut failed = self.turn.try_lock().ok()?;
        let is_too_soon = failed.is_some_and(|failed| failed.elapsed() < ANOTHER);
        if is_too_soon || self.least_busy().1 >= self.most {
            return None;
        }
        let opened = self.open(Duration::ZERO, Some(ANOTHER)).await;
        let is_failure = opened.as_ref().is_err_and(|error| !is_in_use(error));
        *failed = is_failure.then(Instant::now);
        opened.ok()
    }

    /// One reader waits for the pool, and the others for it.
    async fn first(&self) -> Result<Arc<Line>, PoolError> {
        let until = self.until();
        let _turn = timeout_at(until, self.turn.lock()).await.map_err(|_| self.none_in_time())?;
        match self.least_busy() {
            (Some(line), _) => Ok(line),
            (None, _) => self.open(left(until), self.pool.timeouts().create).await,
        }
    }

    async fn open(&self, wait: Duration, create: Option<Duration>) -> Result<Arc<Line>, PoolError> {
        let line = Line::of_reader(self.take(wait, create).await?, self.hosts.clone(), None);
        self.shared().push(Arc::downgrade(&line));
        Ok(line)
    }

    async fn take(&self, wait: Duration, create: Option<Duration>) -> Result<Object, PoolError> {
        let timeouts = Timeouts { wait: Some(wait), create, ..self.pool.timeouts() };
        self.pool.timeout_get(&timeouts).await
    }

    /// How long a caller waits for a connection that is in use.
    fn until(&self) -> Instant {
        Instant::now() + self.pool.timeouts().wait.unwrap_or_default()
    }

    /// The one with the fewest unanswered statements, and how many there are.
    fn least_busy(&self) -> (Option<Arc<Line>>, usize) {
        let mut shared = self.shared();
        let mut least: Option<Arc<Line>> = None;
        shared.retain(|line| {
            let Some(line) = line.upgrade().filter(|line| line.is_usable()) else {
                return false;
            };
            if least.as_ref().is_none_or(|least| line.unanswered() < least.unanswered()) {
                least = Some(line);
            }
            true
        });
        (least, shared.len())
    }

    /// Either all are in use, or whoever is before us is still making one.
    fn none_in_time(&self) -> PoolError {
        let status = self.pool.status();
        let all_are_there = status.size >= status.max_size;
        PoolError::Timeout(if all_are_there { TimeoutType::Wait } else { TimeoutType::Create })
    }

    fn shared(&self) -> MutexGuard<'_, Vec<Weak<Line>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn place_of(
    places: &Arc<Semaphore>,
    until: Instant,
) -> Result<OwnedSemaphorePermit, PoolError> {
    let place = timeout_at(until, Arc::clone(places).acquire_owned()).await;
    place.map_err(|_| PoolError::Timeout(TimeoutType::Wait))?.map_err(|_| PoolError::Closed)
}

const fn is_in_use(error: &PoolError) -> bool {
    matches!(error, PoolError::Timeout(TimeoutType::Wait))
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
