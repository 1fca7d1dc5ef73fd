//! What a provider tells us behind the browser's back, checked and put in the terms of rows.

use crate::time::Timestamp;
use crate::vault::NamedToken;
use crate::verify::{Identity, ProviderId, ProviderSession};

use super::{Event, EventKind, SpentKind};
use crate::id::{GrantId, UserId};

/// One token with its news, for [`super::Signals::take_signal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What kind of token brought it.
    pub kind: SpentKind,
    /// SHA-256 of what makes the token this one and no other.
    pub sha256: [u8; 32],
    /// Until when a second delivery is recognised.
    pub remembered_until: Timestamp,
    /// What time it is now.
    pub at: Timestamp,
    /// What it tells.
    pub news: Vec<News>,
}

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// To whom, or to what.
    pub about: About,
    /// What has to be done.
    pub duties: Duties,
    /// A session that was opened, or a token that was given, at this time or later has nothing to do with it
    /// (requirement RI-6).
    pub before: Timestamp,
    /// For the record: a stable word, and what the provider was told to repeat.
    pub detail: String,
}

/// Whom or what the news is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A person, as the provider knows them.
    Identity(Identity),
    /// Nobody in particular.
    Nobody,
    /// A session at the provider, and whose it is if that is told. Sessions of that person of which it is
    /// not known what they came from are meant as well.
    Session {
        /// Which.
        session: ProviderSession,
        /// Whose.
        identity: Option<Identity>,
    },
    /// A refresh token.
    Token {
        /// Who gave it.
        provider: ProviderId,
        /// Which.
        token: NamedToken,
    },
}

/// What has to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// The user's sessions end, or the one that the news is about.
    pub end_sessions: bool,
    /// The grants lose their tokens: only the user can mend them.
    pub withdraw_grants: bool,
    /// Whether the account is disabled from now on, if that changes.
    pub suspended: Option<bool>,
}

impl Duties {
    /// For the record alone.
    pub const NONE: Self = Self { end_sessions: false, withdraw_grants: false, suspended: None };
}

impl News {
    /// The event to append, once it is known whose it is.
    #[must_use]
    pub fn event_of(&self, user: Option<UserId>, at: Timestamp) -> Event {
        let detail = Some(self.detail.clone());
        Event { user, detail, ..Event::new(EventKind::ProviderSignal, at) }
    }

    /// The event to append for a grant that lost its tokens.
    #[must_use]
    pub fn event_of_grant(user: UserId, grant: GrantId, at: Timestamp) -> Event {
        Event {
            user: Some(user),
            grant: Some(grant),
            detail: Some("revoked".to_owned()),
            ..Event::new(EventKind::GrantReauthRequired, at)
        }
    }
}
