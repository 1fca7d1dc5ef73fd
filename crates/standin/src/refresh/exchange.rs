//! What a flight is made of: whether a token need be asked for, whether it may be, and what an answer is believed.

use std::sync::Arc;

use url::Url;

use super::classify::Fate;
use super::guard::Guards;
use super::holds::Holds;
use super::journal::Journal;
use super::narrow::NarrowTokens;
use super::{FreshToken, Need, RefreshFailure, Target, later};
use crate::core::Core;
use crate::id::GrantId;
use crate::provider::{Provider, ProviderProfile, TokenResponse, is_about_somebody_else};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, LASTING_TOKEN_LIFE, ReauthReason, VaultError};

/// Asks providers for the grants of a vault.
pub(super) struct Exchange {
    pub(super) core: Arc<Core>,
    pub(super) guards: Guards,
    pub(super) holds: Holds,
    pub(super) narrow: NarrowTokens,
    pub(super) journal: Arc<dyn Journal>,
}

impl Exchange {
    pub(super) fn new(core: Arc<Core>, journal: Arc<dyn Journal>) -> Self {
        let (guards, holds, narrow) = (Guards::default(), Holds::new(), NarrowTokens::new());
        Self { core, guards, holds, narrow, journal }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.core.now()
    }

    fn stored_token(&self, grant: &Grant, need: Need) -> Result<Option<FreshToken>, VaultError> {
        let now = self.core.now();
        if !grant.is_live() || grant.access_expires_at.remaining(now) <= need.min_ttl {
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

    /// Whether only one node may spend a refresh token of this grant at a time.
    pub(super) fn is_leased(&self, grant: &Grant) -> bool {
        self.may_rotate(grant) || self.profile_of(grant).max_access_tokens.is_some()
    }

    /// Whether the provider may replace its refresh token, or has done so before, whatever is known of it.
    ///
    /// A new consent begins a generation, too, and nothing in a grant tells that from a rotation: a grant that its user has
    /// given twice is leased also where it need not be. It costs a statement for each refresh, a wait after a failover, and
    /// `rotation_lost` for a reason where its user may have taken it back; never a token.
    pub(super) fn may_rotate(&self, grant: &Grant) -> bool {
        let has_rotated = grant.generation > 1;
        has_rotated || self.profile_of(grant).rotates.is_possible()
    }

    /// Whether a refresh token that came after the one in the row may have gone with the server that had it, or is not in
    /// the backup that was put back, and the one in the row have died of it: then a refusal is what was to be expected, and
    /// says nothing of other grants.
    pub(super) async fn may_be_behind(&self, grant: &Grant) -> Result<bool, StoreError> {
        if !self.may_rotate(grant) || self.profile_of(grant).keeps_replaced_tokens() {
            return Ok(false);
        }
        let timeline = self.core.store.timeline().await?;
        let since = timeline.and_then(|timeline| timeline.since).unwrap_or_default();
        // A journal may have brought one since, and not the newest.
        let was_brought = grant.generation > 1 && grant.given_at() < since;
        Ok(grant.updated_at < since || was_brought)
    }

    /// Whether the provider may be asked at all.
    pub(super) fn gate(&self, grant: &Grant) -> Result<Arc<Provider>, RefreshFailure> {
        match grant.state {
            GrantState::Revoked => return Err(RefreshFailure::Gone),
            _ if grant.may_be_asked(self.core.now()) => {}
            _ => return Err(RefreshFailure::Dead(reason_of(grant))),
        }
        if let Some(retry_after) = self.holds.remaining(grant.id, self.core.now()) {
            return Err(later(Some(retry_after)));
        }
        let provider = self.core.providers.get(&grant.identity.provider);
        // A refresh token works with the client that it was given to, and with no other.
        let provider = provider.ok_or(RefreshFailure::Gone)?.of_client(&grant.provider_client);
        Ok(Arc::clone(provider))
    }

    /// What is spent, and where: only at the endpoint that was pinned when it was given (requirement RF-15), and only
    /// while what comes for it can be sealed.
    pub(super) fn key_of(&self, grant: &Grant) -> Result<(Url, RefreshToken), RefreshFailure> {
        let endpoint = Url::parse(&grant.token_endpoint).map_err(|_| inconsistent(grant))?;
        let token = self.core.vault.open_refresh(grant)?;
        self.core.vault.require_sealing(grant)?;
        Ok((endpoint, token.ok_or(RefreshFailure::Dead(ReauthReason::Unknown))?))
    }

    /// A refresh that answers with another person's ID token is thrown away whole (requirement RF-11). Any
    /// other fault of the ID token is no reason to lose a refresh token that may have been rotated.
    ///
    /// Nobody is asked for keys: what the provider gave is written down nowhere yet, and the answer came from the pinned
    /// endpoint over TLS (OpenID Connect Core §3.1.3.7, step 6). Nothing is taken from this ID token.
    pub(super) fn refuse_another_person(
        &self,
        provider: &Provider,
        grant: &Grant,
        answer: &TokenResponse,
    ) -> Result<(), RefreshFailure> {
        let Some(id_token) = &answer.unverified_id_token else {
            return Ok(());
        };
        match provider.check_refreshed(&self.core, id_token, &grant.identity) {
            Ok(()) => Ok(()),
            Err(fault) if is_about_somebody_else(fault) => {
                tracing::error!(grant.id = %grant.id, "a refresh answered with another person's ID token");
                Err(RefreshFailure::Misbehaved)
            }
            Err(fault) => {
                tracing::warn!(grant.id = %grant.id, %fault, "the ID token of a refresh is ignored");
                Ok(())
            }
        }
    }

    pub(super) fn hold(&self, id: GrantId, fate: Fate) -> RefreshFailure {
        match fate {
            Fate::AddressRefused(refused) => RefreshFailure::AddressRefused(refused),
            Fate::ClientRefused => RefreshFailure::ClientRefused,
            // Not believed: so many at once cannot be dead.
            Fate::Dead => later(Some(self.holds.hold(id, None, self.core.now()))),
            Fate::Later { retry_after } => {
                later(Some(self.holds.hold(id, retry_after, self.core.now())))
            }
            Fate::Ambiguous { retry_after } => {
                later(Some(self.holds.hold_unknown(id, retry_after, self.core.now())))
            }
        }
    }
}

pub(super) fn fresh(grant: &Grant, access_token: AccessToken, now: Timestamp) -> FreshToken {
    let is_lasting = grant.is_lasting();
    FreshToken {
        access_token,
        issued_at: if is_lasting { now } else { grant.updated_at },
        expires_at: if is_lasting {
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
