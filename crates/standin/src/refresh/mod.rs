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
mod holds;
mod narrow;
mod single_flight;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use url::Url;

use self::classify::{Fate, classify};
use self::holds::Holds;
use self::narrow::NarrowTokens;
use self::single_flight::SingleFlight;
use crate::core::Core;
use crate::error::Error;
use crate::id::GrantId;
use crate::provider::{Provider, Scopes, TokenResponse, is_about_somebody_else};
use crate::revoke;
use crate::secret::{AccessToken, RefreshToken, same_bytes};
use crate::store::{Event, EventKind, StoreError};
use crate::time::Timestamp;
use crate::vault::{Binding, Grant, GrantState, ReauthReason, SealedTokens, VaultError};
use crate::verify::ProviderId;

/// How often a commit that finds the row changed is tried again before it gives up.
const MAX_ROUNDS: usize = 4;

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
        let is_stale = self
            .stale
            .is_some_and(|stale| same_bytes(&stale, &token.sha256()));
        !is_stale && expires_at.remaining(now) > self.min_ttl
    }
}

/// Why there is no fresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshFailure {
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

type Outcome = Result<FreshToken, RefreshFailure>;

/// Keeps access tokens fresh, on demand. Clones share the flights.
#[derive(Clone)]
pub(crate) struct Refresher(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    holds: Holds,
    narrow: NarrowTokens,
    flights: SingleFlight<Target, Outcome>,
}

/// What a flight is for: a grant's token, whole or narrowed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Target {
    grant: GrantId,
    narrowed_to: Option<Scopes>,
}

impl Refresher {
    pub(crate) fn new(core: Arc<Core>, tasks: TaskTracker) -> Self {
        Self(Arc::new(Inner {
            core,
            holds: Holds::new(),
            narrow: NarrowTokens::new(),
            flights: SingleFlight::new(tasks),
        }))
    }

    /// A token that meets `need`: the stored one if it will do, else a new one.
    ///
    /// # Cancel safety
    /// Dropping this future never stops a refresh that has begun.
    pub(crate) async fn ensure_fresh(&self, grant: &Grant, need: Need) -> Outcome {
        self.ensure(
            grant,
            Target {
                grant: grant.id,
                narrowed_to: None,
            },
            need,
        )
        .await
    }

    /// A token that opens no more than `scopes`: what a caller gets who may not have all of the grant
    /// (requirement TV-6). It is kept in memory and never stored.
    pub(crate) async fn ensure_narrow(&self, grant: &Grant, scopes: Scopes, need: Need) -> Outcome {
        let target = Target {
            grant: grant.id,
            narrowed_to: Some(scopes),
        };
        self.ensure(grant, target, need).await
    }

    async fn ensure(&self, grant: &Grant, target: Target, need: Need) -> Outcome {
        if let Some(token) = self.0.at_hand(grant, &target, need)? {
            return Ok(token);
        }
        // A flight that was in the air already may have been started for a lesser need: one more then.
        for _ in 0..2 {
            let (inner, of) = (Arc::clone(&self.0), target.clone());
            let work = || async move { inner.refresh(&of, need).await };
            let flown = self.0.flights.fly(target.clone(), work).await;
            let token = flown.unwrap_or_else(|_crashed| Err(later(None)))?;
            if need.is_met_by(&token.access_token, token.expires_at, self.0.core.now()) {
                return Ok(token);
            }
        }
        Err(later(None))
    }
}

fn later(retry_after: Option<Duration>) -> RefreshFailure {
    RefreshFailure::Later {
        retry_after: retry_after.unwrap_or(Duration::from_secs(1)),
    }
}

/// What became of one way round.
enum Round {
    /// It is decided.
    Over(Outcome),
    /// The row moved while the provider was asked: what stands there now counts.
    RowMoved,
}

impl Inner {
    fn stored_token(&self, grant: &Grant, need: Need) -> Result<Option<FreshToken>, VaultError> {
        let now = self.core.now();
        if grant.state != GrantState::Active
            || grant.access_expires_at.remaining(now) <= need.min_ttl
        {
            return Ok(None);
        }
        let token = self.core.vault.open_access(grant)?;
        Ok(token
            .filter(|token| need.is_met_by(token, grant.access_expires_at, now))
            .map(|access_token| fresh(grant, access_token)))
    }

    /// A token that need not be asked for.
    fn at_hand(
        &self,
        grant: &Grant,
        target: &Target,
        need: Need,
    ) -> Result<Option<FreshToken>, VaultError> {
        let Some(scopes) = &target.narrowed_to else {
            return self.stored_token(grant, need);
        };
        let now = self.core.now();
        let token = self.narrow.find(grant, scopes);
        Ok(token.filter(|token| need.is_met_by(&token.access_token, token.expires_at, now)))
    }

