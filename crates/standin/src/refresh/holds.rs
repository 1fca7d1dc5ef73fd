//! Grants that the provider would not or could not answer for are left alone for a while: longer each time,
//! or as long as the provider said. Kept in memory: a restart may ask once more.

use std::time::Duration;

use moka::sync::Cache;

use super::spread::Share;
use crate::id::GrantId;
use crate::time::Timestamp;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// No provider is believed to want more.
const MOST: Duration = Duration::from_hours(1);
/// More grants than this in trouble at once, and the oldest holds are forgotten: memory is bounded.
const MAX_HOLDS: u64 = 100_000;

#[derive(Clone, Copy)]
struct Hold {
    until: Timestamp,
    failures: u32,
    /// Whether an answer was lost: the provider may have done what it was asked.
    outcome_unknown: bool,
    /// Whether the provider itself has said how long.
    is_told: bool,
}

pub(super) struct Holds(Cache<GrantId, Hold>);

impl Holds {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_HOLDS))
    }

    /// How long the grant must still be left alone.
    pub(super) fn remaining(&self, grant: GrantId, now: Timestamp) -> Option<Duration> {
        let remaining = self.0.get(&grant)?.until.remaining(now);
        // More than it was ever held for: the clock was set back.
        (remaining > Duration::ZERO && remaining <= MOST).then_some(remaining)
    }

    /// The same, where the provider itself has said how long: no node is to ask it before.
    pub(super) fn told(&self, grant: GrantId, now: Timestamp) -> Option<Duration> {
        let is_told = self.0.get(&grant).is_some_and(|hold| hold.is_told);
        self.remaining(grant, now).filter(|_| is_told)
    }

    /// One more failure: leaves the grant alone for `retry_after`, or for twice as long as the last time.
    pub(super) fn hold(
        &self,
        grant: GrantId,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Duration {
        let before = self.0.get(&grant);
        let failures = before.map_or(0, |hold| hold.failures);
        let doubled = FIRST.saturating_mul(1 << failures.min(6)).min(LONGEST);
        let wait = match retry_after {
            Some(said) => said.clamp(FIRST, MOST),
            None => Share::of(grant).shortened(doubled),
        };
        self.0.insert(
            grant,
            Hold {
                until: now.after(wait),
                failures: failures + 1,
                outcome_unknown: before.is_some_and(|hold| hold.outcome_unknown),
                is_told: retry_after.is_some(),
            },
        );
        wait
    }

    /// The same, after a question that may have been heard and was not answered.
    pub(super) fn hold_unknown(
        &self,
        grant: GrantId,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Duration {
        let wait = self.hold(grant, retry_after, now);
        if let Some(hold) = self.0.get(&grant) {
            let outcome_unknown = true;
            self.0.insert(grant, Hold { outcome_unknown, ..hold });
        }
        wait
    }

    /// Whether an answer was lost since the provider last gave one.
    pub(super) fn is_outcome_unknown(&self, grant: GrantId) -> bool {
        self.0.get(&grant).is_some_and(|hold| hold.outcome_unknown)
    }

    /// The provider answered: the grant starts anew.
    pub(super) fn release(&self, grant: GrantId) {
        self.0.invalidate(&grant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_end_with_a_success() {
        let (holds, grant) = (Holds::new(), GrantId::from_bytes([1; 16]));
        let now = Timestamp::from_unix_seconds(1000);
        let whole = [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs);
        for whole in whole {
            assert_eq!(holds.hold(grant, None, now), Share::of(grant).shortened(whole));
        }
        assert!(holds.remaining(grant, now).unwrap() > LONGEST.mul_f64(0.8));
        assert_eq!(holds.remaining(grant, now.before(2 * MOST)), None);
        assert_eq!(holds.remaining(grant, now.after(LONGEST)), None);
        holds.release(grant);
        assert_eq!(holds.remaining(grant, now), None);
    }

    #[test]
    fn a_lost_answer_is_remembered_until_one_comes() {
        let (holds, grant) = (Holds::new(), GrantId::from_bytes([1; 16]));
        let now = Timestamp::from_unix_seconds(1000);
        holds.hold(grant, None, now);
        assert!(!holds.is_outcome_unknown(grant));
        holds.hold_unknown(grant, None, now);
        holds.hold(grant, None, now);
        assert!(holds.is_outcome_unknown(grant));
        holds.release(grant);
        assert!(!holds.is_outcome_unknown(grant));
    }

    #[test]
    fn a_wait_of_nothing_is_a_wait_all_the_same() {
        let (holds, grant) = (Holds::new(), GrantId::from_bytes([1; 16]));
        let wait = holds.hold(grant, Some(Duration::ZERO), Timestamp::default());
        assert_eq!(wait, FIRST);
    }

    #[test]
    fn what_the_provider_says_counts() {
        let (holds, grant) = (Holds::new(), GrantId::from_bytes([1; 16]));
        let wait = Duration::from_secs(7);
        assert_eq!(holds.hold(grant, Some(wait), Timestamp::default()), wait);
        assert_eq!(holds.told(grant, Timestamp::default()), Some(wait));
        holds.hold(grant, None, Timestamp::default());
        assert_eq!(holds.told(grant, Timestamp::default()), None);
    }
}
