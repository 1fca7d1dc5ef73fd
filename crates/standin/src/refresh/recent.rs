//! Failures of the last second: whoever comes right after one is told the same, and nobody asks again for that.
//!
//! A failure that says when to come back holds its grant for that long anyway (`holds.rs`). This is for the others,
//! and for a refresh that crashed.

use std::time::Duration;

use moka::sync::Cache;

use super::{RefreshFailure, Target};
use crate::time::Timestamp;

/// How long a failure is everybody's.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// So many are kept; more at once, and the provider may be asked once more.
const MAX_FAILURES: u64 = 10_000;

pub(super) struct RecentFailures(Cache<Target, (Timestamp, RefreshFailure)>);

impl RecentFailures {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(MAX_FAILURES).time_to_live(2 * SHARED_FOR);
        Self(cache.build())
    }

    pub(super) fn find(&self, target: &Target, now: Timestamp) -> Option<RefreshFailure> {
        let (until, failure) = self.0.get(target)?;
        let left = until.remaining(now);
        (left > Duration::ZERO && left <= SHARED_FOR).then_some(failure)
    }

    /// Keeps a failure of the provider. What a row says is read again each time; an address that may be talked to now,
    /// a database or a vault that is back, is so for everybody at once.
    pub(super) fn keep(&self, target: &Target, failure: &RefreshFailure, now: Timestamp) {
        match failure {
            RefreshFailure::ClientRefused
            | RefreshFailure::Later { .. }
            | RefreshFailure::Misbehaved => {
                self.0.insert(target.clone(), (now.after(SHARED_FOR), failure.clone()));
            }
            RefreshFailure::AddressRefused(_)
            | RefreshFailure::Dead(_)
            | RefreshFailure::Gone
            | RefreshFailure::Store(_)
            | RefreshFailure::Vault(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GrantId;

    #[test]
    fn a_failure_is_shared_for_a_second_and_only_with_those_who_want_the_same() {
        let recent = RecentFailures::new();
        let target = |byte| Target { grant: GrantId::from_bytes([byte; 16]), narrowed_to: None };
        let now = Timestamp::from_unix_seconds(1000);
        recent.keep(&target(1), &RefreshFailure::Misbehaved, now);
        assert_eq!(recent.find(&target(1), now), Some(RefreshFailure::Misbehaved));
        assert_eq!(recent.find(&target(2), now), None);
        assert_eq!(recent.find(&target(1), now.after(SHARED_FOR)), None);
        // Nor does a clock that is set back keep it.
        assert_eq!(recent.find(&target(1), now.before(SHARED_FOR)), None);
    }

    #[test]
    fn what_a_row_says_is_read_again() {
        let recent = RecentFailures::new();
        let target = Target { grant: GrantId::from_bytes([1; 16]), narrowed_to: None };
        recent.keep(&target, &RefreshFailure::Gone, Timestamp::default());
        assert_eq!(recent.find(&target, Timestamp::default()), None);
    }
}
