//! What stands between our questions and a provider: one guard for each of our clients there.
//!
//! ```text
//! turn ──▶ enter ──▶ the question ──▶ heard ──┬─▶ breaker: is the provider well?
//! (allowance)  (breaker)                      ├─▶ allowance: was it too much?
//!                                             └─▶ doubt: can so many grants be dead?
//! ```
//!
//! The three are told of every question by one function, [`Guard::heard`]. They live in memory, and each process has
//! its own: a restart asks once more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::allowance::Allowance;
use super::breaker::{Breaker, Shut, Ticket, Why};
use super::doubt::{Doubt, Verdict};
use super::spread::Share;
use crate::id::GrantId;
use crate::provider::{OAuthError, RefreshRate, TokenError, TokenResponse};
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// How long nobody asks after too many grants were refused: until the minute that it was counted in has passed.
const WHILE_IN_DOUBT: Duration = Duration::from_mins(1);
/// An alarm is not given again within this time, however often its cause comes and goes.
const ALARM_AGAIN: Duration = Duration::from_hours(1);

/// All guards, by provider and client id. There are as many as clients that grants were given to.
#[derive(Default)]
pub(super) struct Guards(Mutex<HashMap<Client, Arc<Guard>>>);

/// One of our registrations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) provider: ProviderId,
    pub(super) id: String,
}

impl Guards {
    /// The guard of a client, which begins at `now` if there was none.
    pub(super) fn of(&self, client: Client, limit: RefreshRate, now: Timestamp) -> Arc<Guard> {
        let mut guards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = guards.entry(client.clone());
        Arc::clone(guard.or_insert_with(|| Arc::new(Guard::new(client, limit, now))))
    }

    /// Providers that are left alone, through one of our clients at least, and why.
    pub(super) fn open(&self) -> BTreeSet<(ProviderId, Why)> {
        let guards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = guards.iter().filter_map(|(client, guard)| {
            Some((client.provider.clone(), guard.state().breaker.why()?))
        });
        open.collect()
    }
}

/// What came of a question. Whoever counts questions counts these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The provider refused this question, for a reason that is no other question's.
    Answered,
    /// It refused our registration.
    ClientRefused,
    /// It failed, could not be reached, or answered what cannot be read.
    Failed { retry_after: Option<Duration> },
    /// It gave a token.
    Granted,
    /// It says that the grant is dead.
    GrantRefused {
        /// Whether that many others are is known already, and no fault of the provider's or ours.
        is_expected: bool,
    },
    /// Nothing was sent.
    NotAsked,
    /// It is too much for it.
    Throttled { retry_after: Option<Duration> },
}

impl Outcome {
    pub(super) fn of(answer: &Result<TokenResponse, TokenError>) -> Self {
        match *answer {
            Ok(_) => Self::Granted,
            Err(TokenError::AddressRefused(_)) => Self::NotAsked,
            Err(TokenError::Malformed(_) | TokenError::Unreadable(_)) => {
                Self::Failed { retry_after: None }
            }
            Err(
                TokenError::Ambiguous { retry_after } | TokenError::Unavailable { retry_after },
            ) => Self::Failed { retry_after },
            Err(TokenError::Throttled { retry_after }) => Self::Throttled { retry_after },
            Err(TokenError::Refused(OAuthError::InvalidGrant)) => {
                Self::GrantRefused { is_expected: false }
            }
            Err(TokenError::Refused(
                OAuthError::InvalidClient | OAuthError::UnauthorizedClient,
            )) => Self::ClientRefused,
            Err(TokenError::Refused(_)) => Self::Answered,
        }
    }
}

/// What an operator must know: it concerns every grant of a client alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alarm {
    /// So many grants are refused at once that nobody believes it.
    MassRefusal,
    /// The provider refuses our registration.
    RegistrationRefused,
}

impl Alarm {
    /// As the record calls it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::MassRefusal => "mass_invalid_grant",
            Self::RegistrationRefused => "registration_refused",
        }
    }
}

/// What follows from an outcome, beside what follows for its grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// Whether a grant that is said to be dead is.
    pub(super) is_believed: bool,
    /// Whom to wake.
    pub(super) alarm: Option<Alarm>,
    /// Whether nobody may ask any more from now on.
    pub(super) has_opened: bool,
    /// Whether everybody may ask again.
    pub(super) has_closed: bool,
}

/// Stands before one client's questions.
#[derive(Debug)]
pub(super) struct Guard {
    client: Client,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    allowance: Allowance,
    doubt: Doubt,
    /// Whose turn it is, or will be when they have waited.
    turns: HashSet<GrantId>,
    alarms: HashMap<Alarm, Timestamp>,
}

