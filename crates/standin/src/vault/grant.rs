//! A grant: what a user gave us at one provider, and the states it goes through.
//!
//! ```text
//!                     ┌──refresh─┐
//!                     ▼          │
//!   authorize ─▶ Active ─refuse▶ Suspect ─refuse, often enough▶ Reauth ─authorize▶ Active
//!                  │                │                              │
//!                  └─────revoke─────┴──────────────────────────────┴──▶ Revoked ─authorize▶ Active
//! ```
//!
//! The row is the only truth. Every change takes the grant as it was read and gives the one to write;
//! the store writes it only if `version` is still what was read. Errors of ours or of the provider
//! (`invalid_client`, 429, 5xx) are no transitions: they never change a grant.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SealedTokens;
use crate::id::{GrantId, UserId};
use crate::provider::Scopes;
use crate::time::Timestamp;
use crate::verify::Identity;

/// What is said of the life of an access token that does not end by itself, to whoever gets it: they come again then,
/// and a grant that was taken back meanwhile is found out. Longer than any `min_ttl`.
pub const LASTING_TOKEN_LIFE: Duration = Duration::from_hours(1);

/// How long after a refusal the provider is asked again, after the first, the second and so on.
const ASK_AGAIN: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

/// Up to a fifth more or less, so that grants which were refused together are not asked about together. By the random
/// end of the id: whoever computes it gets the same.
fn spread(wait: Duration, grant: &GrantId, turn: u32) -> Duration {
    let [.., random] = *grant.as_bytes();
    let turned = u32::from(random.wrapping_add(turn.to_le_bytes()[0].wrapping_mul(97)));
    wait * 4 / 5 + wait * 2 / 5 * turned / 255
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Tokens can be had.
    Active,
    /// The provider refuses the refresh token, which some providers do and take back. It is asked a few times more,
    /// by itself; until then there is the access token of before, as long as it lives.
    Suspect,
    /// The provider goes on refusing the refresh token: only the user can mend it. No call is made until then.
    Reauth,
    /// Taken back, by the user or by us; the ciphertext is gone.
    Revoked,
}

impl GrantState {
    /// Every state, in the order of a grant's life.
    pub const ALL: [Self; 4] = [Self::Active, Self::Suspect, Self::Reauth, Self::Revoked];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspect => "suspect",
            Self::Reauth => "reauth",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a grant needs the user again (`reauth_required` in the answer to a job).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReauthReason {
    /// The refresh token went unused for longer than the provider keeps it, or its time was up.
    ExpiredIdle,
    /// The user, an administrator or we took it back.
    Revoked,
    /// A new refresh token was issued and never reached the vault.
    RotationLost,
    /// The provider no longer gives a scope that was granted.
    ScopeRemoved,
    /// There is no refresh token, or the provider gave no reason.
    Unknown,
}

impl ReauthReason {
    pub(crate) const ALL: [Self; 5] =
        [Self::ExpiredIdle, Self::Revoked, Self::RotationLost, Self::ScopeRemoved, Self::Unknown];
}

impl fmt::Display for ReauthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExpiredIdle => "expired_idle",
            Self::Revoked => "revoked",
            Self::RotationLost => "rotation_lost",
            Self::ScopeRemoved => "scope_removed",
            Self::Unknown => "unknown",
        })
    }
}

/// One row of the vault. The tokens are sealed: nothing here is secret without the key ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Stays the same through every new consent.
    pub id: GrantId,
    /// Whose it is.
    pub user: UserId,
    /// Who gave it, as the provider knows them.
    pub identity: Identity,
    /// Our registration at the provider that the tokens belong to (`client_id`).
    pub provider_client: String,
    /// Where the refresh token may be sent, pinned when it was given (requirement RF-15).
    pub token_endpoint: String,
    /// What was really granted, which need not be what was asked.
    pub scopes: Scopes,
    /// What was ever asked for: what is here and not in `scopes`, the user kept back.
    pub requested: Scopes,
    /// Where it stands.
    pub state: GrantState,
    /// Why, when it is [`GrantState::Suspect`] or [`GrantState::Reauth`].
    pub reason: Option<ReauthReason>,
    /// How often in a row the provider has refused it.
    pub refusals: u32,
    /// When it is refreshed even if nobody asks: while it is suspect, and before its provider forgets an idle one.
    pub due_at: Option<Timestamp>,
    /// Counts writes of the row; the compare-and-swap of every update.
    pub version: u64,
    /// Counts refresh tokens; bound into the seal, so that an old ciphertext cannot be put back.
    pub generation: u64,
    /// The tokens.
    pub tokens: SealedTokens,
    /// When the newest access token dies.
    pub access_expires_at: Timestamp,
    /// When the refresh token dies, where the provider says so.
    pub refresh_expires_at: Option<Timestamp>,
    /// When it was first given.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

