//! The rows that a store keeps, and what goes in and comes out of its transactions.

use serde::{Deserialize, Serialize};

use super::{ReceiptRow, Result, StoreError};
use crate::id::{AttemptId, ClientId, GrantId, SessionId, UserId};
use crate::time::Timestamp;
use crate::vault::{Grant, ScopeRecord, SealedTokens};
use crate::vend::Policy;
use crate::verify::{Identity, IdentityHash, LeftOut, Profile, ProviderId, ProviderSession};

/// An attempt that has come back from the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// Which provider it was for.
    pub provider: ProviderId,
    /// When it may be forgotten: not before its cookie is worthless.
    pub expires_at: Timestamp,
}

/// How an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It is being worked on, or has not come back.
    Pending,
    /// The user is signed in.
    Done,
    /// It failed, for this reason.
    Failed {
        /// The stable code of the problem.
        code: String,
    },
}

/// What kind of token is good for one use. A token of one kind spends none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpentKind {
    /// The ID token of a provider's sign-in button (requirement ID-20).
    Credential,
    /// An OpenID Connect logout token.
    LogoutToken,
    /// A security event token.
    SecurityEvent,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What the provider said last.
    pub profile: Profile,
    /// When they first signed in.
    pub created_at: Timestamp,
}

/// An account of a user at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// How the provider knows them.
    pub identity: Identity,
    /// The address that the provider said last: by it people tell two accounts apart. Nothing is decided by it.
    pub email: Option<String>,
}

/// SHA-256 of a session cookie's value: the key of its row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

impl std::fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionHash(…)")
    }
}

/// A session before its user is known to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The key of the row.
    pub hash: SessionHash,
    /// Its public id.
    pub id: SessionId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends, however busy it is.
    pub expires_at: Timestamp,
    /// The provider's session that it came from, where the provider names it.
    pub provider_session: Option<ProviderSession>,
    /// The identity that signed in: without it, its sessions end.
    pub opened_by: IdentityHash,
    /// What the browser is called where its user sees it, such as `Firefox on Windows`.
    pub device: Option<String>,
}

/// A browser's sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The key of the row.
    pub hash: SessionHash,
    /// Its public id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends, however busy it is.
    pub expires_at: Timestamp,
    /// When it was last used, give or take the granularity of touching.
    pub last_seen_at: Timestamp,
    /// The identity that signed in. Sessions from before this was kept have none.
    pub opened_by: Option<IdentityHash>,
    /// What the browser is called where its user sees it.
    pub device: Option<String>,
}

/// A session with all that `GET /auth/session` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: SessionRow,
    /// Its user.
    pub user: User,
    /// How providers know them.
    pub accounts: Vec<Account>,
    /// What they gave us.
    pub grants: Vec<Grant>,
}

/// Whom a sign-in may be of, as the transaction finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// Whoever it is.
    Anybody,
    /// The first user, or whoever becomes that now.
    FirstUser,
    /// Somebody who is a user already.
    Known,
}

/// All that a finished sign-in writes, in one transaction.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The attempt to mark as done.
    pub attempt: AttemptId,
    /// Who signed in.
    pub identity: Identity,
    /// What the provider said about them.
    pub profile: Profile,
    /// What it could not be asked for: of this, what is stored stays.
    pub untold: LeftOut,
    /// Whom it may be of.
    pub admits: Admits,
    /// Their id, if they are new. A grant carries the same id then.
    pub new_user: UserId,
    /// Whether nobody but `new_user` may have the identity, and they are known: who is signed in already adds
    /// to what they have, and nobody is made or changed by that.
    pub is_bound: bool,
    /// The grant to write, if they gave one; see [`super::Users::complete_sign_in`] for how `version` decides.
    pub grant: Option<Grant>,
    /// The records of the grant's scopes that have changed.
    pub scopes: Vec<ScopeRecord>,
    /// The session to open, unless one goes on.
    pub session: Option<NewSession>,
    /// The session that this browser had before, to be ended (requirement CB-13).
    pub replaces: Option<SessionHash>,
    /// When.
    pub at: Timestamp,
    /// The event to append, for the user that was found or made.
    pub event: EventKind,
    /// Whether they gave access with it that they had not given, or had taken back: an event of its own.
    pub authorizes: bool,
    /// The receipt to keep.
    pub receipt: Option<ReceiptRow>,
}

