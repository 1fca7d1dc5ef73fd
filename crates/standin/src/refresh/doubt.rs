//! Whether to believe that a grant is dead, when very many are said to be at once.
//!
//! People take back what they gave one by one. When a provider refuses many grants of one client within a minute, it
//! is more likely a mistake, its own or ours (a wrong deployment, another client's tokens), and what is written down
//! as dead must be asked of every user again.

use std::time::Duration;

use crate::time::Timestamp;

/// One time window of the last minute.
const SLOT: i64 = 5_000;
/// A minute of them; as many as there are in [`Doubt`].
const SLOTS: i64 = 12;
/// So many refusals in the last minute are too many, if they are also more than one exchange in twenty.
const MANY: u32 = 20;
const ONE_IN: u32 = 20;
/// After so long without one success, it is believed: somebody was told, and had the time.
const LONGEST: Duration = Duration::from_hours(1);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: i64,
    exchanges: u32,
    refusals: u32,
}

/// What to make of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The grant is dead.
    Believed,
    /// It need not be. `is_new` if the one before was still believed.
    Doubted { is_new: bool },
}

/// The answers of the last minute, to one client.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    slots: [Slot; 12],
    since: Option<Timestamp>,
    /// Whether the doubt has lasted for long enough: from then on the provider is believed, until it gives a token.
    is_over: bool,
}

impl Doubt {
    /// The provider gave a token: it knows us, and at least one of our grants.
    pub(super) fn granted(&mut self, now: Timestamp) {
        if self.since.is_some() || self.is_over {
            *self = Self::default();
        }
        self.slot(now).exchanges += 1;
    }

    /// The provider says that a grant is dead. One that `is_expected` to be says nothing about others; while it is
    /// doubted whether the provider knows us at all, it says as little as they do.
    pub(super) fn refused(&mut self, is_expected: bool, now: Timestamp) -> Verdict {
        if is_expected && self.since.is_none() {
            return Verdict::Believed;
        }
        let slot = self.slot(now);
        slot.exchanges += 1;
        slot.refusals += 1;
        if let Some(since) = self.since {
            if now.remaining(since) < LONGEST {
                return Verdict::Doubted { is_new: false };
            }
            (self.since, self.is_over) = (None, true);
        }
        if self.is_over || !self.is_too_much(now) {
            return Verdict::Believed;
        }
        self.since = Some(now);
        Verdict::Doubted { is_new: true }
    }

    fn is_too_much(&self, now: Timestamp) -> bool {
        let first = number(now) - SLOTS;
        let of_the_last_minute = self.slots.iter().filter(|slot| slot.number > first);
        let (exchanges, refusals) = of_the_last_minute.fold((0_u32, 0_u32), |(all, bad), slot| {
            (all.saturating_add(slot.exchanges), bad.saturating_add(slot.refusals))
        });
        refusals >= MANY && refusals.saturating_mul(ONE_IN) > exchanges
    }

    fn slot(&mut self, now: Timestamp) -> &mut Slot {
        let number = number(now);
        let index = usize::try_from(number.rem_euclid(SLOTS)).unwrap_or_default();
        let slot = &mut self.slots[index];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot
    }
}

fn number(now: Timestamp) -> i64 {
    now.unix_ms().div_euclid(SLOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBTED: Verdict = Verdict::Doubted { is_new: false };
    const NEWLY: Verdict = Verdict::Doubted { is_new: true };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1000).after(Duration::from_secs(seconds))
    }

    fn refuse(doubt: &mut Doubt, times: u64, now: Timestamp) -> Vec<Verdict> {
        (0..times).map(|_| doubt.refused(false, now)).collect()
    }

    #[test]
    fn the_twentieth_of_a_minute_is_doubted_and_all_after_it() {
        let mut doubt = Doubt::default();
        assert_eq!(refuse(&mut doubt, 19, at(0)), [Verdict::Believed; 19]);
        assert_eq!(doubt.refused(false, at(59)), NEWLY);
        assert_eq!(doubt.refused(false, at(60)), DOUBTED);
        assert_eq!(doubt.refused(false, at(3600)), DOUBTED);
    }

    #[test]
    fn refusals_that_come_one_by_one_are_believed() {
        let mut doubt = Doubt::default();
        for second in 0..1000 {
            assert_eq!(doubt.refused(false, at(second * 4)), Verdict::Believed);
        }
    }

    #[test]
    fn one_in_twenty_is_as_it_should_be_and_more_is_not() {
        let mut doubt = Doubt::default();
        (0..1000).for_each(|_| doubt.granted(at(0)));
        // 52 of 1,052 are less than one in twenty, 53 of 1,053 are more.
        assert_eq!(refuse(&mut doubt, 52, at(1)), [Verdict::Believed; 52]);
        assert_eq!(doubt.refused(false, at(1)), NEWLY);
    }

    #[test]
    fn a_success_ends_the_doubt_and_the_count_begins_anew() {
        let mut doubt = Doubt::default();
        refuse(&mut doubt, 25, at(0));
        doubt.granted(at(30));
        assert_eq!(refuse(&mut doubt, 19, at(30)), [Verdict::Believed; 19]);
        assert_eq!(doubt.refused(false, at(30)), NEWLY);
    }

    #[test]
    fn what_is_expected_raises_no_doubt_and_is_doubted_like_all_others_once_there_is_one() {
        let mut doubt = Doubt::default();
        let expected: Vec<_> = (0..100).map(|_| doubt.refused(true, at(0))).collect();
        assert_eq!(expected, [Verdict::Believed; 100]);
        assert_eq!(refuse(&mut doubt, 20, at(0))[19], NEWLY);
        assert_eq!(doubt.refused(true, at(1)), DOUBTED);
        doubt.granted(at(2));
        assert_eq!(doubt.refused(true, at(3)), Verdict::Believed);
    }

    #[test]
    fn after_an_hour_without_a_success_it_is_believed() {
        let mut doubt = Doubt::default();
        refuse(&mut doubt, 20, at(0));
        assert_eq!(doubt.refused(false, at(3599)), DOUBTED);
        assert_eq!(refuse(&mut doubt, 100, at(3600)), [Verdict::Believed; 100]);
        doubt.granted(at(3601));
        assert_eq!(refuse(&mut doubt, 20, at(3601))[19], NEWLY);
    }
}