impl Grant {
    /// Whether a job can act while the user is away.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        let can_act = self.tokens.refresh.is_some() || self.is_lasting();
        self.state == GrantState::Active && can_act
    }

    /// Whether nothing says that it is over: its access token may be handed out.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.state, GrantState::Active | GrantState::Suspect)
    }

    /// Whether the provider may be asked for a new token.
    #[must_use]
    pub fn may_be_asked(&self, now: Timestamp) -> bool {
        match self.state {
            GrantState::Active => true,
            GrantState::Suspect => self.due_at.is_none_or(|due| due <= now),
            GrantState::Reauth | GrantState::Revoked => false,
        }
    }

    /// Whether its access token does not end by itself: that is the offline access then, and there is nothing to
    /// refresh ([`LASTING_TOKEN_LIFE`]).
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.tokens.access.is_some() && self.access_expires_at == Timestamp::NEVER
    }

    /// Which of a user's grants at one provider is meant where none is named: the least. One that died keeps its
    /// place, so that a job is told to ask its user and is not given another account's token; one that was
    /// taken back gives it up.
    #[must_use]
    pub fn precedence(&self) -> (bool, Timestamp, GrantId) {
        (self.state == GrantState::Revoked, self.created_at, self.id)
    }

    /// What was asked for and not given.
    #[must_use]
    pub fn missing_scopes(&self) -> Scopes {
        self.scopes.missing(&self.requested)
    }

    /// The provider refused the refresh token, for good. What is sealed stays, for the record and for a spare.
    #[must_use]
    pub fn refused(self, reason: ReauthReason, now: Timestamp) -> Self {
        Self {
            state: GrantState::Reauth,
            reason: Some(reason),
            version: self.version + 1,
            refusals: self.refusals.saturating_add(1),
            due_at: None,
            updated_at: now,
            ..self
        }
    }

    /// The provider refused the refresh token, and may mean it or not: suspect, until it has been asked again for the
    /// last time, and refused then.
    #[must_use]
    pub fn doubted(self, reason: ReauthReason, now: Timestamp) -> Self {
        let asked_again = usize::try_from(self.refusals).unwrap_or(usize::MAX);
        let Some(wait) = ASK_AGAIN.get(asked_again) else { return self.refused(reason, now) };
        let due_at = Some(now.after(spread(*wait, &self.id, self.refusals)));
        Self { state: GrantState::Suspect, due_at, ..self.refused(reason, now) }
    }

    /// When the tokens in it were given: the refresh token, or, where there is none, the access token.
    #[must_use]
    pub fn given_at(&self) -> Timestamp {
        match (self.tokens.trace, &self.tokens.refresh) {
            (Some(trace), _) => trace.given_at,
            // Sealed before traces were kept.
            (None, Some(_)) => self.created_at,
            (None, None) => self.updated_at,
        }
    }

    /// The provider says that it has revoked the tokens: they go, and only the user can mend it. What they
    /// opened is known still, so that it can be asked for again.
    #[must_use]
    pub fn withdrawn(self, now: Timestamp) -> Self {
        let scopes = self.scopes.clone();
        let (state, reason) = (GrantState::Reauth, Some(ReauthReason::Revoked));
        Self { scopes, state, reason, ..self.revoked(now) }
    }

    /// Taken back: the ciphertext goes, the row stays so that a new consent finds the same grant.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self {
            state: GrantState::Revoked,
            reason: None,
            refusals: 0,
            due_at: None,
            version: self.version + 1,
            generation: self.generation + 1,
            tokens: SealedTokens::default(),
            scopes: Scopes::default(),
            access_expires_at: Timestamp::default(),
            refresh_expires_at: None,
            updated_at: now,
            ..self
        }
    }
}
