//! Whether this process knows what others have changed: when it last looked.
//!
//! Two clocks are asked. One that nobody sets, but that stands still while a machine sleeps; and the wall clock, which
//! goes on then. Whichever says that it has been too long is believed. A virtual machine that its host pauses may find
//! both where they were, until its wall clock is set again: for so long it believes what it kept before.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::time::Timestamp;

/// How long after a look began what is kept is believed. What was committed before it began was struck by it, so no
/// token is given later than this after its grant was taken back, and half a second is left for giving it.
pub(super) const TRUST: Duration = Duration::from_millis(1_500);

/// When the last look began that went well.
pub(super) struct Hearing {
    pub(super) start: Instant,
    /// Milliseconds since `start`; [`NEVER`] if there is none.
    heard: AtomicU64,
    /// The same by the wall clock.
    heard_at: AtomicI64,
}

/// When a look began.
#[derive(Clone, Copy)]
pub(super) struct Began {
    pub(super) instant: Instant,
    pub(super) at: Timestamp,
}

impl Began {
    /// How long before `now`, by the clock that says more.
    pub(super) fn age(&self, now: Self) -> Duration {
        let by_the_wall = Duration::from_millis(now.at.unix_ms().abs_diff(self.at.unix_ms()));
        now.instant.duration_since(self.instant).max(by_the_wall)
    }
}

const NEVER: u64 = u64::MAX;

impl Hearing {
    pub(super) fn new() -> Self {
        let (heard, heard_at) = (AtomicU64::new(NEVER), AtomicI64::new(0));
        Self { start: Instant::now(), heard, heard_at }
    }

    /// A look that began then has struck everything that there was to hear.
    pub(super) fn heard(&self, began: Began) {
        self.heard_at.store(began.at.unix_ms(), Ordering::SeqCst);
        self.heard.store(milliseconds(began.instant.duration_since(self.start)), Ordering::SeqCst);
    }

    /// Nobody looks any more.
    pub(super) fn end(&self) {
        self.heard.store(NEVER, Ordering::SeqCst);
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.is_good_at(Instant::now(), now)
    }

    fn is_good_at(&self, instant: Instant, now: Timestamp) -> bool {
        let heard = self.heard.load(Ordering::SeqCst);
        let age = milliseconds(instant.duration_since(self.start)).saturating_sub(heard);
        let by_the_wall = now.unix_ms().abs_diff(self.heard_at.load(Ordering::SeqCst));
        heard != NEVER && age.max(by_the_wall) < milliseconds(TRUST)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
    const MILLISECOND: Duration = Duration::from_millis(1);
    const ALMOST: Duration = TRUST.saturating_sub(MILLISECOND);

    fn heard() -> (Hearing, Instant) {
        let hearing = Hearing::new();
        let began = hearing.start + Duration::from_secs(9);
        assert!(!hearing.is_good_at(began, AT));
        hearing.heard(Began { instant: began, at: AT });
        (hearing, began)
    }

    #[test]
    fn is_good_for_as_long_as_trust_lasts_after_the_look_began() {
        let (hearing, began) = heard();
        assert!(hearing.is_good_at(began + MILLISECOND, AT));
        assert!(hearing.is_good_at(began + ALMOST, AT));
        assert!(!hearing.is_good_at(began + TRUST, AT));
    }

    #[test]
    fn a_machine_that_slept_goes_by_the_wall_clock() {
        let (hearing, began) = heard();
        assert!(hearing.is_good_at(began, AT.after(ALMOST)));
        assert!(!hearing.is_good_at(began, AT.after(TRUST)));
        assert!(!hearing.is_good_at(began, AT.before(TRUST)));
    }

    #[test]
    fn is_over_at_once_when_nobody_looks_any_more() {
        let (hearing, began) = heard();
        hearing.end();
        assert!(!hearing.is_good_at(began, AT));
    }
}
