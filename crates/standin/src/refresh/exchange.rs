//! What a flight is made of: whether a token need be asked for, whether it may be, and what an answer is believed.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::classify::Fate;
use super::guard::Guards;
use super::holds::Holds;
use super::journal::Journal;
use super::narrow::NarrowTokens;
use super::{FreshToken, Need, RefreshFailure, Target, later};
use crate::core::Core;
use crate::id::GrantId;
use crate::provider::{Grace, Provider, ProviderProfile, TokenResponse, is_about_somebody_else};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::{StoreError, Timeline};
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, LASTING_TOKEN_LIFE, ReauthReason, VaultError};

/// How long a lease is nobody's at most where its provider wants to be left alone: whoever has an answer to bring waits for
/// it, too.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// Once it is so old, no journal brings an answer any more.
const JOURNALS_KEEP: Duration = Duration::from_hours(24);
/// What was given at one moment is written within this, and no access token is asked for again so soon.
const AT_ONCE: Duration = Duration::from_mins(1);
/// How long after a backup was put back many refusals are nobody's fault: until those jobs, too, have asked that run once a
/// week.
const AFTERMATH: Duration = Duration::from_hours(7 * 24);

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
    /// given twice is leased also where it need not be. It costs a statement for each refresh and a wait after a failover.
    pub(super) fn may_rotate(&self, grant: &Grant) -> bool {
        let has_rotated = grant.generation > 1;
        has_rotated || self.profile_of(grant).rotates.is_possible()
    }

    /// Whether a refresh token that came after the one in the row may have gone with the server that had it, or is not in
    /// the backup that was put back, and the one in the row have died of it.
    pub(super) async fn behind(&self, grant: &Grant) -> Result<Option<Behind>, StoreError> {
        let profile = self.profile_of(grant);
        if !may_replace(profile, grant) || profile.keeps_replaced_tokens() {
            return Ok(None);
        }
        let timeline = self.core.store.timeline().await?;
        Ok(timeline.and_then(|timeline| Behind::of(grant, &timeline, self.core.now())))
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

    /// What an unanswered question has brought is found out with the old refresh token, and in good time before its grace
    /// is over.
    pub(super) fn longest_rest(&self, grant: Option<&Grant>) -> Duration {
        match grant.map(|grant| self.profile_of(grant).grace) {
            Some(Grace::For(grace)) => LONGEST_REST.min(grace / 4),
            _ => LONGEST_REST,
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

/// Whether the provider may have replaced this refresh token since. One that is documented not to, and has not done so when it
/// was asked last, has shown nothing else: what began the generation was a new consent.
fn may_replace(profile: &ProviderProfile, grant: &Grant) -> bool {
    let was_written_with_it = grant.updated_at <= grant.given_at().after(AT_ONCE);
    profile.rotates.is_possible() || grant.generation > 1 && was_written_with_it
}

/// What is known of a refresh token that may not be the newest of its grant.
pub(super) struct Behind {
    /// Whether many are: then their refusals say nothing about the provider.
    pub(super) is_one_of_many: bool,
}

impl Behind {
    fn of(grant: &Grant, timeline: &Timeline, now: Timestamp) -> Option<Self> {
        let since = timeline.since?;
        // A journal may have brought one since, and not the newest.
        let was_brought = grant.generation > 1
            && grant.given_at() < since
            && grant.updated_at < since.after(JOURNALS_KEEP);
        // A failover loses what was given within seconds, and that is few; a backup, all that was given since it was made.
        let is_one_of_many =
            timeline.restored_at.is_some_and(|restored_at| now < restored_at.after(AFTERMATH));
        (grant.updated_at < since || was_brought).then_some(Self { is_one_of_many })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::samples;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000).after(Duration::from_secs(hours * 3_600))
    }

    /// Given when it was made, and written at `hours`.
    fn grant(generation: u64, hours: u64) -> Grant {
        let mut grant = samples::grant(1);
        (grant.generation, grant.created_at, grant.updated_at) = (generation, at(0), at(hours));
        grant.tokens.trace = None;
        grant
    }

    fn behind(grant: &Grant, restored_at: Option<Timestamp>, now: Timestamp) -> Option<bool> {
        let timeline = Timeline { name: "7".to_owned(), since: Some(at(100)), restored_at };
        Behind::of(grant, &timeline, now).map(|behind| behind.is_one_of_many)
    }

    #[test]
    fn whoever_was_written_before_the_server_is_behind_and_a_restore_makes_them_many_for_a_week() {
        let restored_at = Some(at(100));
        assert_eq!(behind(&grant(1, 99), None, at(101)), Some(false));
        assert_eq!(behind(&grant(1, 99), restored_at, at(101)), Some(true));
        assert_eq!(behind(&grant(1, 99), restored_at, at(100).after(AFTERMATH)), Some(false));
        assert_eq!(behind(&grant(1, 100), restored_at, at(101)), None);
    }

    #[test]
    fn a_provider_that_is_documented_to_replace_nothing_has_shown_it_at_its_last_answer() {
        let given = |generation, written_at| {
            let mut grant = grant(generation, 0);
            grant.updated_at = at(0).after(written_at);
            grant
        };
        let google = |grant| may_replace(&ProviderProfile::GOOGLE, &grant);
        assert!(google(given(2, AT_ONCE)), "it was replaced, or given anew");
        assert!(!google(given(2, HOUR)), "the one from before went on");
        assert!(!google(given(1, AT_ONCE)));
        assert!(may_replace(&ProviderProfile::UNKNOWN, &given(1, HOUR)));
    }

    #[test]
    fn what_a_journal_may_have_brought_since_is_behind_and_what_was_written_later_is_not() {
        let brought_at = |hours| behind(&grant(2, hours), None, at(1_000));
        assert!(brought_at(100).is_some() && brought_at(123).is_some());
        assert_eq!(brought_at(124), None);
        assert_eq!(JOURNALS_KEEP, HOUR * 24);
    }
}
