//! Storage, as the stages of the pipeline need it: small traits, one implementation per database.
//!
//! A store keeps rows and nothing else. It never decides, never decrypts and never waits for the network;
//! each method is one transaction, durable when it returns. Two rules make every race safe:
//! a row is consumed by the statement that finds it, and a grant is written only over the version that was
//! read ([`StoreError::Conflict`] otherwise: read again and decide again).
//! A read sees everything that was written through the same store before it began; what another process wrote
//! it sees, too, but for sessions within a second. A value that a retired data key has sealed is not written ([`StoreError::Conflict`]:
//! load the keys again and seal again), so that a key which no row needs stays needed by none.
//! The laws in [`conformance`] say the rest, and every implementation is run against them.

mod census;
mod cluster;
mod failed_requests;
mod listed;
mod marks;
mod receipt;
mod record;
mod refresh;
mod signal;
mod unhurried;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
pub mod memory;

use async_trait::async_trait;

use crate::id::{AttemptId, ClientId, GrantId, SessionId, UserId};
use crate::time::Timestamp;
use crate::vault::{Grant, ScopeRecord};
use crate::verify::{Identity, ProviderId};

pub use census::{Census, Pool, Tally, Waiting};
pub use cluster::{
    Bulletin, Cluster, Epoch, LOOKBACK, NODE_IS_DEAD_AFTER, NOTES_ARE_KEPT, Note, Outdated,
    SubjectId, UnknownEpoch,
};
pub use failed_requests::{FailedInWindow, FailedRequests, Network};
pub use listed::{Damaged, Listed, Page, whole};
pub use marks::{Mark, Marks, Place, Watch};
pub use receipt::{ReceiptFilter, ReceiptKind, ReceiptRow};
pub use record::{
    Account, Admits, AttemptOutcome, AttemptRow, ClientRow, DataKeyRow, DataKeyUse, Event,
    EventKind, NewSession, RevocationRow, RewrappedGrant, SessionHash, SessionRow, SessionView,
    SignIn, SignedIn, SpentKind, StoredEvent, Unlinked, User,
};

pub use refresh::{
    Claimed, Committed, HOLD_OFF_MARGIN, LeaseEnd, RefreshClaim, RefreshCommit, Refreshes, Timeline,
};
pub use signal::{About, Duties, News, Signal};
pub use unhurried::unhurried;

/// Why the store did not do it. In every case but [`StoreError::Unknown`] nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first: read again and decide again.
    #[error("the row changed since it was read")]
    Conflict,
    /// A row says something impossible; it needs an operator's eyes, and nobody else's token.
    #[error("{table}.{column} of row {row} is inconsistent")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, for the operator.
        row: String,
    },
    /// The sign-in admits nobody like this person ([`Admits`]).
    #[error("nobody new is admitted")]
    NotAdmitted,
    /// The database cannot be used now: locked, full, read-only, gone. The text is for the log.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// It may have been done or not, all of it or nothing: the database was lost while it was being committed.
    /// Read again and decide again; do not repeat it unread. The text is for the log.
    #[error("it is not known whether the database has kept a change: {0}")]
    Unknown(String),
}

/// What every method gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Attempts that have come back. One that has not is only a sealed cookie: starting costs no row.
#[async_trait]
pub trait Attempts {
    /// Marks the attempt as used. `false` if it had been used before: exactly one caller ever gets `true`.
    async fn consume_attempt(&self, attempt: AttemptRow) -> Result<bool>;
    /// Writes how a consumed attempt ended.
    async fn finish_attempt(&self, id: AttemptId, outcome: AttemptOutcome) -> Result<()>;
    /// How the attempt ended; `None` if it has not come back.
    async fn attempt_outcome(&self, id: AttemptId) -> Result<Option<AttemptOutcome>>;
}

/// Signed tokens that are good for one use, remembered until they are good for none.
#[async_trait]
pub trait Spent {
    /// Marks a token as used, by the SHA-256 of what makes it this one and no other. `false` if that had
    /// been done before: exactly one caller ever gets `true`. It is remembered until `until`, which must not
    /// be before the token itself is worthless; spending it again does not change that.
    async fn spend(&self, kind: SpentKind, sha256: &[u8; 32], until: Timestamp) -> Result<bool>;
}

