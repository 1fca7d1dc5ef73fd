//! Whether a provider may be asked at all, for one of our clients: not while it is in trouble.
//!
//! ```text
//! closed ── so many failures in a row, or one that concerns everybody ──▶ open ── a while ──▶ probing
//!   ▲                                                                      ▲                    │
//!   └───────────────── the provider answered ──────────────────────────────┼────────────────────┤
//!                                                                          └── it did not ──────┘
//! ```
//!
//! While it is open nobody asks; then one does, and the others wait for what comes of it.

use std::time::Duration;

use super::spread::Share;
use crate::time::Timestamp;

/// So many failures in a row open it.
const MAX_FAILURES: u32 = 5;
/// How long it is open the first time; then twice as long each time, until the provider answers.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);
/// It is never open for longer, whoever says so.
const MOST: Duration = Duration::from_hours(1);
/// How soon whoever finds a probe under way may come back.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// Why nobody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// So many grants are refused at once that nobody believes it.
    Doubt,
    /// The provider refuses our registration.
    Registration,
    /// It fails, or cannot be reached.
    Trouble,
}

impl Why {
    pub(crate) const ALL: [Self; 3] = [Self::Doubt, Self::Registration, Self::Trouble];

    /// As the metrics call it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Doubt => "doubt",
            Self::Registration => "registration",
            Self::Trouble => "trouble",
        }
    }
}

/// Nobody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) why: Why,
    /// For so long.
    pub(super) wait: Duration,
}

/// One question that may be asked. What comes of a question from before the breaker opened says nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { why: Why, until: Timestamp },
    Probing { why: Why },
}