impl SignIn {
    /// The events to append, once it is known whose they are.
    #[must_use]
    pub fn events_of(&self, user: UserId) -> Vec<Event> {
        let authorized = EventKind::GrantAuthorized;
        let gave = (self.authorizes && self.event != authorized).then_some(authorized);
        let event = |kind| Event {
            user: Some(user),
            grant: self.grant.as_ref().map(|grant| grant.id),
            attempt: Some(self.attempt),
            ..Event::new(kind, self.at)
        };
        [Some(self.event), gave].into_iter().flatten().map(event).collect()
    }

    /// The grant to write, once it is known whose it is.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was sealed for somebody else.
    pub fn grant_of(&self, user: UserId) -> Result<Option<&Grant>> {
        let grant = self.grant.as_ref();
        if grant.is_some_and(|grant| grant.user != user) {
            return Err(StoreError::Conflict);
        }
        Ok(grant)
    }

    /// The receipt to keep, once it is known whose it is.
    #[must_use]
    pub fn receipt_of(&self, signed_in: SignedIn) -> Option<ReceiptRow> {
        let receipt = self.receipt.clone()?;
        let SignedIn { user, is_new } = signed_in;
        Some(ReceiptRow { user: Some(user), is_new_user: is_new, ..receipt })
    }
}

/// Whether an identity was taken from its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// It was, and its grant and its sessions with it.
    Done,
    /// It is the only one they have: without it nobody could sign in as them.
    Last,
    /// It is not theirs.
    Unknown,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who is signed in.
    pub user: UserId,
    /// Whether they were new.
    pub is_new: bool,
}

/// A job or service that may ask for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id.
    pub id: ClientId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of its key.
    pub key_sha256: [u8; 32],
    /// What it may ask for.
    pub policy: Policy,
    /// When it was added.
    pub created_at: Timestamp,
}

impl ClientRow {
    /// The event of its being added.
    #[must_use]
    pub fn event_added(&self) -> Event {
        let detail = Some(self.name.clone());
        Event { detail, ..Self::event(EventKind::ClientAdded, self.id, self.created_at) }
    }

    /// The event of a client's being revoked.
    #[must_use]
    pub fn event_revoked(id: ClientId, at: Timestamp) -> Event {
        Self::event(EventKind::ClientRevoked, id, at)
    }

