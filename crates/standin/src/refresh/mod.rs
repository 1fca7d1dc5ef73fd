//! 4 ── Refreshing: whoever needs a token gets one that lives long enough, and the provider is asked once.
//!
//! ```text
//! ensure_fresh ── the row will do ──────────────────────────────────────────────────────▶ FreshToken
//!      └── single flight (tracked task) ─▶ read ─▶ claim ─▶ read ─▶ ask ─▶ journal ─▶ commit
//!                                           ▲                                            │
//!                                           └──────── the row moved: read again ─────────┘
//! ```
//!
//! The row is read again inside the flight, so whoever comes late finds what the one before left. Nothing
//! is held while the provider thinks: no transaction, no lock. The commit is a compare-and-swap on the row's
//! version, so a late answer never overwrites a newer one, and a grant that was taken back meanwhile stays
//! taken back. Where a refresh token may be good for one use, the flight holds the lease of its grant, in the
//! database, so that of all nodes one asks. What is decided in which order is `protocol.rs`, a machine that a
//! checker explores; `flight.rs` does what it says.

mod ahead;
mod allowance;
mod breaker;
mod classify;
mod commit;
mod doubt;
mod exchange;
mod flight;
mod gate;
mod guard;
mod holds;
mod journal;
mod lasting;
mod lineage;
mod narrow;
mod points;
mod protocol;
mod recent;
mod scopes;
#[cfg(test)]
mod simulation;
mod single_flight;
mod spread;

pub(crate) use self::breaker::Why;
pub use self::journal::{Journal, JournalRecord, NoJournal};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use self::exchange::Exchange;
use self::flight::Flight;
use self::holds::Holds;
use self::protocol::Goal;
use self::recent::RecentFailures;
use self::single_flight::SingleFlight;
use crate::core::Core;
use crate::fail_point::FailPoint;
use crate::http::RefusedAddress;
use crate::id::GrantId;
use crate::provider::Scopes;
use crate::secret::{AccessToken, same_bytes};
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::vault::{Grant, ReauthReason, VaultError};
use crate::verify::ProviderId;

/// An access token that lives long enough, with what its holder must know.
#[derive(Clone, Debug)]
pub struct FreshToken {
    /// The token.
    pub access_token: AccessToken,
    /// When it was given, or at the latest.
    pub issued_at: Timestamp,
    /// When it dies.
    pub expires_at: Timestamp,
    /// What it opens.
    pub scopes: Scopes,
    /// The grant it comes from.
    pub grant: GrantId,
}

/// What a caller needs of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// How long it must still live.
    pub min_ttl: Duration,
    /// SHA-256 of a token that an API refused already: that one will not do.
    pub stale: Option<[u8; 32]>,
}

impl Need {
    /// Whether whatever meets this one meets `other`, too.
    fn covers(&self, other: &Self) -> bool {
        self.min_ttl >= other.min_ttl && (other.stale.is_none() || self.stale == other.stale)
    }

    pub(crate) fn is_met_by(
        &self,
        token: &AccessToken,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        let is_stale = self.stale.is_some_and(|stale| same_bytes(&stale, &token.sha256()));
        !is_stale && expires_at.remaining(now) > self.min_ttl
    }
}

/// Why there is no fresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshFailure {
    /// The provider must not be talked to where it is.
    AddressRefused(RefusedAddress),
    /// The provider refuses our registration.
    ClientRefused,
    /// The grant is dead.
    Dead(ReauthReason),
    /// The grant was taken back or never was.
    Gone,
    /// Try again later.
    Later { retry_after: Duration },
    /// The provider answered about another person: nothing of its answer was used.
    Misbehaved,
    /// The database.
    Store(StoreError),
    /// The vault.
    Vault(VaultError),
}

impl RefreshFailure {
    /// Whether it says nothing of the grant itself: the provider or the database is in trouble, or it is too early.
    const fn is_shared(&self) -> bool {
        matches!(
            self,
            Self::ClientRefused
                | Self::Later { .. }
                | Self::Store(StoreError::Unavailable(_) | StoreError::Unknown(_))
        )
    }
}

