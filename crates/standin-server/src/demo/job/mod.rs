//! The nightly job: it acts for people who are not there.
//!
//! ```text
//! due ──▶ token (Standin) ──▶ calendar entry, Drive file (Google) ──▶ what the page lists
//! ```
//!
//! All it holds is a client key and a list of user ids. It asks for a token each time and keeps none:
//! caching, refreshing and healing are Standin's work.

mod access;
mod backup;
mod history;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use standin::secret::ClientKey;
use standin::time::{Clock as _, Timestamp};
use tokio_util::sync::CancellationToken;

use self::access::TokenService;
use self::history::History;
pub(super) use self::history::Run;
use super::clock::EmulatedTime;
use super::data::{Data, Remembered};
use super::http::Http;

/// A night, in a demo.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// How often the job looks whether somebody's night has come.
const TICK: Duration = Duration::from_secs(1);

/// Whom the job speaks to, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) standin: String,
    pub(super) google: String,
    pub(super) client_key: ClientKey,
}

/// The job, for all people.
pub(super) struct Job {
    tokens: TokenService,
    google: String,
    time: EmulatedTime,
    data: Data,
    people: Mutex<BTreeMap<String, History>>,
    /// One run at a time, so that a click and the timer do not write everything twice.
    turn: tokio::sync::Mutex<()>,
}

impl Job {
    /// Goes on for the people of the last run.
    pub(super) fn new(
        http: Http,
        time: EmulatedTime,
        data: Data,
        addresses: Addresses,
    ) -> anyhow::Result<Self> {
        let people = data.remembered()?.people;
        Ok(Self {
            google: addresses.google,
            tokens: TokenService { http, standin: addresses.standin, key: addresses.client_key },
            time,
            data,
            people: Mutex::new(people.into_iter().map(|user| (user, History::default())).collect()),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Runs for everybody whose time has come, until `stop`.
    pub(super) async fn keep_running(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.run_due().await,
            }
        }
    }

    async fn run_due(&self) {
        let users: Vec<String> = self.people().keys().cloned().collect();
        for user in users {
            let turn = self.turn.lock().await;
            if self.is_due(&user) {
                self.run_now(&user).await;
            }
            drop(turn);
        }
    }

    /// Begins the job of somebody who has just signed in. It runs at once if it never ran, or if it could
    /// not do its work the last time; says whether it did.
    pub(super) async fn start(&self, user: &str) -> bool {
        let turn = self.turn.lock().await;
        let waits = self.people().get(user).is_none_or(|history| !history.is_well());
        if waits {
            self.run_now(user).await;
            self.remember();
        }
        drop(turn);
        waits
    }

    /// Runs for one person, whether or not it is time.
    pub(super) async fn run(&self, user: &str) -> Run {
        let turn = self.turn.lock().await;
        let run = self.run_now(user).await;
        self.remember();
        drop(turn);
        run
    }

    /// Runs for everybody: something has happened to the world.
    pub(super) async fn run_all(&self) {
        let users: Vec<String> = self.people().keys().cloned().collect();
        for user in users {
            self.run(&user).await;
        }
    }

    /// What was done for somebody, newest first.
    pub(super) fn runs(&self, user: &str) -> Vec<Run> {
        self.people().get(user).map(History::newest_first).unwrap_or_default()
    }

    /// For how many people it runs.
    pub(super) fn people_count(&self) -> usize {
        self.people().len()
    }

    /// Writes down what the next run of the demo must know.
    pub(super) fn remember(&self) {
        let remembered = Remembered {
            people: self.people().keys().cloned().collect(),
            ahead_seconds: self.time.ahead().as_secs(),
        };
        if let Err(error) = self.data.remember(&remembered) {
            tracing::warn!(%error, "the list of people is not saved");
        }
    }

    async fn run_now(&self, user: &str) -> Run {
        let at = self.time.now();
        let done = backup::run(&self.tokens, &self.google, user, at).await;
        self.people().entry(user.to_owned()).or_default().add(at, done)
    }

    fn is_due(&self, user: &str) -> bool {
        let last = self.people().get(user).and_then(History::last_at);
        last.is_none_or(|last| is_over(last, self.time.now()))
    }

    fn people(&self) -> MutexGuard<'_, BTreeMap<String, History>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of a demo goes back when it starts over: a run in the future was before that.
fn is_over(last: Timestamp, now: Timestamp) -> bool {
    now >= last.after(EVERY) || now < last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_is_over_after_its_time_or_when_the_clock_went_back() {
        let at = Timestamp::from_unix_seconds;
        assert!(!is_over(at(100), at(129)));
        assert!(is_over(at(100), at(130)));
        assert!(is_over(at(100), at(99)));
    }
}
