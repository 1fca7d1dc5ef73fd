//! Doing a piece of work: on a connection of the pool, in time, again if it lost against another transaction, and
//! never twice.

use std::time::Duration;

use standin::store::{Result, StoreError};
use tokio::time::{Instant, sleep, timeout};

use super::PostgresStore;
use super::connection::{Connection, Mode};
use super::failure::Failure;
use super::intents::Intent;

/// How often the same work is done again.
const REPEATS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// How long a read may wait for its answer, on whichever connections it asks.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long a COMMIT may take: it may wait for a standby.
const COMMIT_LIMIT: Duration = Duration::from_secs(10);
/// How long a ROLLBACK may take.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);
/// How long it is tried to find out what became of one, in all.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) type Done<T> = std::result::Result<T, Failure>;

/// Does the work, again from its beginning where that may help, and gives its [`Result`]. A macro and not a function
/// that takes a closure: the compiler cannot yet be told that the futures of such a closure may change threads.
///
/// Each of `Read`, `Scan`, `Upkeep`, `Snapshot`, `Count` and `Write` is a [`Mode`]. What is written is durable when this
/// returns.
macro_rules! work {
    ($store:expr, $mode:ident, |$connection:ident| $work:expr) => {{
        let mut tries =
            $crate::postgres::work::Tries::new($store, $crate::postgres::connection::Mode::$mode);
        loop {
            let done = match tries.begin().await {
                Ok(connection) => {
                    let work = async {
                        let $connection = &connection;
                        $work
                    };
                    let done = tries.in_time(work).await;
                    tries.end(connection, done).await
                }
                Err(failure) => Err(failure),
            };
            if let Some(result) = tries.judge(done).await {
                break result;
            }
        }
    }};
}
pub(super) use work;

/// The tries of one piece of work. Serialization failures, deadlocks and connections that were lost before a COMMIT,
/// or that did not answer a read, are met here, and nowhere else.
pub(super) struct Tries<'s> {
    store: &'s PostgresStore,
    mode: Mode,
    began: Instant,
    left: u32,
    pause: Duration,
}

impl<'s> Tries<'s> {
    pub(super) fn new(store: &'s PostgresStore, mode: Mode) -> Self {
        Self { store, mode, began: Instant::now(), left: REPEATS, pause: FIRST_PAUSE }
    }

    pub(super) async fn begin(&self) -> Done<Connection> {
        let lines = &self.store.lines;
        let line = match self.mode {
            Mode::Read => lines.join().await,
            Mode::Scan | Mode::Snapshot => lines.own().await,
            Mode::Upkeep => lines.upkeep().await,
            Mode::Count => lines.leisurely().await,
            Mode::Write | Mode::Migration => lines.writer().await,
        }?;
        let connection = Connection::new(line, self.mode, self.store.intents.next());
        Ok(connection.preparing(self.prepares()))
    }

    fn prepares(&self) -> bool {
        self.store.prepares && self.mode == Mode::Read
    }

    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Done<T>>) -> Done<T> {
        // All of it each time: a connection is given up for all its readers only if it was silent for so long.
        timeout(self.mode.limit(), work).await.unwrap_or(Err(silence()))
    }

    /// For a read, which another connection may answer in the time that is left.
    fn left_to_read(&self) -> Option<Duration> {
        (self.mode == Mode::Read).then(|| READ_LIMIT.saturating_sub(self.began.elapsed()))
    }

    /// Commits what was done, or takes it back.
    pub(super) async fn end<T>(&self, mut connection: Connection, done: Done<T>) -> Done<T> {
        match done {
            Ok(value) if self.mode == Mode::Write => {
                let noted = connection.take_noted();
                let committed = self.commit(connection).await;
                // Also where it is not known: it may be so.
                self.store.strike(noted);
                committed.map(|()| value)
            }
            Ok(value) => {
                end(connection).await;
                Ok(value)
            }
            Err(failure) if matches!(failure, Failure::Late(_)) || self.is_unprepared(&failure) => {
                connection.give_up();
                Err(failure)
            }
            Err(failure) => {
                end(connection).await;
                Err(failure)
            }
        }
    }

    /// What to tell the caller; nothing, after a pause, if it is worth another try.
    pub(super) async fn judge<T>(&mut self, done: Done<T>) -> Option<Result<T>> {
        match done {
            Err(failure) if self.is_passing(&failure) && self.left > 0 => {
                sleep(self.pause).await;
                self.pause *= 2;
                self.left -= 1;
                None
            }
            done => Some(done.map_err(StoreError::from)),
        }
    }

    fn is_passing(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Late(_) => self.left_to_read().is_some_and(|left| !left.is_zero()),
            failure => failure.is_passing() || self.is_unprepared(failure),
        }
    }

    /// Another connection prepares it anew.
    fn is_unprepared(&self, failure: &Failure) -> bool {
        self.prepares() && failure.is_of_what_was_prepared()
    }

    async fn commit(&self, connection: Connection) -> Done<()> {
        let intent = *connection.intent();
        let committed = timeout(COMMIT_LIMIT, connection.commit()).await;
        match committed.unwrap_or(Err(silence())) {
            Err(failure) if failure.is_ambiguous() => {
                let was_committed = self.was_committed(intent).await?;
                if was_committed { Ok(()) } else { Err(failure) }
            }
            committed => committed,
        }
    }

    async fn was_committed(&self, intent: Intent) -> Result<bool> {
        timeout(PATIENCE, self.until_known(intent)).await.map_err(|_too_long| not_known())
    }

    async fn until_known(&self, intent: Intent) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let asked = async { intent.was_committed(self.begin().await?).await };
            if let Ok(was_committed) = asked.await {
                return was_committed;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }
}

/// What became of the work is known. A connection that cannot even end is closed, and the server rolls back.
async fn end(connection: Connection) {
    drop(timeout(ROLLBACK_LIMIT, connection.end()).await);
}

const fn silence() -> Failure {
    Failure::Late("the server does not answer")
}

fn not_known() -> StoreError {
    let words = "the connection was lost during a COMMIT, and the server has not answered since";
    StoreError::Unknown(words.to_owned())
}