    async fn refresh(self: Arc<Self>, target: &Target, need: Need) -> Outcome {
        for _ in 0..MAX_ROUNDS {
            match self.round(target, need).await? {
                Round::Over(outcome) => return outcome,
                Round::RowMoved => {}
            }
        }
        Err(later(None))
    }

    async fn round(&self, target: &Target, need: Need) -> Result<Round, RefreshFailure> {
        let id = target.grant;
        let grant = self
            .core
            .store
            .grant(id)
            .await?
            .ok_or(RefreshFailure::Gone)?;
        if let Some(token) = self.at_hand(&grant, target, need)? {
            return Ok(Round::Over(Ok(token)));
        }
        let (provider, endpoint, refresh_token) = self.gate(&grant)?;
        let asked_at = self.core.now();
        let narrowed_to = target.narrowed_to.as_ref();
        match provider
            .refresh(&self.core, &endpoint, &refresh_token, narrowed_to)
            .await
        {
            Ok(answer) => {
                self.holds.release(id);
                self.refuse_another_person(&provider, &grant, &answer)
                    .await?;
                match narrowed_to {
                    Some(scopes) => self.settle_narrow(grant, answer, asked_at, scopes).await,
                    None => self.commit(grant, answer, asked_at).await,
                }
            }
            Err(error) => match classify(error) {
                Fate::Dead => self.commit_death(grant).await,
                fate => Err(self.hold(id, fate)),
            },
        }
    }

    /// Whether the provider may be asked at all, and with what.
    fn gate(&self, grant: &Grant) -> Result<(Arc<Provider>, Url, RefreshToken), RefreshFailure> {
        match grant.state {
            GrantState::Active => {}
            GrantState::Reauth => return Err(RefreshFailure::Dead(reason_of(grant))),
            GrantState::Revoked => return Err(RefreshFailure::Gone),
        }
        if let Some(retry_after) = self.holds.remaining(grant.id, self.core.now()) {
            return Err(later(Some(retry_after)));
        }
        let provider = self.core.providers.get(&grant.identity.provider);
        let provider = Arc::clone(provider.ok_or(RefreshFailure::Gone)?);
        let endpoint = Url::parse(&grant.token_endpoint).map_err(|_| inconsistent(grant))?;
        let token = self.core.vault.open_refresh(grant)?;
        Ok((
            provider,
            endpoint,
            token.ok_or(RefreshFailure::Dead(ReauthReason::Unknown))?,
        ))
    }

    /// A refresh that answers with another person's ID token is thrown away whole (requirement RF-11). Any
    /// other fault of the ID token is no reason to lose a refresh token that may have been rotated.
    async fn refuse_another_person(
        &self,
        provider: &Provider,
        grant: &Grant,
        answer: &TokenResponse,
    ) -> Result<(), RefreshFailure> {
        let Some(id_token) = &answer.unverified_id_token else {
            return Ok(());
        };
        let checked = provider
            .verify_refreshed(&self.core, id_token, &answer.access_token, &grant.identity)
            .await;
        match checked {
            Ok(_) => Ok(()),
            Err(Error::IdToken(fault)) if is_about_somebody_else(fault) => {
                tracing::error!(grant.id = %grant.id, "a refresh answered with another person's ID token");
                Err(RefreshFailure::Misbehaved)
            }
            Err(error) => {
                tracing::warn!(grant.id = %grant.id, code = error.code(), "the ID token of a refresh is ignored");
                Ok(())
            }
        }
    }

    /// A narrowed token is handed on and kept in memory. If the provider rotated the refresh token with it,
    /// that is written like any other, and the stored access token, which may have died, is let go.
    async fn settle_narrow(
        &self,
        grant: Grant,
        answer: TokenResponse,
        asked_at: Timestamp,
        scopes: &Scopes,
    ) -> Result<Round, RefreshFailure> {
        let opens = answer.scopes.clone().unwrap_or_else(|| scopes.clone());
        let token = FreshToken {
            access_token: answer.access_token.clone(),
            expires_at: asked_at.after(answer.expires_in),
            scopes: opens,
            grant: grant.id,
        };
        let is_wider = !scopes.covers(&token.scopes);
        let mut kept = grant.clone();
        if answer.refresh_token.is_some() {
            let lapsed = TokenResponse {
                expires_in: Duration::ZERO,
                scopes: Some(grant.scopes.clone()),
                ..answer
            };
            kept.generation += 1;
            if let Round::RowMoved = self.commit(grant, lapsed, asked_at).await? {
                return Ok(Round::RowMoved);
            }
        } else {
            let event = event(EventKind::TokenRefreshed, &grant);
            let event = Event {
                at: self.core.now(),
                ..event
            };
            self.core.store.append_events(vec![event]).await?;
        }
        if is_wider {
            tracing::warn!(grant.id = %kept.id, "the provider does not narrow tokens; none is handed out");
            return Err(RefreshFailure::Misbehaved);
        }
        self.narrow.keep(&kept, scopes, token.clone());
        Ok(Round::Over(Ok(token)))
    }

