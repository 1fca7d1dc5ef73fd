//! Leases: which node may spend a grant's refresh token, and what became of those that had one.

use std::time::Duration;

use async_trait::async_trait;

use super::{Event, Outdated, Result};
use crate::id::{GrantId, RefreshId};
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, ScopeRecord};
use crate::verify::ProviderId;

/// One refresh of a grant at a time, however many nodes there are, where a refresh token is good for one use.
///
/// A lease is a row of its own and not a column of the grant, so that looking for those that are over reads a
/// handful of rows. It goes with the commit of the answer. Where there is no answer it stays, as the record that
/// somebody may have spent the token.
#[async_trait]
pub trait Refreshes {
    /// Takes the lease of a grant, unless another attempt has one that is not over. One statement.
    ///
    /// A database whose clock is its own goes by that, and takes of `now` and `deadline` only how far they are apart.
    async fn claim_refresh(&self, claim: RefreshClaim) -> Result<Claimed>;
    /// Deletes the lease. `false` if this attempt has none.
    async fn release_refresh(&self, grant: GrantId, attempt: RefreshId) -> Result<bool>;
    /// Leaves the lease as the record of one more attempt without an answer, which is over when `due_in` has passed: at
    /// once, unless the provider wants to be left alone. `false` if this attempt has none.
    ///
    /// Unless it `has_asked`, the newest question is again the one from before its last claim. A database whose clock is its
    /// own goes by that.
    async fn yield_refresh(
        &self,
        grant: GrantId,
        attempt: RefreshId,
        now: Timestamp,
        due_in: Duration,
        has_asked: bool,
    ) -> Result<bool>;
    /// Grants whose lease is over and still there, the longest first: somebody must find out what became of it.
    async fn overdue_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<GrantId>>;
    /// Which server of several the database is on, and since when its rows may be behind what providers gave; `None`
    /// where nothing says so.
    async fn timeline(&self) -> Result<Option<Timeline>>;
    /// Grants at a provider whose time has come to be refreshed although nobody asks ([`Grant::due_at`]), the longest
    /// first.
    async fn due_grants(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<GrantId>>;
    /// One transaction: ends the lease, writes the grant over `grant.version - 1`, the records of its scopes, and
    /// appends the events. Whoever has lost the lease, or finds another version, writes nothing at all.
    async fn commit_refresh(&self, commit: RefreshCommit) -> Result<Committed>;
}

/// What a database server begins anew when it takes over from another one, and an operator who puts a backup back. It may
/// not have the newest commits of before, although they were acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Its name, which no other one has.
    pub name: String,
    /// When it was begun, as far as we have seen, or a backup was put back, whichever was later; `None` for the first.
    pub since: Option<Timestamp>,
    /// When a backup was put back, if one ever was.
    pub restored_at: Option<Timestamp>,
}

/// How much longer than a lease lasts nobody asks after a failover.
///
/// Whoever was asking is answered within the time of the lease, and then has to bring the answer to the new server. The
/// first try may still go to the old one, and hang there for as long as the statements of a write may take: in no store
/// longer than this. A COMMIT that waits for a standby there, and finding out what became of it, may take up to twenty
/// seconds more; a cluster that demotes its primary before it promotes another ends that wait, and nothing here does.
/// That the clock of a node goes slower than that of the database, by one second in a thousand, or that an instant is
/// rounded to a millisecond, is nothing beside it. And the nodes have the time to bring their journals.
pub const HOLD_OFF_MARGIN: Duration = Duration::from_secs(10);

/// Who wants a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaim {
    /// Of which grant.
    pub grant: GrantId,
    /// For which attempt.
    pub attempt: RefreshId,
    /// The generation of the refresh token that is to be spent.
    pub generation: u64,
    /// The time now.
    pub now: Timestamp,
    /// When it is over.
    pub deadline: Timestamp,
    /// Whether a provider is going to be asked under it. Nobody may do that after a failover for as long as a lease lasts
    /// and [`HOLD_OFF_MARGIN`] more: the lease of somebody who is asking just now may be among the commits that were lost.
    pub asks: bool,
}

impl RefreshClaim {
    /// Until when it would be held if there were a failover now.
    #[must_use]
    pub fn held_off_until(&self) -> Timestamp {
        self.deadline.after(HOLD_OFF_MARGIN)
    }
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is this attempt's.
    Ours {
        /// The generation that was claimed, or a later one that an earlier attempt has left a record of.
        generation: u64,
        /// How many earlier attempts at it had no answer, those among them that only brought one; none if nobody has asked,
        /// except that a record which was written with an answer ([`LeaseEnd::Record`]) counts as one.
        unresolved: u32,
        /// The number of the newest question that somebody with the lease may have asked of the provider for that
        /// generation: this attempt's, if the claim asks. 0 if there is none.
        ///
        /// A later question has a higher number: it is the time of the claim by the clock of the store in milliseconds, or
        /// one more than the number before it. So it goes on above also where a standby does not have the lease, or one of
        /// before, as long as its clock is less behind the other's than nobody asks after a failover. 1 is a question from
        /// before they had numbers.
        question: u64,
        /// Whether it was this attempt's before.
        is_own: bool,
    },
    /// Another attempt has it, or has left it alone for a while.
    Held {
        /// For how much longer at most, from when the claim was begun. Zero if it has ended meanwhile.
        wait: Duration,
    },
    /// Another server has taken over, and nobody may ask yet.
    HeldOff {
        /// For how much longer.
        wait: Duration,
    },
}

/// What a refresh writes.
#[derive(Clone, Debug)]
pub struct RefreshCommit {
    /// The grant as it is to be.
    pub grant: Grant,
    /// The records of its scopes that have changed.
    pub scopes: Vec<ScopeRecord>,
    /// What to append.
    pub events: Vec<Event>,
    /// The lease that it is written under, if the provider needs one.
    pub lease: Option<(RefreshId, LeaseEnd)>,
    /// Whether the access token before it is not to be handed out any more, though its time is not up: an API has
    /// refused it, or the refresh has ended it.
    pub outdates: bool,
}

impl RefreshCommit {
    /// What nobody may go on believing, if anything.
    #[must_use]
    pub fn outdated(&self) -> Option<Outdated> {
        let is_dead = self.grant.state != GrantState::Active;
        (self.outdates || is_dead).then_some(Outdated::Grant(self.grant.id))
    }
}

/// What becomes of the lease that something is written under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// It goes.
    Deleted,
    /// It becomes the record of one attempt at the generation that is written, due at once.
    Record,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it is written.
    Written,
    /// The grant has another version than was read, or what was to be written is sealed with a retired key.
    Moved,
    /// The lease is not this attempt's any more.
    Fenced,
}