impl From<StoreError> for RefreshFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<VaultError> for RefreshFailure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => Self::Store(error),
            error => Self::Vault(error),
        }
    }
}

/// How many flights for others a caller waits out; each of them serves at least one more target.
const MAX_FLIGHTS: usize = 16;
/// How long anybody waits; the refresh goes on without them.
const PATIENCE: Duration = Duration::from_secs(20);

type Outcome = Result<FreshToken, RefreshFailure>;

/// Keeps access tokens fresh, on demand. Clones share the flights.
#[derive(Clone)]
pub(crate) struct Refresher {
    exchange: Arc<Exchange>,
    /// By grant and not by target: one refresh token is spent by one flight at a time (requirement RF-1).
    flights: Arc<SingleFlight<GrantId, Flown>>,
    /// What went wrong a moment ago.
    failures: Arc<RecentFailures>,
    /// Those that are due and cannot be refreshed, for a reason of their own.
    passed_over: Arc<Holds>,
}

/// What a flight was for, and what came of it. No target, if it was to bring something to its end: whoever wanted a
/// token sets out again.
type Flown = (Option<Target>, Need, Outcome);

/// What a flight is for: a grant's token, whole or narrowed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Target {
    grant: GrantId,
    narrowed_to: Option<Scopes>,
}

impl Refresher {
    pub(crate) fn new(core: Arc<Core>, journal: Arc<dyn Journal>, tasks: TaskTracker) -> Self {
        Self {
            exchange: Arc::new(Exchange::new(core, journal)),
            flights: Arc::new(SingleFlight::new(tasks)),
            failures: Arc::new(RecentFailures::new()),
            passed_over: Arc::new(Holds::new()),
        }
    }

    /// Providers that are left alone at the moment, and why.
    pub(crate) fn left_alone(&self) -> BTreeSet<(ProviderId, Why)> {
        self.exchange.guards.open()
    }

    /// A token that meets `need`: the stored one if it will do, else a new one.
    ///
    /// # Cancel safety
    /// Dropping this future never stops a refresh that has begun.
    pub(crate) async fn ensure_fresh(&self, grant: &Grant, need: Need) -> Outcome {
        self.ensure(grant, Target { grant: grant.id, narrowed_to: None }, need).await
    }

    /// A token that opens no more than `scopes`: what a caller gets who may not have all of the grant
    /// (requirement TV-6). It is kept in memory and never stored.
    pub(crate) async fn ensure_narrow(&self, grant: &Grant, scopes: Scopes, need: Need) -> Outcome {
        let target = Target { grant: grant.id, narrowed_to: Some(scopes) };
        self.ensure(grant, target, need).await
    }

    async fn ensure(&self, grant: &Grant, target: Target, need: Need) -> Outcome {
        self.exchange.core.vault.learn(grant.tokens.iter()).await?;
        if let Some(token) = self.exchange.at_hand(grant, &target, need)? {
            if target.narrowed_to.is_none() {
                self.refresh_ahead(grant, need);
            }
            return Ok(token);
        }
        if let Some(failure) = self.failures.find(&target, self.exchange.now()) {
            return Err(failure);
        }
        let waited = timeout(PATIENCE, self.wait_for(grant, &target, need)).await;
        waited.unwrap_or_else(|_too_long| Err(later(None)))
    }

    async fn wait_for(&self, grant: &Grant, target: &Target, need: Need) -> Outcome {
        let is_leased = self.exchange.is_leased(grant);
        let guard = self.exchange.guard_of(grant);
        let mut was_let_down = false;
        for _ in 0..MAX_FLIGHTS {
            let mut is_ours = false;
            let (exchange, guard, own) =
                (Arc::clone(&self.exchange), Arc::clone(&guard), target.clone());
            let work = || {
                is_ours = true;
                async move {
                    let outcome = match exchange.turn(&guard, own.grant).await {
                        Ok(_turn) => {
                            Flight::new(&exchange, &own, need, is_leased).fly(Goal::Token).await
                        }
                        Err(failure) => Err(failure),
                    };
                    (Some(own), need, outcome)
                }
            };
            let flown = self.flights.fly(grant.id, work).await;
            let (flown_for, flown_need, outcome) =
                flown.unwrap_or_else(|_crashed| (Some(target.clone()), need, Err(later(None))));
            // A flight for another target was in the air: its refresh token is nobody's to spend meanwhile.
            if flown_for.as_ref() != Some(target) {
                continue;
            }
            let now = self.exchange.now();
            let token = outcome.inspect_err(|failure| self.failures.keep(target, failure, now))?;
            if need.is_met_by(&token.access_token, token.expires_at, now) {
                return Ok(token);
            }
            // Somebody else's may have been started for a lesser need, or long ago; asking twice for the same brings
            // nothing.
            if is_ours || was_let_down && flown_need.covers(&need) {
                break;
            }
            was_let_down = true;
        }
        Err(later(None))
    }
}