    async fn commit(
        &self,
        mut grant: Grant,
        answer: TokenResponse,
        asked_at: Timestamp,
    ) -> Result<Round, RefreshFailure> {
        for _ in 0..MAX_ROUNDS {
            let (id, generation) = (grant.id, grant.generation);
            let provider = grant.identity.provider.clone();
            let renewed = self.renewed(grant, &answer, asked_at)?;
            let token = fresh(&renewed, answer.access_token.clone());
            let event = event(EventKind::TokenRefreshed, &renewed);
            match self.core.store.replace_grant(renewed, Some(event)).await {
                Ok(()) => return Ok(Round::Over(Ok(token))),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            match self.core.store.grant(id).await? {
                // The same refresh token still stands there, so this answer is still the newest.
                Some(moved) if moved.generation == generation => grant = moved,
                Some(moved) if moved.state != GrantState::Revoked => return Ok(Round::RowMoved),
                _ => {
                    self.discard(id, &provider, &answer).await;
                    return Ok(Round::RowMoved);
                }
            }
        }
        Err(later(None))
    }

    /// A refresh token that was issued while its grant was taken back must not outlive it (requirement RF-10).
    async fn discard(&self, id: GrantId, provider: &ProviderId, answer: &TokenResponse) {
        if let Some(token) = &answer.refresh_token {
            tracing::info!(grant.id = %id, "revoking a token that came after its grant was taken back");
            revoke::discard(&self.core, id, provider, token).await;
        }
    }

    /// The grant as it is written after a good answer. No refresh token in it means that the old one goes on
    /// (requirement RF-4); a new one is a new generation.
    fn renewed(
        &self,
        grant: Grant,
        answer: &TokenResponse,
        asked_at: Timestamp,
    ) -> Result<Grant, VaultError> {
        let rotated = answer.refresh_token.as_ref();
        let generation = grant.generation + u64::from(rotated.is_some());
        let binding = Binding::of(&grant, generation);
        let sealed = self.core.vault.seal_tokens(
            &binding,
            &answer.access_token,
            rotated,
            &*self.core.entropy,
        )?;
        Ok(Grant {
            scopes: answer.scopes.clone().unwrap_or(grant.scopes),
            state: GrantState::Active,
            reason: None,
            version: grant.version + 1,
            generation,
            tokens: SealedTokens {
                refresh: sealed.refresh.or(grant.tokens.refresh),
                access: sealed.access,
            },
            access_expires_at: asked_at.after(answer.expires_in),
            refresh_expires_at: answer
                .refresh_expires_in
                .map_or(grant.refresh_expires_at, |life| Some(asked_at.after(life))),
            updated_at: self.core.now(),
            ..grant
        })
    }

    /// `invalid_grant`: the grant is dead, unless the row has moved on since it was read.
    async fn commit_death(&self, grant: Grant) -> Result<Round, RefreshFailure> {
        let now = self.core.now();
        let reason = match grant.refresh_expires_at {
            Some(expiry) if expiry <= now => ReauthReason::ExpiredIdle,
            _ => ReauthReason::Revoked,
        };
        let dead = grant.refused(reason, now);
        let event = Event {
            detail: Some(reason.to_string()),
            ..event(EventKind::GrantReauthRequired, &dead)
        };
        match self.core.store.replace_grant(dead, Some(event)).await {
            Ok(()) => Ok(Round::Over(Err(RefreshFailure::Dead(reason)))),
            Err(StoreError::Conflict) => Ok(Round::RowMoved),
            Err(error) => Err(error.into()),
        }
    }

    fn hold(&self, id: GrantId, fate: Fate) -> RefreshFailure {
        match fate {
            Fate::ClientRefused => {
                tracing::error!(
                    "the provider refuses this application's registration: check client id and secret"
                );
                RefreshFailure::ClientRefused
            }
            Fate::Later { retry_after } => {
                later(Some(self.holds.hold(id, retry_after, self.core.now())))
            }
            Fate::Ambiguous | Fate::Dead => later(Some(self.holds.hold(id, None, self.core.now()))),
        }
    }
}

fn fresh(grant: &Grant, access_token: AccessToken) -> FreshToken {
    FreshToken {
        access_token,
        expires_at: grant.access_expires_at,
        scopes: grant.scopes.clone(),
        grant: grant.id,
    }
}

fn reason_of(grant: &Grant) -> ReauthReason {
    grant.reason.unwrap_or(ReauthReason::Unknown)
}

fn inconsistent(grant: &Grant) -> StoreError {
    StoreError::Inconsistent {
        table: "grants",
        column: "token_endpoint",
        row: grant.id.to_string(),
    }
}

fn event(kind: EventKind, grant: &Grant) -> Event {
    Event {
        user: Some(grant.user),
        grant: Some(grant.id),
        ..Event::new(kind, grant.updated_at)
    }
}
