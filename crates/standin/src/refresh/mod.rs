//! 4 ── Refreshing: whoever needs a token gets one that lives long enough, and the provider is asked once.
//!
//! ```text
//! ensure_fresh ── the row will do ─────────────────────────────────────────────▶ FreshToken
//!      └── single flight (tracked task) ─▶ read ─▶ gate ─▶ [claim] ─▶ ask ─▶ classify ─▶ commit
//!                                           ▲                                   │
//!                                           └──── the row moved: read again ────┘
//! ```
//!
//! The row is read again inside the flight, so whoever comes late finds what the one before left. Nothing
//! is held while the provider thinks: no transaction, no lock. The commit is a compare-and-swap on the row's
//! version, so a late answer never overwrites a newer one, and a grant that was taken back meanwhile stays
//! taken back. `[claim]` is where a lease across processes belongs, for providers that rotate refresh tokens:
//! between the gate and the question, given up by the commit.

mod classify;
mod commit;
mod exchange;
mod holds;
mod lasting;
mod narrow;
mod scopes;
mod single_flight;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use self::exchange::Exchange;
use self::single_flight::SingleFlight;
use crate::core::Core;
use crate::http::RefusedAddress;
use crate::id::GrantId;
use crate::provider::Scopes;
use crate::secret::{AccessToken, same_bytes};
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::vault::{Grant, ReauthReason, VaultError};

/// An access token that lives long enough, with what its holder must know.
#[derive(Clone, Debug)]
pub struct FreshToken {
    /// The token.
    pub access_token: AccessToken,
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
    fn is_met_by(&self, token: &AccessToken, expires_at: Timestamp, now: Timestamp) -> bool {
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

impl From<StoreError> for RefreshFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<VaultError> for RefreshFailure {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

/// How many flights for others a caller waits out; each of them serves at least one more target.
const MAX_FLIGHTS: usize = 16;

type Outcome = Result<FreshToken, RefreshFailure>;

/// Keeps access tokens fresh, on demand. Clones share the flights.
#[derive(Clone)]
pub(crate) struct Refresher {
    exchange: Arc<Exchange>,
    /// By grant and not by target: one refresh token is spent by one flight at a time (requirement RF-1).
    flights: Arc<SingleFlight<GrantId, (Target, Outcome)>>,
}

/// What a flight is for: a grant's token, whole or narrowed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Target {
    grant: GrantId,
    narrowed_to: Option<Scopes>,
}

impl Refresher {
    pub(crate) fn new(core: Arc<Core>, tasks: TaskTracker) -> Self {
        Self {
            exchange: Arc::new(Exchange::new(core)),
            flights: Arc::new(SingleFlight::new(tasks)),
        }
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
        self.exchange.core.vault.learn(grant.tokens.iter()).await;
        if let Some(token) = self.exchange.at_hand(grant, &target, need)? {
            return Ok(token);
        }
        for _ in 0..MAX_FLIGHTS {
            let (exchange, own) = (Arc::clone(&self.exchange), target.clone());
            let mut is_ours = false;
            let work = || {
                is_ours = true;
                async move {
                    let outcome = exchange.refresh(&own, need).await;
                    (own, outcome)
                }
            };
            let flown = self.flights.fly(grant.id, work).await;
            let (flown_for, outcome) = flown.map_err(|_crashed| later(None))?;
            // A flight for another target was in the air: its refresh token is nobody's to spend meanwhile.
            if flown_for != target {
                continue;
            }
            let token = outcome?;
            if need.is_met_by(&token.access_token, token.expires_at, self.exchange.now()) {
                return Ok(token);
            }
            // Somebody else's may have been started for a lesser need; asking twice by oneself brings nothing.
            if is_ours {
                break;
            }
        }
        Err(later(None))
    }
}

/// Not now.
fn later(retry_after: Option<Duration>) -> RefreshFailure {
    RefreshFailure::Later { retry_after: retry_after.unwrap_or(Duration::from_secs(1)) }
}