/// Answers of the journal that are brought to their rows at a time.
const REPLAYS: usize = 16;
/// Leases that are over, in one look of the sweeper.
const MAX_OVERDUE: usize = 64;
/// How long a look of the sweeper waits for what it has begun.
const LOOK: Duration = Duration::from_secs(2);
/// Grants of one provider that are refreshed although nobody asks, in one look: a load that it does not feel.
const MAX_DUE: usize = 16;
/// So many are looked through for them: those that were left alone a moment ago must not be in the others' way.
const MAX_DUE_SEEN: usize = 512;

impl Refresher {
    /// Brings what other nodes have left behind to an end: each lease that is over is taken, and its refresh token
    /// spent again at once, before a grace of the provider is over (requirement RF-9). How many there were.
    pub(crate) async fn sweep(&self) -> Result<usize, StoreError> {
        let core = &self.exchange.core;
        let overdue = core.store.overdue_refreshes(core.now(), MAX_OVERDUE).await?;
        let count = overdue.len();
        if count > 0 {
            FailPoint::RefreshSweep.reach().await.map_err(StoreError::from)?;
        }
        let resolve = |grant| {
            self.settle(grant, move |exchange, target| {
                Box::pin(async move {
                    Flight::new(exchange, target, ANY, true).fly(Goal::Resolve).await
                })
            })
        };
        // What is not settled is found again. Those that take long go on by themselves, and keep no other waiting: a
        // grace may be as short as ten seconds.
        let all = futures_util::future::join_all(overdue.into_iter().map(resolve));
        drop(timeout(LOOK, all).await);
        Ok(count)
    }

    /// Refreshes grants whose time has come although nobody asks: suspect ones, to find out whether the provider means
    /// it, and those that their provider forgets when they lie idle. A few of each provider in one look, so that one
    /// which does not answer keeps no other's waiting. How many there were.
    pub(crate) async fn tend(&self) -> Result<usize, StoreError> {
        let core = &self.exchange.core;
        let mut due = Vec::new();
        for provider in core.providers.keys() {
            let seen = core.store.due_grants(provider, core.now(), MAX_DUE_SEEN).await?;
            let now = core.now();
            let held = [&*self.passed_over, &self.exchange.holds];
            let is_held = |grant| held.iter().any(|holds| holds.remaining(grant, now).is_some());
            due.extend(seen.into_iter().filter(|grant| !is_held(*grant)).take(MAX_DUE));
        }
        let count = due.len();
        let refresh = |grant| async move {
            match self.refresh_due(grant).await {
                Err(failure) if !failure.is_shared() => {
                    self.passed_over.hold(grant, None, core.now());
                }
                _ => self.passed_over.release(grant),
            }
        };
        futures_util::future::join_all(due.into_iter().map(refresh)).await;
        Ok(count)
    }

    async fn refresh_due(&self, grant: GrantId) -> Result<(), RefreshFailure> {
        let core = &self.exchange.core;
        let Some(grant) = core.store.grant(grant).await? else { return Ok(()) };
        let is_leased = self.exchange.is_leased(&grant);
        core.vault.learn(grant.tokens.iter()).await?;
        self.settle(grant.id, move |exchange, target| {
            Box::pin(async move {
                let flight = Flight::new(exchange, target, ANY, is_leased);
                flight.unless_past(grant.version).fly(Goal::Token).await
            })
        })
        .await
    }

