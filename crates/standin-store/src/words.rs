//! What both databases write in the same way: words for values, the bytes of ids, keys counted together.
//!
//! ```text
//! GrantState::Active ── word() ─▶ 'active' ── of_word() ─▶ GrantState::Active
//! ```
//!
//! A word is in files and dumps for ever. Each table here is one list, so that a value which can be written can be
//! read.

use standin::id::{AttemptId, ClientId, GrantId, NodeId, RefreshId, SessionId, UserId};
use standin::store::{DataKeyUse, EventKind, ReceiptKind, SpentKind};
use standin::vault::{GrantState, ReauthReason, ScopeSource};

/// A value that is written as a word.
pub(crate) trait Word: Copy + 'static {
    /// Its word.
    fn word(self) -> &'static str;
    /// The one that is written so.
    fn of_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($type:ident { $($value:ident => $word:literal,)+ })+) => {$(
        impl Word for $type {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    )+};
}

words! {
    EventKind {
        ClientAdded => "client_added",
        ClientRevoked => "client_revoked",
        GrantAuthorized => "grant_authorized",
        GrantDamaged => "grant_damaged",
        GrantReauthRequired => "grant_reauth_required",
        GrantRecovered => "grant_recovered",
        GrantRevoked => "grant_revoked",
        GrantSuspected => "grant_suspected",
        IdentityLinked => "identity_linked",
        IdentityUnlinked => "identity_unlinked",
        KeysChanged => "keys_changed",
        ProviderAlarm => "provider_alarm",
        ProviderSignal => "provider_signal",
        RefreshFailed => "refresh_failed",
        RevocationConfirmed => "revocation_confirmed",
        ScopesNarrowed => "scopes_narrowed",
        ScopesRemoved => "scopes_removed",
        SessionEnded => "session_ended",
        SignInFailed => "sign_in_failed",
        SignedIn => "signed_in",
        SignedOut => "signed_out",
        StreamRegistered => "stream_registered",
        TenantShredded => "tenant_shredded",
        TokenRefreshed => "token_refreshed",
        TokenVended => "token_vended",
        UserDeleted => "user_deleted",
        VendRefused => "vend_refused",
    }
    ReauthReason {
        ExpiredIdle => "expired_idle",
        Revoked => "revoked",
        RotationLost => "rotation_lost",
        ScopeRemoved => "scope_removed",
        Unknown => "unknown",
    }
    ScopeSource {
        Consent => "consent",
        Earlier => "earlier",
        Incremental => "incremental",
        Refresh => "refresh",
        Revocation => "revocation",
        SignIn => "sign_in",
    }
    SpentKind {
        Credential => "credential",
        LogoutToken => "logout_token",
        SecurityEvent => "security_event",
    }
}

/// A suspect grant is written as an active one, and the count of its refusals tells them apart: an older release, which
/// does not know the word, goes on with it as with any other.
impl Word for GrantState {
    fn word(self) -> &'static str {
        match self {
            Self::Active | Self::Suspect => "active",
            Self::Reauth => "reauth",
            Self::Revoked => "revoked",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let written = [Self::Active, Self::Reauth, Self::Revoked];
        written.into_iter().find(|state| state.word() == word)
    }
}

/// The other half of how a suspect grant is written.
pub(crate) const fn state_of(word: GrantState, refusals: u32) -> GrantState {
    match (word, refusals) {
        (GrantState::Active, 1..) => GrantState::Suspect,
        (state, _) => state,
    }
}

impl Word for ReceiptKind {
    fn word(self) -> &'static str {
        Self::word(self)
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The 16 bytes of an id.
pub(crate) trait Id: Sized + ToString {
    /// Any 16 bytes are one.
    fn of(bytes: [u8; 16]) -> Self;
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Id for $id {
            fn of(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
        }
    )+};
}
ids!(AttemptId, ClientId, GrantId, NodeId, RefreshId, SessionId, UserId);

/// What is in no format of ours has many headers and one line.
pub(crate) fn by_key(counts: Vec<DataKeyUse>) -> Vec<DataKeyUse> {
    let (foreign, mut ours): (Vec<_>, Vec<_>) =
        counts.into_iter().partition(|count| count.key.is_none());
    let sum = |total: DataKeyUse, count: DataKeyUse| DataKeyUse {
        key: None,
        grants: total.grants + count.grants,
        revocations: total.revocations + count.revocations,
    };
    if let Some(foreign) = foreign.into_iter().reduce(sum) {
        ours.insert(0, foreign);
    }
    ours
}