impl Guard {
    fn new(client: Client, limit: RefreshRate, now: Timestamp) -> Self {
        let state = State {
            breaker: Breaker::new(),
            allowance: Allowance::new(limit, now),
            doubt: Doubt::default(),
            turns: HashSet::new(),
            alarms: HashMap::new(),
        };
        Self { client, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody may ask now, if so.
    pub(super) fn shut(&self, now: Timestamp) -> Option<Shut> {
        self.state().shut(now)
    }

    /// A turn for a grant, and how long it is away; or how long it would have been, if that is longer than
    /// `patience`. While nobody may ask, nobody need queue.
    pub(super) fn turn(
        self: &Arc<Self>,
        grant: GrantId,
        now: Timestamp,
        patience: Duration,
    ) -> Result<(Turn, Duration), Duration> {
        let mut state = self.state();
        let mut wait = Duration::ZERO;
        if state.breaker.shut(now).is_none() {
            wait = state.allowance.reserve(now, patience)?;
            state.take_place(grant);
        }
        Ok((Turn { guard: Arc::clone(self), grant }, wait))
    }

    /// A turn for a grant that nobody waits for, if there is one to spare.
    pub(super) fn spare_turn(self: &Arc<Self>, grant: GrantId, now: Timestamp) -> Option<Turn> {
        let mut state = self.state();
        if state.breaker.shut(now).is_some() || !state.allowance.spare(now) {
            return None;
        }
        state.take_place(grant);
        Some(Turn { guard: Arc::clone(self), grant })
    }

    /// A question about a grant is about to be asked. One that had no turn asks all the same, and those that come
    /// later wait for it.
    pub(super) fn enter(self: &Arc<Self>, grant: GrantId, now: Timestamp) -> Result<Pass, Shut> {
        let mut state = self.state();
        if let Some(wait) = state.allowance.pause(now) {
            return Err(Shut { why: Why::Trouble, wait });
        }
        let ticket = state.breaker.enter(now)?;
        if !state.turns.remove(&grant) {
            state.allowance.spend(now);
        }
        let guard = Arc::clone(self);
        Ok(Pass { guard, ticket, asked_at: now, is_heard: false })
    }
}

impl State {
    fn shut(&self, now: Timestamp) -> Option<Shut> {
        let pause = self.allowance.pause(now).map(|wait| Shut { why: Why::Trouble, wait });
        self.breaker.shut(now).or(pause)
    }

    fn take_place(&mut self, grant: GrantId) {
        if !self.turns.insert(grant) {
            self.allowance.give_back();
        }
    }

    fn heard(
        &mut self,
        ticket: Ticket,
        asked_at: Timestamp,
        outcome: Outcome,
        now: Timestamp,
        share: Share,
    ) -> Heard {
        let mut heard =
            Heard { is_believed: true, alarm: None, has_opened: false, has_closed: false };
        match outcome {
            Outcome::Answered => heard.has_closed = self.breaker.answered(ticket),
            Outcome::ClientRefused => {
                let (why, wait) = (Why::Registration, Duration::ZERO);
                heard.has_opened = self.breaker.open(ticket, why, wait, now, share);
                heard.alarm = self.alarm(Alarm::RegistrationRefused, now);
            }
            Outcome::Failed { retry_after } => {
                heard.has_opened = self.breaker.failed(ticket, retry_after, now, share);
            }
            Outcome::Granted => {
                self.doubt.granted(now);
                heard.has_closed = self.breaker.answered(ticket);
            }
            Outcome::GrantRefused { is_expected } => match self.doubt.refused(is_expected, now) {
                Verdict::Believed => heard.has_closed = self.breaker.answered(ticket),
                Verdict::Doubted { is_new } => {
                    heard.is_believed = false;
                    heard.has_opened =
                        self.breaker.open(ticket, Why::Doubt, WHILE_IN_DOUBT, now, share);
                    heard.alarm = is_new.then(|| self.alarm(Alarm::MassRefusal, now)).flatten();
                }
            },
            Outcome::NotAsked => self.breaker.left(ticket),
            Outcome::Throttled { retry_after } => {
                heard.has_closed = self.breaker.answered(ticket);
                self.allowance.throttled(asked_at, retry_after, now);
            }
        }
        heard
    }

    fn alarm(&mut self, alarm: Alarm, now: Timestamp) -> Option<Alarm> {
        let last = self.alarms.get(&alarm);
        let is_new = last.is_none_or(|last| now.remaining(*last) >= ALARM_AGAIN || now < *last);
        is_new.then(|| {
            self.alarms.insert(alarm, now);
            alarm
        })
    }
}

/// A place in the queue. Given back when it is dropped, unless a question was asked.
#[derive(Debug)]
pub(super) struct Turn {
    guard: Arc<Guard>,
    grant: GrantId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.guard.state();
        if state.turns.remove(&self.grant) {
            state.allowance.give_back();
        }
    }
}

/// A question that is being asked. If it is dropped before anything was heard, the next one may be asked instead.
#[derive(Debug)]
pub(super) struct Pass {
    guard: Arc<Guard>,
    ticket: Ticket,
    asked_at: Timestamp,
    is_heard: bool,
}

impl Pass {
    pub(super) fn client(&self) -> &Client {
        &self.guard.client
    }

    /// The one place where what came of a question is told.
    pub(super) fn heard(mut self, outcome: Outcome, now: Timestamp, share: Share) -> Heard {
        self.is_heard = true;
        let mut state = self.guard.state();
        state.heard(self.ticket, self.asked_at, outcome, now, share)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_heard {
            self.guard.state().breaker.left(self.ticket);
        }
    }
}

#[cfg(test)]
mod tests;
