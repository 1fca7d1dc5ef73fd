//! One question to the provider: whether it need be asked, asking it, and what the answer means.
//!
//! A round reads the row, looks whether its token will do, passes the gate, asks, and hands what comes back
//! to `commit.rs`. If the row moved meanwhile, what stands there now counts, and there is another round.

use std::sync::Arc;

use url::Url;

use super::classify::{Fate, classify};
use super::holds::Holds;
use super::narrow::NarrowTokens;
use super::{FreshToken, Need, Outcome, RefreshFailure, Target, later};
use crate::core::Core;
use crate::error::Error;
use crate::id::GrantId;
use crate::provider::{
    OAuthError, Provider, ProviderProfile, TokenError, TokenResponse, is_about_somebody_else,
};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, LASTING_TOKEN_LIFE, ReauthReason, VaultError};

/// How often a commit that finds the row changed is tried again before it gives up.
pub(super) const MAX_ROUNDS: usize = 4;

/// Asks providers for the grants of a vault.
pub(super) struct Exchange {
    pub(super) core: Arc<Core>,
    pub(super) holds: Holds,
    pub(super) narrow: NarrowTokens,
}

/// What became of one way round.
pub(super) enum Round {
    /// It is decided.
    Over(Outcome),
    /// The row moved while the provider was asked: what stands there now counts.
    RowMoved,
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, holds: Holds::new(), narrow: NarrowTokens::new() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.core.now()
    }

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
            .map(|access_token| fresh(grant, access_token, now)))
    }

    /// A token that need not be asked for.
    pub(super) fn at_hand(
        &self,
        grant: &Grant,
        target: &Target,
        need: Need,
    ) -> Result<Option<FreshToken>, VaultError> {
        let Some(scopes) = &target.narrowed_to else {
            return self.stored_token(grant, need);
        };
        let now = self.core.now();
        let token = self.narrow.find(grant, self.profile_of(grant), scopes);
        Ok(token.filter(|token| need.is_met_by(&token.access_token, token.expires_at, now)))
    }

    /// What is known of the grant's tokens; nothing, if its provider is no longer configured.
    pub(super) fn profile_of(&self, grant: &Grant) -> &ProviderProfile {
        const NOTHING: &ProviderProfile = &ProviderProfile::UNKNOWN;
        let provider = self.core.providers.get(&grant.identity.provider);
        provider.map_or(NOTHING, |provider| provider.profile())
    }

    pub(super) async fn refresh(self: Arc<Self>, target: &Target, need: Need) -> Outcome {
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
        // What the provider gives will be sealed: better a look at the keys before it is asked than after.
        self.core.vault.require_current().await?;
        let grant = self.core.store.grant(id).await?.ok_or(RefreshFailure::Gone)?;
        self.core.vault.learn(grant.tokens.iter()).await;
        if let Some(token) = self.at_hand(&grant, target, need)? {
            return Ok(Round::Over(Ok(token)));
        }
        if grant.is_lasting() && grant.tokens.refresh.is_none() {
            return self.look_after(grant).await;
        }
        let (provider, endpoint, refresh_token) = self.gate(&grant)?;
        let asked_at = self.core.now();
        let narrowed_to = target.narrowed_to.as_ref();
        match provider.refresh(&self.core, &endpoint, &refresh_token, narrowed_to).await {
            Ok(answer) => {
                self.holds.release(id);
                self.refuse_another_person(&provider, &grant, &answer).await?;
                match narrowed_to {
                    Some(scopes) => self.settle_narrow(grant, answer, asked_at, scopes).await,
                    None => self.commit(grant, answer, asked_at).await,
                }
            }
            // Only this narrowing is impossible: whoever wants the whole token can still have it.
            Err(TokenError::Refused(OAuthError::InvalidScope)) if narrowed_to.is_some() => {
                Err(RefreshFailure::Misbehaved)
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
        // A refresh token works with the client that it was given to, and with no other.
        let provider = provider.ok_or(RefreshFailure::Gone)?.of_client(&grant.provider_client);
        let provider = Arc::clone(provider);
        let endpoint = Url::parse(&grant.token_endpoint).map_err(|_| inconsistent(grant))?;
        let token = self.core.vault.open_refresh(grant)?;
        Ok((provider, endpoint, token.ok_or(RefreshFailure::Dead(ReauthReason::Unknown))?))
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

    fn hold(&self, id: GrantId, fate: Fate) -> RefreshFailure {
        match fate {
            Fate::AddressRefused(refused) => RefreshFailure::AddressRefused(refused),
            Fate::ClientRefused => {
                tracing::error!(
                    "the provider refuses this application's registration: check client id, secret, and how they are sent"
                );
                RefreshFailure::ClientRefused
            }
            Fate::Later { retry_after } => {
                later(Some(self.holds.hold(id, retry_after, self.core.now())))
            }
            Fate::Ambiguous | Fate::Dead => {
                later(Some(self.holds.hold_unknown(id, self.core.now())))
            }
        }
    }
}

pub(super) fn fresh(grant: &Grant, access_token: AccessToken, now: Timestamp) -> FreshToken {
    FreshToken {
        access_token,
        expires_at: if grant.is_lasting() {
            now.after(LASTING_TOKEN_LIFE)
        } else {
            grant.access_expires_at
        },
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
