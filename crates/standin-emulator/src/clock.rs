//! The emulator's own time: the machine's clock plus an offset that tests move.
//!
//! Every expiry, `iat` and ledger stamp is read here, so that a week passes in one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the emulator's time may be from the machine's: a hundred years of 365 days, in
/// milliseconds. Dates stay dates, and sums of times stay numbers.
const FARTHEST_MS: i64 = 100 * 365 * 24 * 3600 * 1000;

/// A handle on one emulator's time. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Milliseconds since the Unix epoch, offset included.
    #[must_use]
    pub fn now_unix_ms(&self) -> i64 {
        machine_unix_ms().saturating_add(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves this emulator's time forward, to a hundred years ahead of the machine's at most.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let ahead = |offset: i64| Some(offset.saturating_add(by).min(FARTHEST_MS));
        let _ = self.offset_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, ahead);
    }

    pub(crate) fn now_unix(&self) -> i64 {
        self.now_unix_ms().div_euclid(1000)
    }

    /// Moves it either way. `false`, and no change, beyond a hundred years.
    pub(crate) fn shift_ms(&self, by: i64) -> bool {
        let shifted = |offset: i64| {
            let offset = offset.saturating_add(by);
            (-FARTHEST_MS..=FARTHEST_MS).contains(&offset).then_some(offset)
        };
        self.offset_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, shifted).is_ok()
    }

    pub(crate) fn offset_seconds(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst).div_euclid(1000)
    }

    pub(crate) fn reset(&self) {
        self.offset_ms.store(0, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn machine_unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_offset() {
        let clock = Clock::default();
        let before = clock.now_unix_ms();
        clock.clone().advance(Duration::from_hours(1));
        assert!(clock.now_unix_ms() - before >= 3_600_000);
        assert_eq!(clock.offset_seconds(), 3600);
    }

    #[test]
    fn a_hundred_years_are_enough() {
        let clock = Clock::default();
        assert!(!clock.shift_ms(i64::MAX) && !clock.shift_ms(i64::MIN));
        assert_eq!(clock.offset_seconds(), 0);
        clock.advance(Duration::MAX);
        assert_eq!(clock.offset_seconds(), FARTHEST_MS / 1000);
        assert!(!clock.shift_ms(1) && clock.shift_ms(-2 * FARTHEST_MS));
    }
}