#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Failures in a row, while it is closed.
    failures: u32,
    /// How often it has opened since the provider last answered.
    openings: u32,
    /// How often it has ever opened.
    epoch: u32,
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self { state: State::Closed, failures: 0, openings: 0, epoch: 0 }
    }

    /// Why nobody may ask now, if so.
    pub(super) fn shut(&self, now: Timestamp) -> Option<Shut> {
        match self.state {
            State::Closed => None,
            State::Probing { why } => Some(Shut { why, wait: WHILE_PROBING }),
            State::Open { why, until } => {
                let wait = until.remaining(now);
                // More than it was ever open for: the clock was set back.
                (wait > Duration::ZERO && wait <= MOST).then_some(Shut { why, wait })
            }
        }
    }

    /// Why it has opened, if the provider has not answered since.
    pub(super) const fn why(&self) -> Option<Why> {
        match self.state {
            State::Closed => None,
            State::Open { why, .. } | State::Probing { why } => Some(why),
        }
    }

    /// A question is about to be asked.
    pub(super) fn enter(&mut self, now: Timestamp) -> Result<Ticket, Shut> {
        if let Some(shut) = self.shut(now) {
            return Err(shut);
        }
        if let State::Open { why, .. } = self.state {
            self.state = State::Probing { why };
        }
        Ok(Ticket(self.epoch))
    }

    /// The provider answered, whatever it said. Whether that was news.
    pub(super) fn answered(&mut self, ticket: Ticket) -> bool {
        if ticket.0 != self.epoch {
            return false;
        }
        let was_open = self.state != State::Closed;
        (self.state, self.failures, self.openings) = (State::Closed, 0, 0);
        was_open
    }

    /// It did not. Whether the breaker has opened because of that.
    pub(super) fn failed(
        &mut self,
        ticket: Ticket,
        retry_after: Option<Duration>,
        now: Timestamp,
        share: Share,
    ) -> bool {
        if ticket.0 != self.epoch {
            return false;
        }
        self.failures += 1;
        let is_probe = self.state != State::Closed;
        if !is_probe && self.failures < MAX_FAILURES {
            return false;
        }
        self.open(ticket, Why::Trouble, retry_after.unwrap_or_default(), now, share)
    }

    /// Opens at once, for so long at least. Whether it was not open before.
    pub(super) fn open(
        &mut self,
        ticket: Ticket,
        why: Why,
        at_least: Duration,
        now: Timestamp,
        share: Share,
    ) -> bool {
        if ticket.0 != self.epoch {
            return false;
        }
        let was_closed = self.state == State::Closed;
        let doubled = FIRST.saturating_mul(1 << self.openings.min(8)).min(LONGEST);
        let wait = share.shortened(doubled).max(at_least).min(MOST);
        self.state = State::Open { why, until: now.after(wait) };
        (self.failures, self.openings) = (0, self.openings.saturating_add(1));
        self.epoch = self.epoch.wrapping_add(1);
        was_closed
    }

    /// Nobody will ever know what came of it: if it was the probe, somebody else's question is.
    pub(super) fn left(&mut self, ticket: Ticket) {
        if let (State::Probing { why }, true) = (self.state, ticket.0 == self.epoch) {
            self.state = State::Open { why, until: Timestamp::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Share = Share(0);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1000).after(Duration::from_secs(seconds))
    }

    fn fail(breaker: &mut Breaker, now: Timestamp) -> bool {
        let ticket = breaker.enter(now).unwrap();
        breaker.failed(ticket, None, now, AT_ONCE)
    }

    fn trip(breaker: &mut Breaker, now: Timestamp) {
        let opened: Vec<_> = (0..MAX_FAILURES).map(|_| fail(breaker, now)).collect();
        assert_eq!(opened, [false, false, false, false, true]);
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::new();
        trip(&mut breaker, at(0));
        breaker
    }

    #[test]
    fn d1_opens_after_five_failures_in_a_row() {
        let mut breaker = open();
        let shut = Shut { why: Why::Trouble, wait: FIRST };
        assert_eq!(breaker.enter(at(0)), Err(shut));
        assert_eq!(breaker.shut(at(4)).unwrap().wait, Duration::from_secs(1));
        assert_eq!(breaker.shut(at(5)), None);
        // It may be asked again, and has not answered yet.
        assert_eq!(breaker.why(), Some(Why::Trouble));
        let probe = breaker.enter(at(5)).unwrap();
        assert_eq!(breaker.why(), Some(Why::Trouble));
        breaker.answered(probe);
        assert_eq!(breaker.why(), None);
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let mut breaker = Breaker::new();
        for _ in 0..10 {
            for _ in 1..MAX_FAILURES {
                assert!(!fail(&mut breaker, at(0)));
            }
            let ticket = breaker.enter(at(0)).unwrap();
            assert!(!breaker.answered(ticket));
        }
    }

    #[test]
    fn d1_one_probe_decides_for_all() {
        let mut breaker = open();
        let probe = breaker.enter(at(5)).unwrap();
        assert_eq!(breaker.enter(at(5)).unwrap_err().wait, WHILE_PROBING);
        assert!(breaker.answered(probe));
        assert!(breaker.enter(at(5)).is_ok() && breaker.enter(at(5)).is_ok());
    }

    #[test]
    fn d1_waits_double_up_to_a_minute_and_end_with_an_answer() {
        let mut breaker = open();
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..6 {
            let wait = breaker.shut(now).unwrap().wait;
            waits.push(wait.as_secs());
            now = now.after(wait);
            // It was open already: nobody need be told again.
            assert!(!fail(&mut breaker, now));
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        now = now.after(LONGEST);
        let probe = breaker.enter(now).unwrap();
        breaker.answered(probe);
        trip(&mut breaker, now);
        assert_eq!(breaker.shut(now).unwrap().wait, FIRST);
    }

    #[test]
    fn d1_a_wait_is_not_the_same_for_all() {
        let mut breaker = Breaker::new();
        let ticket = breaker.enter(at(0)).unwrap();
        breaker.open(ticket, Why::Trouble, Duration::ZERO, at(0), Share(u16::MAX));
        let wait = breaker.shut(at(0)).unwrap().wait;
        assert!(wait < FIRST && wait >= FIRST.mul_f64(0.8));
    }

    #[test]
    fn d2_what_the_provider_says_counts_for_an_hour() {
        for (said, believed) in [(90, 90), (1, 5), (315_360_000, 3600)] {
            let mut breaker = Breaker::new();
            for _ in 0..MAX_FAILURES {
                let ticket = breaker.enter(at(0)).unwrap();
                breaker.failed(ticket, Some(Duration::from_secs(said)), at(0), AT_ONCE);
            }
            assert_eq!(breaker.shut(at(0)).unwrap().wait, Duration::from_secs(believed));
        }
    }

    #[test]
    fn what_was_asked_before_it_opened_neither_closes_it_nor_makes_it_wait_longer() {
        let mut breaker = Breaker::new();
        let early = breaker.enter(at(0)).unwrap();
        trip(&mut breaker, at(0));
        assert!(!breaker.answered(early));
        assert!(!breaker.failed(early, None, at(1), AT_ONCE));
        assert_eq!(breaker.shut(at(1)).unwrap().wait, Duration::from_secs(4));
        let probe = breaker.enter(at(5)).unwrap();
        breaker.failed(early, None, at(5), AT_ONCE);
        assert!(breaker.answered(probe));
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_leaves_its_place() {
        let mut breaker = open();
        let probe = breaker.enter(at(5)).unwrap();
        breaker.left(probe);
        assert!(breaker.enter(at(5)).is_ok());
        // And who was no probe leaves nothing.
        let mut breaker = Breaker::new();
        let ticket = breaker.enter(at(0)).unwrap();
        breaker.left(ticket);
        assert_eq!(breaker.shut(at(0)), None);
    }

    #[test]
    fn d16_a_clock_that_is_set_back_a_year_does_not_keep_it_open_for_a_year() {
        let breaker = open();
        assert_eq!(breaker.shut(Timestamp::from_unix_seconds(-31_536_000)), None);
    }
}