    /// Brings what this node's journal keeps to the rows that do not have it: after a start, and after the database
    /// was away.
    ///
    /// Of each grant the newest: with it in its row, the others have nothing to say. Whoever looks after leases waits for
    /// this, and not for those that take long: they go on by themselves, and are no longer waited for.
    ///
    /// Whether all is done that can be: not so, if the database was away for one of them, or time was up.
    pub(crate) async fn replay(&self) -> bool {
        let kept = self.exchange.journal.kept().into_iter();
        let all = self.replay_those(kept.map(|record| record.grant).collect());
        timeout(LOOK, all).await.unwrap_or(false)
    }

    /// The same, of those that wait: what was a spare then may be the newest by now, since whoever took the lease after it
    /// has never asked.
    pub(crate) async fn replay_waiting(&self) {
        let waiting = self.exchange.journal.waiting_for();
        drop(timeout(LOOK, self.replay_those(waiting)).await);
    }

    async fn replay_those(&self, grants: BTreeSet<GrantId>) -> bool {
        // Whoever waits for a flight that is in the air keeps no other waiting.
        let (flying, waiting): (Vec<_>, Vec<_>) =
            grants.into_iter().partition(|grant| self.flights.is_flying(grant));
        let grants = futures_util::stream::iter(waiting.into_iter().chain(flying));
        let are_done = grants.map(|grant| self.replay_one(grant)).buffer_unordered(REPLAYS);
        are_done.fold(true, async |all, is_done| all && is_done).await
    }

    /// Takes out of the journal what is past its time.
    pub(crate) async fn tidy(&self) {
        self.exchange.journal.tidy().await;
    }

    async fn replay_one(&self, grant: GrantId) -> bool {
        if FailPoint::RefreshReplay.reach().await.is_err() {
            return false;
        }
        let settled = self.settle(grant, move |exchange, target| {
            Box::pin(async move { Flight::new(exchange, target, ANY, true).replay().await })
        });
        // It stays in the journal.
        let was_away = |failure| {
            matches!(
                failure,
                RefreshFailure::Store(StoreError::Unavailable(_) | StoreError::Unknown(_))
            )
        };
        !settled.await.is_err_and(was_away)
    }

    /// A flight that nobody waits for a token of. One that is in the air already does not do as well: it may find a
    /// token that lives, and look no further.
    async fn settle<W>(&self, grant: GrantId, work: W) -> Result<(), RefreshFailure>
    where
        W: for<'e> FnOnce(&'e Exchange, &'e Target) -> BoxFuture<'e, Outcome> + Send + 'static,
    {
        let (exchange, target) = (Arc::clone(&self.exchange), Target { grant, narrowed_to: None });
        let flown = self.flights.fly_own(grant, || async move {
            let outcome = work(&exchange, &target).await;
            (None, ANY, outcome)
        });
        let (_, _, outcome) = flown.await.map_err(|_crashed| later(None))?;
        outcome.map(drop).inspect_err(|failure| {
            tracing::debug!(grant.id = %grant, ?failure, "a refresh that nobody waits for has failed");
        })
    }
}

/// Whatever there is will do.
const ANY: Need = Need { min_ttl: Duration::ZERO, stale: None };

/// Not now.
fn later(retry_after: Option<Duration>) -> RefreshFailure {
    RefreshFailure::Later { retry_after: retry_after.unwrap_or(Duration::from_secs(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(seconds: u64, stale: Option<u8>) -> Need {
        let (min_ttl, stale) = (Duration::from_secs(seconds), stale.map(|token| [token; 32]));
        Need { min_ttl, stale }
    }

    #[test]
    fn what_lives_longer_and_is_not_the_refused_one_does_for_whoever_wants_less() {
        let wants = need(60, Some(1));
        assert!(
            [need(60, Some(1)), need(60, None), need(0, None)].iter().all(|it| wants.covers(it))
        );
        assert!(need(60, None).covers(&need(60, None)));
        for other in [need(61, Some(1)), need(60, Some(2))] {
            assert!(!wants.covers(&other), "{other:?}");
        }
        assert!(!need(60, None).covers(&wants));
    }
}
