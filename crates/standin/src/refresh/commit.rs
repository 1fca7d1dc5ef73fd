//! What an answer does to the row: a compare-and-swap, and what to do when it loses.
//!
//! A late answer never overwrites a newer one. While the same refresh token still stands in the row, this
//! answer is the newest, whatever else was written; once another stands there, that one counts; and a grant
//! that was taken back stays taken back, its late token revoked.

use std::time::Duration;

use super::exchange::{Exchange, MAX_ROUNDS, Round, fresh};
use super::{FreshToken, RefreshFailure, later};
use crate::id::GrantId;
use crate::provider::{Scopes, TokenResponse};
use crate::revoke;
use crate::store::{Event, EventKind, StoreError};
use crate::time::Timestamp;
use crate::vault::{
    Binding, Destination, Grant, GrantState, ReauthReason, SealedTokens, VaultError,
};

impl Exchange {
    /// A narrowed token is handed on and kept in memory. If the provider rotated the refresh token with it,
    /// that is written like any other, and the stored access token, which may have died, is let go; so it is
    /// where a refresh is known to end the access tokens before it.
    pub(super) async fn settle_narrow(
        &self,
        grant: Grant,
        answer: TokenResponse,
        asked_at: Timestamp,
        scopes: &Scopes,
    ) -> Result<Round, RefreshFailure> {
        let profile = *self.profile_of(&grant);
        let opens = answer.scopes.clone().unwrap_or_else(|| scopes.clone());
        let token = FreshToken {
            access_token: answer.access_token.clone(),
            expires_at: answer.access_expires_at(asked_at),
            scopes: opens,
            grant: grant.id,
        };
        let ends_the_stored_one = profile.refresh_ends_access_tokens.is_certain();
        let written = if answer.refresh_token.is_some() || ends_the_stored_one {
            let lapsed = TokenResponse {
                expires_in: Some(Duration::ZERO),
                // It speaks of the narrowed token only, and not of what the grant opens.
                scopes: None,
                ..answer
            };
            self.write(grant, &lapsed, asked_at).await?
        } else {
            self.touch(grant).await?
        };
        let Some(kept) = written else { return Ok(Round::RowMoved) };
        if !scopes.covers(&token.scopes) {
            tracing::warn!(grant.id = %kept.id, "the provider does not narrow tokens; none is handed out");
            return Err(RefreshFailure::Misbehaved);
        }
        self.narrow.keep(&kept, &profile, scopes, token.clone());
        Ok(Round::Over(Ok(token)))
    }

    /// Writes that the refresh token was used, and nothing else: how long it lies idle is counted from there.
    async fn touch(&self, grant: Grant) -> Result<Option<Grant>, RefreshFailure> {
        let touched = Grant { version: grant.version + 1, updated_at: self.core.now(), ..grant };
        let event = event(EventKind::TokenRefreshed, &touched);
        match self.core.store.replace_grant(touched.clone(), Some(event)).await {
            Ok(()) => Ok(Some(touched)),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn commit(
        &self,
        grant: Grant,
        answer: TokenResponse,
        asked_at: Timestamp,
    ) -> Result<Round, RefreshFailure> {
        let written = self.write(grant, &answer, asked_at).await?;
        Ok(written.map_or(Round::RowMoved, |grant| {
            Round::Over(Ok(fresh(&grant, answer.access_token, self.core.now())))
        }))
    }

    /// Writes an answer over the row, and gives the row as it is then; `None` if what stands there counts.
    async fn write(
        &self,
        mut grant: Grant,
        answer: &TokenResponse,
        asked_at: Timestamp,
    ) -> Result<Option<Grant>, RefreshFailure> {
        for _ in 0..MAX_ROUNDS {
            let (id, generation, version) = (grant.id, grant.generation, grant.version);
            let (destination, had) = (Destination::of(&grant), grant.scopes.clone());
            // The provider took its time.
            self.core.vault.keep_up().await;
            let renewed = self.renewed(grant, answer, asked_at)?;
            match self.write_renewed(renewed.clone(), &had, answer.scopes.as_ref()).await {
                Ok(()) => return Ok(Some(renewed)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            match self.core.store.grant(id).await? {
                // The same refresh token still stands there, so this answer is still the newest.
                Some(moved) if moved.generation == generation => {
                    if moved.version == version {
                        // Nobody wrote it: it was refused because its key is retired.
                        self.core.vault.catch_up().await;
                    }
                    grant = moved;
                }
                Some(moved) if moved.state != GrantState::Revoked => return Ok(None),
                _ => {
                    self.discard(id, &destination, answer).await;
                    return Ok(None);
                }
            }
        }
        Err(later(None))
    }

    /// A refresh token that was issued while its grant was taken back must not outlive it (requirement RF-10).
    async fn discard(&self, id: GrantId, destination: &Destination, answer: &TokenResponse) {
        if let Some(token) = &answer.refresh_token {
            tracing::info!(grant.id = %id, "revoking a token that came after its grant was taken back");
            revoke::discard(&self.core, id, destination, token).await;
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
            asked_at,
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
                trace: sealed.trace.or(grant.tokens.trace),
                access: sealed.access,
            },
            access_expires_at: answer.access_expires_at(asked_at),
            refresh_expires_at: answer
                .refresh_expires_in
                .map_or(grant.refresh_expires_at, |life| Some(asked_at.after(life))),
            updated_at: self.core.now(),
            ..grant
        })
    }

    /// `invalid_grant`: the grant is dead, unless the row has moved on since it was read.
    pub(super) async fn commit_death(&self, grant: Grant) -> Result<Round, RefreshFailure> {
        let now = self.core.now();
        let reason = match grant.refresh_expires_at {
            Some(expiry) if expiry <= now => ReauthReason::ExpiredIdle,
            // The provider does not say so, but it is known to end tokens of this age.
            _ if self.profile_of(&grant).is_outlived(grant.given_at(), grant.updated_at, now) => {
                ReauthReason::ExpiredIdle
            }
            // The last answer never came: a provider that rotates had the new token in it.
            _ if self.holds.is_outcome_unknown(grant.id) => ReauthReason::RotationLost,
            _ => ReauthReason::Revoked,
        };
        let id = grant.id;
        let dead = grant.refused(reason, now);
        let event = Event {
            detail: Some(reason.to_string()),
            ..event(EventKind::GrantReauthRequired, &dead)
        };
        match self.core.store.replace_grant(dead, Some(event)).await {
            Ok(()) => {
                // Not before it is written: who comes back must find out the same reason.
                self.holds.release(id);
                Ok(Round::Over(Err(RefreshFailure::Dead(reason))))
            }
            Err(StoreError::Conflict) => Ok(Round::RowMoved),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn event(kind: EventKind, grant: &Grant) -> Event {
    Event { user: Some(grant.user), grant: Some(grant.id), ..Event::new(kind, grant.updated_at) }
}
