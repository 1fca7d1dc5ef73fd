//! How many there are of what an operator watches.

use async_trait::async_trait;

use super::Result;
use crate::time::Timestamp;
use crate::vault::GrantState;

/// Counting, and how busy the database keeps this process.
#[async_trait]
pub trait Census {
    /// Counts the rows. It may look at an entry of an index for every grant: seldom, and not for the way of a request.
    async fn census(&self, now: Timestamp) -> Result<Tally>;

    /// Connections, now.
    fn pool(&self) -> Pool {
        Pool::default()
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Grants in each state, in the order of [`GrantState::ALL`]; a state that none is in has 0.
    pub grants: Vec<(GrantState, u64)>,
    /// Tokens that wait to be revoked; the oldest by when it was queued.
    pub revocations: Waiting,
    /// Leases that are over and still there; the oldest by its deadline.
    pub overdue_leases: Waiting,
}

/// How many wait, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// Since when the oldest does.
    pub oldest: Option<Timestamp>,
}

/// Connections of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// At most.
    pub most: u64,
    /// Of these, there are so many.
    pub open: u64,
    /// Of these, so many are in use.
    pub busy: u64,
    /// What waits for one, or for its turn to write.
    pub waiting: u64,
}

impl Tally {
    /// From the number of all grants and the states of those that are not active.
    #[must_use]
    pub fn of_grants(all: u64, not_active: &[(GrantState, u64)]) -> Vec<(GrantState, u64)> {
        let others: u64 = not_active.iter().map(|(_, count)| count).sum();
        let count = |state: GrantState| match state {
            GrantState::Active => all.saturating_sub(others),
            state => {
                let found = not_active.iter().find(|(other, _)| *other == state);
                found.map_or(0, |(_, count)| *count)
            }
        };
        GrantState::ALL.iter().map(|state| (*state, count(*state))).collect()
    }
}