    fn event(kind: EventKind, id: ClientId, at: Timestamp) -> Event {
        Event { client: Some(id), ..Event::new(kind, at) }
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An operator added a client; the detail is its name.
    ClientAdded,
    /// An operator made a client's key worthless.
    ClientRevoked,
    /// A user gave (more) access.
    GrantAuthorized,
    /// What stands in a grant's row is not what was written there: it does not open, or makes no sense. Told once
    /// by each process; the detail is the code that callers get.
    GrantDamaged,
    /// The provider no longer honours a grant: its user must give it again. The detail says why.
    GrantReauthRequired,
    /// The provider honours a suspect grant after all.
    GrantRecovered,
    /// A grant was taken back.
    GrantRevoked,
    /// The provider has refused a grant for the first time. It is asked again, for a day and some hours.
    GrantSuspected,
    /// A user added an identity to those they can sign in with.
    IdentityLinked,
    /// A user took one away; the detail names the provider.
    IdentityUnlinked,
    /// An operator added, activated, used, retired or removed a key of the vault; the detail says which and what.
    KeysChanged,
    /// Something is wrong between us and a provider, for every grant of a client alike; the detail names the provider
    /// and what it is: `registration_refused`, or `mass_invalid_grant`, when so many grants were refused at once that
    /// none was given up.
    ProviderAlarm,
    /// A provider told us something about a user, a session or a token of ours.
    ProviderSignal,
    /// No new token could be had where one was needed, for a reason that passes; the detail is its code. `count` times
    /// since the last such event.
    RefreshFailed,
    /// The provider answered that it revoked a token.
    RevocationConfirmed,
    /// A refresh brought less than the user gave; the detail names what is missing. It still counts as given.
    ScopesNarrowed,
    /// The next refresh did not bring it, either: it is gone. The detail names it.
    ScopesRemoved,
    /// A user ended one of their sessions from the list of them.
    SessionEnded,
    /// An attempt failed or was refused.
    SignInFailed,
    /// A user signed in.
    SignedIn,
    /// A user signed out.
    SignedOut,
    /// An operator told a provider where to send its security events; the detail names the provider.
    StreamRegistered,
    /// The keys of a tenant were destroyed, and what they had sealed was taken back; the detail names it.
    TenantShredded,
    /// A refresh token bought an access token.
    TokenRefreshed,
    /// A client was given an access token; `count` times since the last such event.
    TokenVended,
    /// A client asked and was refused.
    VendRefused,
    /// A user and everything of theirs was deleted.
    UserDeleted,
}

/// Something that happened. It names things and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// To whom.
    pub user: Option<UserId>,
    /// To which grant.
    pub grant: Option<GrantId>,
    /// By which client.
    pub client: Option<ClientId>,
    /// In which attempt.
    pub attempt: Option<AttemptId>,
    /// A stable code (the reason of a refusal), or what the caller gave as its purpose.
    pub detail: Option<String>,
    /// How many times, for events that are counted and not repeated.
    pub count: u32,
}

impl Event {
    /// An event about nobody in particular yet.
    #[must_use]
    pub const fn new(kind: EventKind, at: Timestamp) -> Self {
        Self {
            at,
            kind,
            user: None,
            grant: None,
            client: None,
            attempt: None,
            detail: None,
            count: 1,
        }
    }
}

/// An event with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Grows by at least one with each event.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// A data key, wrapped by a key-encryption key. Which of them seals is said by their times, so that making
/// another the active one is a write of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyRow {
    /// Named in the header of everything it seals; never given to another key.
    pub id: u32,
    /// Counts writes of the row; the compare-and-swap of every update.
    pub version: u64,
    /// Which key-encryption key wraps it.
    pub wrapped_by: String,
    /// The key, wrapped, in the form of that key-encryption key; nothing once it is removed.
    pub wrapped: Vec<u8>,
    /// What tells whether it was unwrapped to the right key. Keys from before this was kept have none.
    pub key_check: Option<[u8; 16]>,
    /// Whose tokens it seals; `None` for everybody's who has no tenant.
    pub tenant: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last made the active one: the latest of a tenant's is.
    pub activated_at: Option<Timestamp>,
    /// Since when nothing may be sealed with it.
    pub retired_at: Option<Timestamp>,
    /// When the key itself was destroyed. The row stays, so that its id stays taken.
    pub removed_at: Option<Timestamp>,
}

/// How many rows hold a value that a data key sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataKeyUse {
    /// The key that the values name; `None` for values in no format of ours.
    pub key: Option<u32>,
    /// Grants. One whose two tokens name two keys counts for both.
    pub grants: u64,
    /// Revocations that wait.
    pub revocations: u64,
}

/// The tokens of a grant, sealed again with another data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewrappedGrant {
    /// Which grant.
    pub id: GrantId,
    /// The version that was read.
    pub version: u64,
    /// The same tokens as they stood in it.
    pub tokens: SealedTokens,
}

/// A token to be revoked at its provider. The token is sealed as it was in the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRow {
    /// The grant as it was: what is needed to open the token and to know where to send it.
    pub grant: GrantId,
    /// With `grant`, the key of the row.
    pub queued_at: Timestamp,
    /// The provider.
    pub provider: ProviderId,
    /// The token, sealed for this queue.
    pub sealed_token: Vec<u8>,
    /// When to try next.
    pub retry_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}
