//! How far back the next look at what others have noted must go: to before whatever is under way.
//!
//! ```text
//! report ─▶ the transactions that write are numbered, and this is one of them: higher numbers come later
//! look   ─▶ the oldest that is under way ─▶ the latest report with a lower number: all that is under way began later
//! ```
//!
//! How long a transaction takes is nobody's to say: its process may be stopped before the COMMIT, and the COMMIT may
//! wait for a standby. But the server knows which ones it has not ended, whoever began them, also those whose process
//! is gone. They are those of all databases of the server: where one writes for hours, looks go back an hour.
//!
//! A server that has no such numbers, or has them on each of its machines (`spread.rs`), leaves a bound:
//!
//! ```text
//! BEGIN ─ a note … the intent, within 12 s ─ it takes 5 s at most ─ COMMIT, within 10 s, or the server ends it
//! ```
//!
//! So there everything is settled that was noted [`OVER_AFTER`] ago, which [`LOOKBACK`] makes good. That COMMIT itself may
//! wait no longer is what it rests on: elsewhere than here one for a standby does.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use standin::store::LOOKBACK;

use super::intents;

/// Those of more than an hour: for so long notes are kept.
const MOST: usize = 2_000;

/// When a transaction that writes is over at the latest: the two times of `Mode::opening` beside that of the intent.
const OVER_AFTER: Duration = intents::MOST.saturating_add(Duration::from_secs(5 + 10));
/// Clocks of one database differ by less.
const CLOCKS: Duration = Duration::from_secs(2);
const _: () = assert!(OVER_AFTER.as_secs() + CLOCKS.as_secs() < LOOKBACK.as_secs());

/// That this node is there, once it was said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    /// Seconds since 1970, by the clock of the server.
    pub(super) at_s: i64,
    /// Of its transaction.
    pub(super) number: i64,
}

/// The reports of this process, in their order.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<VecDeque<Report>>);

impl Reports {
    pub(super) fn add(&self, report: Report) {
        let mut reports = self.lock();
        // To a server that was ahead of this one, or whose clock was.
        let is_ahead = |last: &Report| last.number >= report.number || last.at_s > report.at_s;
        while reports.back().is_some_and(is_ahead) {
            reports.pop_back();
        }
        reports.push_back(report);
        if reports.len() > MOST {
            reports.pop_front();
        }
    }

    /// The second before which nothing was written that a look does not see which finds the transaction `oldest` to be
    /// the first that is not over; but for the time that one statement takes. The first of all seconds, if that may be
    /// older than every report.
    pub(super) fn settled(&self, oldest: i64) -> i64 {
        let mut reports = self.lock();
        // The first one is not looked for any more: numbers only grow.
        while reports.get(1).is_some_and(|second| second.number <= oldest) {
            reports.pop_front();
        }
        reports.front().filter(|first| first.number <= oldest).map_or(0, |first| first.at_s)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(of: &[(i64, i64)]) -> Reports {
        let reports = Reports::default();
        for &(at_s, number) in of {
            reports.add(Report { at_s, number });
        }
        reports
    }

    #[test]
    fn rf_10_a_look_goes_back_to_before_what_was_under_way_at_the_one_before_it() {
        let reports = reports(&[(100, 7), (102, 9), (104, 20)]);
        // 11 is not over yet, although others are that began later.
        assert_eq!(reports.settled(11), 102);
        assert_eq!(reports.settled(11), 102);
        assert_eq!(reports.settled(21), 104);
        reports.add(Report { at_s: 106, number: 30 });
        assert_eq!(reports.settled(29), 104);
        assert_eq!(reports.settled(31), 106);
    }

    #[test]
    fn what_is_older_than_every_report_may_have_begun_at_any_time() {
        assert_eq!(reports(&[]).settled(7), 0);
        assert_eq!(reports(&[(100, 7), (102, 9)]).settled(6), 0);
    }

    #[test]
    fn another_server_that_has_come_less_far_is_not_measured_by_the_one_before() {
        let reports = reports(&[(100, 7), (102, 20), (104, 12)]);
        assert_eq!(reports.settled(11), 100);
        assert_eq!(reports.settled(12), 104);
        // One whose clock is behind.
        reports.add(Report { at_s: 50, number: 30 });
        assert_eq!(reports.settled(31), 50);
    }

    #[test]
    fn no_more_is_remembered_than_notes_are_kept_for() {
        let many: Vec<_> = (0..5_000).map(|second| (second, second)).collect();
        let reports = reports(&many);
        assert_eq!(reports.lock().len(), MOST);
        assert_eq!(reports.settled(7), 0);
        assert_eq!(reports.settled(5_000), 4_999);
    }
}