/// People, and how providers know them.
#[async_trait]
pub trait Users: Sync {
    /// One transaction: finds or makes the user of `sign_in.identity`, updates the profile, puts the grant
    /// over the version that was read, and the records of its scopes with it, opens the session, ends the
    /// one it replaces, finishes the attempt and appends the event.
    ///
    /// A new identity gets `sign_in.new_user`, who is made unless they are known: a known user gets one
    /// more identity. A grant whose `version` is 1 is an insert, and conflicts with any grant of the same
    /// identity; any other replaces `version - 1`, and conflicts if that is not what is stored. One whose user is
    /// not the user that was found or made conflicts, too: it was sealed for somebody else, and would never open. A
    /// sign-in without a grant leaves every grant alone. The event names that user, the grant and the attempt. The
    /// receipt is kept as [`Receipts::put_receipt`] does, with that user and whether they are new.
    ///
    /// One that is bound conflicts unless `new_user` is known and the identity is theirs or nobody's, and it
    /// leaves their profile as it is.
    /// [`StoreError::NotAdmitted`] if `sign_in.admits` leaves this person out. Whoever is made while there is
    /// nobody else is the first user from then on, whatever the sign-in admits; of two at once, one is.
    async fn complete_sign_in(&self, sign_in: SignIn) -> Result<SignedIn>;
    /// By id.
    async fn user(&self, id: UserId) -> Result<Option<User>>;
    /// Who was made while there was nobody else, until they are deleted.
    async fn first_user(&self) -> Result<Option<UserId>>;
    /// By the provider's name for them, whatever issuer that provider has in the row. `None` also when
    /// issuers disagree about whose name it is: a guess would give one user's tokens to another's job.
    async fn user_by_subject(&self, provider: &ProviderId, subject: &str)
    -> Result<Option<UserId>>;
    /// Whose identity it is.
    async fn user_of_identity(&self, identity: &Identity) -> Result<Option<UserId>>;
    /// Those with an account whose address is this one, upper and lower case of ASCII letters alike, oldest
    /// first. An address proves nothing and may be several people's.
    async fn users_by_email(&self, email: &str, limit: usize) -> Result<Vec<User>>;
    /// Everybody, oldest first, after `after`.
    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>>;
    /// The accounts of one user, in the order of provider, subject and issuer.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Account>>;
    /// The identities of one user, in that order.
    async fn identities_of(&self, user: UserId) -> Result<Vec<Identity>> {
        let accounts = self.accounts_of(user).await?.into_iter();
        Ok(accounts.map(|account| account.identity).collect())
    }
    /// One transaction: takes the identity from its user, with its grant and the sessions that it opened, and
    /// appends the event; unless it is the last they have.
    ///
    /// [`StoreError::Conflict`] if its grant has not been taken back: that comes first, so that no token is
    /// forgotten which its provider still honours.
    async fn unlink_identity(
        &self,
        user: UserId,
        identity: &Identity,
        event: Event,
    ) -> Result<Unlinked>;
    /// The user, and everything that hangs on them: identities, grants, sessions, receipts. `false` if unknown.
    async fn delete_user(&self, id: UserId) -> Result<bool>;
}

