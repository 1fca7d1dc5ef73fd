//! How many questions a second a provider is asked, for one of our clients.
//!
//! A token bucket. No second sees more than the configured number; whoever comes when it is empty is given a time to
//! come at, in the order of coming. A provider that says it is too much (429) is asked half as often from then on,
//! and a little more often again every second.

use std::time::Duration;

use crate::provider::RefreshRate;
use crate::time::Timestamp;

/// How long it takes from nothing back to the configured rate.
const RECOVERY: f64 = 60.0;
/// However often a provider complains, so many a second go on: it may be about something else.
const LEAST: f64 = 1.0;
/// What a complaint that names no time is good for.
const PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Allowance {
    /// Questions a second, as configured.
    limit: f64,
    /// What the rate was cut to, and when.
    cut: Option<(f64, Timestamp)>,
    /// What may be asked at once; below zero while people wait.
    tokens: f64,
    /// The instant that `tokens` is true of; in the future during a pause.
    as_of: Timestamp,
}

impl Allowance {
    pub(super) fn new(limit: RefreshRate, now: Timestamp) -> Self {
        let limit = f64::from(limit.get());
        Self { limit, cut: None, tokens: burst(limit), as_of: now }
    }

    /// Questions a second, now.
    pub(super) fn rate(&self, now: Timestamp) -> f64 {
        let recovered = |(rate, at): (f64, Timestamp)| {
            rate + self.limit / RECOVERY * now.remaining(at).as_secs_f64()
        };
        self.cut.map_or(self.limit, recovered).min(self.limit)
    }

    /// How long nobody may ask, if the provider has said so.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        let pause = self.as_of.remaining(now);
        (pause > Duration::ZERO && pause <= LONGEST_PAUSE).then_some(pause)
    }

    /// A turn: how long it is away. If that is longer than `patience` there is none, and it says how long the wait
    /// would have been.
    pub(super) fn reserve(
        &mut self,
        now: Timestamp,
        patience: Duration,
    ) -> Result<Duration, Duration> {
        self.fill(now);
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = Duration::from_secs_f64(missing / refill(self.rate(now)));
        let wait = wait + self.pause(now).unwrap_or_default();
        if wait > patience {
            return Err(wait);
        }
        self.tokens -= 1.0;
        Ok(wait)
    }

    /// A turn for a question that nobody waits for: only where at least half of what may be asked at once is left.
    pub(super) fn spare(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        let half = burst(self.rate(now)) / 2.0;
        let is_spare = self.pause(now).is_none() && self.tokens >= half.max(1.0);
        if is_spare {
            self.tokens -= 1.0;
        }
        is_spare
    }

    /// A question that cannot wait for its turn: those that come later do.
    pub(super) fn spend(&mut self, now: Timestamp) {
        self.fill(now);
        self.tokens -= 1.0;
    }

    /// A turn that was not used.
    pub(super) fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// The provider says that it is too much, to a question that was asked at `asked_at`.
    pub(super) fn throttled(
        &mut self,
        asked_at: Timestamp,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) {
        self.fill(now);
        // Whatever was asked before the last cut is part of the same complaint.
        if self.cut.is_none_or(|(_, at)| asked_at >= at) {
            let halved = self.rate(now) / 2.0;
            self.cut = Some((halved.max(LEAST.min(self.limit)), now));
        }
        let pause = retry_after.unwrap_or(PAUSE).clamp(PAUSE, LONGEST_PAUSE);
        self.as_of = self.as_of.max(now.after(pause));
        self.tokens = self.tokens.min(1.0);
    }

    fn fill(&mut self, now: Timestamp) {
        if self.pause(now).is_some() {
            return;
        }
        // Nothing, if the clock was set back.
        let passed = now.remaining(self.as_of).as_secs_f64();
        let rate = self.rate(now);
        self.tokens = (self.tokens + passed * refill(rate)).min(burst(rate));
        self.as_of = now;
    }
}

/// What may be asked at once after a quiet time: a tenth of a second's.
fn burst(rate: f64) -> f64 {
    (rate / 10.0).max(1.0)
}