/// What users gave us.
#[async_trait]
pub trait Grants {
    /// By id.
    async fn grant(&self, id: GrantId) -> Result<Option<Grant>>;
    /// The grant of one identity.
    async fn grant_of_identity(&self, identity: &Identity) -> Result<Option<Grant>>;
    /// The user's grant at a provider. Of several, one that has not been taken back, and of those the one
    /// that was first given ([`Grant::precedence`]): linking one more account, or refreshing it, moves no
    /// job to it.
    async fn grant_at(&self, user: UserId, provider: &ProviderId) -> Result<Option<Grant>>;
    /// All grants of a user.
    async fn grants_of(&self, user: UserId) -> Result<Vec<Grant>>;
    /// Every grant, oldest first, after `after`; and what is wrong with those whose rows cannot be read.
    async fn list_grants(
        &self,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<Listed<Grant, GrantId>>>;
    /// The same for whoever needs all of them.
    async fn grants(&self, after: Option<GrantId>, limit: usize) -> Result<Vec<Grant>> {
        whole(self.list_grants(after, limit).await?)
    }
    /// Writes the grant over `grant.version - 1`, appending `event` in the same transaction. Whose grant it
    /// is, who gave it and when it was first given never change; another user or identity is a conflict.
    async fn replace_grant(&self, grant: Grant, event: Option<Event>) -> Result<()>;
    /// As [`Grants::replace_grant`], and in the same transaction writes these records of the grant's scopes,
    /// each over the one of the same scope, and appends these events.
    async fn change_scopes(
        &self,
        grant: Grant,
        scopes: Vec<ScopeRecord>,
        events: Vec<Event>,
    ) -> Result<()>;
    /// The ledger of a grant's scopes, in their order; empty if there is no such grant. Read after the
    /// grant, it fits what is written over that version of it, or that write conflicts.
    async fn scope_ledger(&self, grant: GrantId) -> Result<Vec<ScopeRecord>>;
    /// A token to be revoked at the provider, now or later. [`StoreError::Conflict`] if its key is taken.
    async fn queue_revocation(&self, revocation: RevocationRow) -> Result<()>;
    /// Revocations whose time has come, first whose time came first.
    async fn due_revocations(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationRow>>;
    /// The provider has confirmed it (or never will).
    async fn finish_revocation(&self, grant: GrantId, queued_at: Timestamp) -> Result<()>;
    /// Somebody is about to try it, and somebody else may at `retry_at`: one more attempt. `false`, and nothing is done, if
    /// it is gone, or has been tried since it was read with so many `attempts`.
    async fn postpone_revocation(
        &self,
        grant: GrantId,
        queued_at: Timestamp,
        attempts: u32,
        retry_at: Timestamp,
    ) -> Result<bool>;
}

/// Browsers that have signed in.
#[async_trait]
pub trait Sessions {
    /// By the hash of the cookie.
    async fn session(&self, hash: &SessionHash) -> Result<Option<SessionRow>>;
    /// The session with its user, identities and grants, in one read: what `GET /auth/session` shows.
    async fn session_view(&self, hash: &SessionHash) -> Result<Option<SessionView>>;
    /// Notes that the session was used.
    async fn touch_session(&self, hash: &SessionHash, at: Timestamp) -> Result<()>;
    /// Ends one. `false` if there was none.
    async fn end_session(&self, hash: &SessionHash) -> Result<bool>;
    /// Ends one of a user's sessions by its public id. `false` if it is not theirs.
    async fn end_session_by_id(&self, user: UserId, id: SessionId) -> Result<bool>;
    /// Ends all of a user's. How many there were.
    async fn end_sessions_of(&self, user: UserId) -> Result<usize>;
    /// All of a user's, newest first.
    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>>;
}

/// What providers tell us about people, sessions and tokens of ours.
#[async_trait]
pub trait Signals {
    /// One transaction: remembers the token, does what each of its news asks, and appends an event for each.
    /// `false`, with nothing done, if the token has been taken before.
    ///
    /// News about somebody or something unknown asks for nothing but its event. A standing is written only
    /// over older news of it; a grant that was given, or a session that was opened, too late to be meant is
    /// left alone.
    async fn take_signal(&self, signal: Signal) -> Result<bool>;
    /// Whether the provider has disabled the account. An unknown one is not disabled.
    async fn is_suspended(&self, identity: &Identity) -> Result<bool>;
}

/// Jobs and services that may ask for tokens.
#[async_trait]
pub trait Clients {
    /// A new one. [`StoreError::Conflict`] if its id or its key is taken.
    ///
    /// One transaction: the row, and the event of its being added.
    async fn add_client(&self, client: ClientRow) -> Result<()>;
    /// By the SHA-256 of its key. A revoked client is not found.
    async fn client_by_key(&self, key_sha256: &[u8; 32]) -> Result<Option<ClientRow>>;
    /// All that are not revoked, oldest first.
    async fn clients(&self) -> Result<Vec<ClientRow>>;
    /// `false` if unknown or revoked before; otherwise the event is appended in the same transaction.
    async fn revoke_client(&self, id: ClientId, at: Timestamp) -> Result<bool>;
}

/// What happened, in order: append-only.
#[async_trait]
pub trait Events {
    /// Appends in the order given.
    async fn append_events(&self, events: Vec<Event>) -> Result<()>;
    /// Events with a sequence number above `after`, in order.
    async fn events(&self, after: u64, limit: usize) -> Result<Vec<StoredEvent>>;
}

/// The wrapped data keys of the vault.
#[async_trait]
pub trait DataKeys {
    /// All of them, in the order of their ids; those that were removed, too.
    async fn data_keys(&self) -> Result<Vec<DataKeyRow>>;
    /// Adds one. [`StoreError::Conflict`] if its id is taken.
    async fn add_data_key(&self, key: DataKeyRow) -> Result<()>;
    /// Writes the row over `key.version - 1`; [`StoreError::Conflict`] if that is not what is stored, or
    /// is another tenant's. When it was made never changes.
    async fn replace_data_key(&self, key: DataKeyRow) -> Result<()>;
    /// Which keys the rows need, in the order of their ids, values in no format of ours first. It reads
    /// every row: not for the way of a request. Nobody is waited for: what is being written just now may not count.
    async fn data_key_use(&self) -> Result<Vec<DataKeyUse>>;
    /// Waits for whoever has begun to write what a key seals that was in use then. Whoever begins later sees that a
    /// key is retired: what is counted of it afterwards does not grow any more.
    ///
    /// For decisions that rest on a count, and not for lists: others wait meanwhile. Where writers take turns, nobody
    /// has begun and not finished.
    async fn let_writers_finish(&self) -> Result<()> {
        Ok(())
    }
}

/// Sealing again what other data keys have sealed, some rows at a time.
#[async_trait]
pub trait Rewraps {
    /// Looks at up to `look_at` grants after `after`, by id: those that hold a value sealed with another data key
    /// than `active`, or in another format; also those whose rows cannot be read. However many need nothing, it
    /// reads no more than that: at least one.
    async fn grants_to_rewrap(
        &self,
        active: u32,
        after: Option<GrantId>,
        look_at: usize,
    ) -> Result<Page<Grant, GrantId>>;
    /// One transaction: puts the tokens into each grant whose version is still what was read, and counts
    /// that as a write of the row. A grant that has moved, is gone, or would be sealed with a retired key
    /// is left as it is. How many were written.
    async fn rewrap_grants(&self, grants: Vec<RewrappedGrant>) -> Result<usize>;
    /// The same of revocations, by their keys, oldest first.
    async fn revocations_to_rewrap(
        &self,
        active: u32,
        after: Option<(Timestamp, GrantId)>,
        look_at: usize,
    ) -> Result<Page<RevocationRow, (Timestamp, GrantId)>>;
    /// One transaction: puts `sealed_token` into each row that is still there, and changes nothing else of
    /// it. How many were written.
    async fn rewrap_revocations(&self, revocations: Vec<RevocationRow>) -> Result<usize>;
}

/// What was done and checked in attempts, for those who ask why.
#[async_trait]
pub trait Receipts {
    /// Keeps one; over an earlier one of the same attempt only if that attempt went on after it
    /// ([`ReceiptKind::goes_on`]), so that a replay never covers what happened.
    async fn put_receipt(&self, receipt: ReceiptRow) -> Result<()>;
    /// The receipt of one attempt.
    async fn receipt(&self, attempt: AttemptId) -> Result<Option<ReceiptRow>>;
    /// Receipts, those of the newest attempts first.
    async fn receipts(&self, wanted: &ReceiptFilter) -> Result<Vec<ReceiptRow>>;
    /// Forgets those of this kind that ended at `until` or before, and of the rest all but the newest `most`.
    /// How many rows went; where several ended in the same millisecond as the first that must go, they go too.
    async fn prune_receipts(
        &self,
        kind: ReceiptKind,
        until: Timestamp,
        most: usize,
    ) -> Result<usize>;
}

/// Upkeep.
#[async_trait]
pub trait Housekeeping {
    /// Forgets attempts, sessions, spent tokens and counted requests whose time was over at `now`. How many rows went.
    /// Notes for other nodes, and nodes that have gone, are forgotten by the clock of the database, and not counted.
    async fn prune(&self, now: Timestamp) -> Result<usize>;
    /// Whether the database answers.
    async fn ping(&self) -> Result<()>;
}

/// All of it: what a `Standin` needs.
pub trait Store:
    Attempts
    + Spent
    + Users
    + Grants
    + Refreshes
    + Sessions
    + Signals
    + Clients
    + Events
    + FailedRequests
    + DataKeys
    + Rewraps
    + Receipts
    + Census
    + Cluster
    + Housekeeping
    + Send
    + Sync
    + 'static
{
}

impl<T> Store for T where
    T: Attempts
        + Spent
        + Users
        + Grants
        + Refreshes
        + Sessions
        + Signals
        + Clients
        + Events
        + FailedRequests
        + DataKeys
        + Rewraps
        + Receipts
        + Census
        + Cluster
        + Housekeeping
        + Send
        + Sync
        + 'static
{
}