/// What is added in a second; with the burst it is no more than the rate.
fn refill(rate: f64) -> f64 {
    rate - (burst(rate) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPATIENT: Duration = Duration::ZERO;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1000).after(Duration::from_millis(ms))
    }

    fn allowance(limit: u32) -> Allowance {
        Allowance::new(RefreshRate::per_second(limit).unwrap(), at(0))
    }

    /// How many are asked in each second, if as many as possible are.
    fn asked(allowance: &mut Allowance, from: u64, seconds: u64) -> Vec<usize> {
        let mut millisecond =
            |ms| (0..50).filter(|_| allowance.reserve(at(ms), IMPATIENT).is_ok()).count();
        let mut second =
            |second: u64| (second * 1000..(second + 1) * 1000).map(&mut millisecond).sum();
        (from..from + seconds).map(&mut second).collect()
    }

    #[test]
    fn rf_8_no_second_sees_more_than_the_limit_and_hardly_less() {
        for limit in [1, 2, 7, 100, 999] {
            let mut allowance = allowance(limit);
            let mut all = Vec::new();
            for ms in 0..3000 {
                while allowance.reserve(at(ms), IMPATIENT).is_ok() {
                    all.push(ms);
                }
            }
            let limit = limit as usize;
            let busiest = all
                .iter()
                .map(|from| all.iter().filter(|ms| (*from..from + 1000).contains(ms)).count());
            assert!(busiest.max().unwrap() <= limit, "{limit}");
            assert!(all.len() >= limit * 3 * 8 / 10, "{limit}: {}", all.len());
        }
    }

    #[test]
    fn rf_8_who_comes_too_early_is_told_when_in_the_order_of_coming() {
        let mut allowance = allowance(1);
        let patience = Duration::from_secs(2);
        let mut turn = || allowance.reserve(at(0), patience).map(|wait| wait.as_secs());
        assert_eq!((turn(), turn(), turn()), (Ok(0), Ok(1), Ok(2)));
        assert_eq!(allowance.reserve(at(0), patience), Err(Duration::from_secs(3)));
        // Who was turned away has no place in the queue.
        assert_eq!(allowance.reserve(at(1000), patience), Ok(patience));
    }

    #[test]
    fn rf_8_a_turn_that_was_not_used_is_the_next_one_s() {
        let mut allowance = allowance(1);
        assert!(allowance.reserve(at(0), IMPATIENT).is_ok());
        assert!(allowance.reserve(at(0), IMPATIENT).is_err());
        allowance.give_back();
        assert!(allowance.reserve(at(0), IMPATIENT).is_ok());
    }

    #[test]
    fn rf_8_what_nobody_waits_for_leaves_half_to_those_who_wait() {
        let mut allowance = allowance(100);
        let spared = (0..100).filter(|_| allowance.spare(at(0))).count();
        let left = (0..100).filter(|_| allowance.reserve(at(0), IMPATIENT).is_ok()).count();
        assert_eq!((spared, left), (6, 4));
        assert!(!allowance.spare(at(0)));
    }

    #[test]
    fn d2_a_complaint_halves_the_rate_which_grows_back_in_a_minute() {
        let mut allowance = allowance(100);
        allowance.throttled(at(0), None, at(0));
        assert!((allowance.rate(at(0)) - 50.0).abs() < 0.01);
        assert!((allowance.rate(at(15_000)) - 75.0).abs() < 0.01);
        assert!((allowance.rate(at(3_600_000)) - 100.0).abs() < 0.01);
        let later = asked(&mut allowance, 2, 1)[0];
        assert!((40..60).contains(&later), "{later}");
    }

    #[test]
    fn d2_hundred_complaints_about_the_same_second_are_one() {
        let mut allowance = allowance(100);
        for _ in 0..100 {
            allowance.throttled(at(0), None, at(50));
        }
        assert!((allowance.rate(at(50)) - 50.0).abs() < 0.01);
        for second in 1..100 {
            allowance.throttled(at(second * 10), None, at(second * 10));
        }
        assert!(allowance.rate(at(990)) >= LEAST);
    }

    #[test]
    fn d2_nobody_asks_while_the_provider_wants_quiet() {
        for (said, believed) in [(Some(7), 7), (Some(0), 1), (None, 1), (Some(315_360_000), 3600)] {
            let mut allowance = allowance(100);
            allowance.throttled(at(0), said.map(Duration::from_secs), at(0));
            assert_eq!(allowance.pause(at(0)), Some(Duration::from_secs(believed)));
            assert!(!allowance.spare(at(0)));
            assert!(allowance.reserve(at(believed * 1000 - 1), IMPATIENT).is_err());
            assert!(allowance.reserve(at(believed * 1000), IMPATIENT).is_ok());
        }
    }

    #[test]
    fn d16_a_clock_that_is_set_back_stops_nothing() {
        let mut allowance = allowance(1);
        allowance.spend(at(0));
        let before = Timestamp::from_unix_seconds(-31_536_000);
        assert!(allowance.reserve(before, IMPATIENT).is_err());
        assert!(allowance.reserve(before.after(Duration::from_secs(1)), IMPATIENT).is_ok());
    }
}
