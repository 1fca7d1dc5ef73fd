//! The receipt of an attempt: its steps, and every check with what was expected and what came.
//!
//! ```text
//! flow ─ step("exchange", facts) ─▶ Receipt ─▶ Step ─ Step ─ Step ─▶ row (store) ─▶ standin attempts show
//!      ─ check(rule, expected, came, holds) ─▶ Verdict ─ or(refusal)?
//! ```
//!
//! The flow carries the receipt along as a value. A check is recorded by the very call that decides it: the
//! [`Verdict`] that comes out is the only thing to go on with, so that what is written and what was done cannot
//! differ, and the check that failed is the last one. What may be recorded is a [`Fact`], and there is no fact for a
//! code, a state, a nonce, a token, or a hash of one (requirements LS-1, LS-4).

mod conclusion;
mod fact;
mod offline;
mod rule;
mod settings;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use conclusion::conclusion;
pub(crate) use fact::Fact;
pub use offline::{Leg, Offline};
pub(crate) use rule::{Rule, rules};
pub use settings::ReceiptSettings;

use crate::time::{Clock, Timestamp};

/// How many bytes of facts one receipt may hold. A sign-in needs a quarter of it; whoever sends much is not kept
/// at length.
const ROOM: usize = 8 * 1024;
/// The longest fact.
const MAX_FACT: usize = 512;
/// More steps and checks than any flow has.
const MAX_LINES: usize = 64;

/// What happens in one attempt, while it happens.
#[derive(Clone)]
pub struct Receipt(Option<Kept>);

#[derive(Clone)]
struct Kept {
    clock: Arc<dyn Clock>,
    begun_at: Timestamp,
    steps: Vec<Step>,
    offline: Option<Offline>,
    lines: usize,
    room: usize,
}

/// One step of an attempt, and the checks that were made in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// What was done.
    pub step: Cow<'static, str>,
    /// What is to be said of it: names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// What was checked, in order. One that failed is the last of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at.
    pub check: Cow<'static, str>,
    /// The requirement that asks for it, as it stands in `docs/requirements.md`.
    pub requirement: Cow<'static, str>,
    /// What it should be.
    pub expected: Cow<'static, str>,
    /// What it was.
    pub came: Cow<'static, str>,
    /// Whether that will do.
    pub passed: bool,
}

/// What a check decided.
#[must_use = "a check that nobody heeds is none"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict(bool);

impl Verdict {
    /// # Errors
    /// `fault`, if the check failed.
    pub(crate) fn or<E>(self, fault: E) -> Result<(), E> {
        if self.0 { Ok(()) } else { Err(fault) }
    }
}

impl Receipt {
    /// Of something that begins now.
    pub(crate) fn begin(clock: &Arc<dyn Clock>) -> Self {
        let begun_at = clock.now();
        let clock = Arc::clone(clock);
        let (steps, offline) = (Vec::with_capacity(12), None);
        Self(Some(Kept { clock, begun_at, steps, offline, lines: 0, room: ROOM }))
    }

    /// One that keeps nothing: for tokens that are verified outside of a sign-in.
    #[must_use]
    pub const fn unkept() -> Self {
        Self(None)
    }

    /// The attempt is found, and began at this time: what it began with comes before everything else.
    pub(crate) fn began(&mut self, at: Timestamp, facts: &[(&'static str, Fact<'_>)]) {
        let Some(kept) = &mut self.0 else { return };
        let since_then = kept.begun_at.remaining(at);
        kept.begun_at = kept.begun_at.min(at);
        for step in &mut kept.steps {
            step.at_ms = step.at_ms.saturating_add(milliseconds(since_then));
        }
        let begun = Step { at_ms: 0, ..kept.line("begun", facts) };
        kept.steps.insert(0, begun);
    }

    /// Something is done.
    pub(crate) fn step(&mut self, name: &'static str, facts: &[(&'static str, Fact<'_>)]) {
        let Some(kept) = self.0.as_mut().filter(|kept| kept.lines < MAX_LINES) else { return };
        let step = kept.line(name, facts);
        kept.steps.push(step);
    }

    /// Something is checked, as a part of the step before. `expected` and `came` are for people, `holds` decides.
    pub(crate) fn check<'f>(
        &mut self,
        rule: Rule,
        expected: impl Into<Fact<'f>>,
        came: impl Into<Fact<'f>>,
        holds: bool,
    ) -> Verdict {
        if let Some(kept) = &mut self.0 {
            kept.check(rule, &expected.into(), &came.into(), holds);
        }
        Verdict(holds)
    }

    /// Something is not as it should be, and that ends it.
    pub(crate) fn failed<'f>(
        &mut self,
        rule: Rule,
        expected: impl Into<Fact<'f>>,
        came: impl Into<Fact<'f>>,
    ) {
        if let Some(kept) = &mut self.0 {
            kept.check(rule, &expected.into(), &came.into(), false);
        }
    }

    /// Something was checked elsewhere, and held.
    pub(crate) fn passed<'f>(
        &mut self,
        rule: Rule,
        expected: impl Into<Fact<'f>>,
        came: impl Into<Fact<'f>>,
    ) {
        if let Some(kept) = &mut self.0 {
            kept.check(rule, &expected.into(), &came.into(), true);
        }
    }

    /// Something was checked by a function that gives a fault of its own; `rule_of` names what it found wrong.
    /// What held is not mentioned here.
    pub(crate) fn fault<T, E: Copy>(
        &mut self,
        checked: Result<T, E>,
        rule_of: impl Fn(E) -> (Rule, &'static str, &'static str),
    ) -> Result<T, E> {
        checked.inspect_err(|fault| {
            if let Some(kept) = &mut self.0 {
                let (rule, expected, came) = rule_of(*fault);
                kept.check(rule, &Fact::Word(expected), &Fact::Word(came), false);
            }
        })
    }

    /// It ends with this code. Where no check says why, a last step does: the provider was out of reach, say.
    pub(crate) fn stopped(&mut self, code: &'static str) {
        if !self.has_failed() {
            self.step("stopped", &[("because", Fact::Word(code))]);
        }
    }

    /// How it leaves offline access.
    pub(crate) fn leaves(&mut self, offline: Offline) {
        self.step("offline access", &[("is", Fact::Word(offline.word()))]);
        if let Some(kept) = &mut self.0 {
            kept.offline = Some(offline);
        }
    }

    /// How it left offline access, if it came so far.
    #[must_use]
    pub fn offline(&self) -> Option<Offline> {
        self.0.as_ref()?.offline
    }

    /// When the attempt began.
    pub(crate) fn begun_at(&self) -> Option<Timestamp> {
        Some(self.0.as_ref()?.begun_at)
    }

    /// Whether the answer was the first of its attempt, so that there can be no other.
    pub(crate) fn has_consumed(&self) -> bool {
        let mut checks = self.steps().iter().flat_map(|step| &step.checks);
        checks.any(|check| check.check == rules::SINGLE_USE.name && check.passed)
    }

    /// Whether a check has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.steps().iter().flat_map(|step| &step.checks).any(|check| !check.passed)
    }

    /// What has been done so far.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.0.as_ref().map_or(&[], |kept| &kept.steps)
    }
}

impl Kept {
    fn line(&mut self, name: &'static str, facts: &[(&'static str, Fact<'_>)]) -> Step {
        let at_ms = milliseconds(self.clock.now().remaining(self.begun_at));
        self.lines += 1;
        let said =
            |(name, fact): &(&'static str, Fact<'_>)| (Cow::Borrowed(*name), self.text(fact));
        let facts = facts.iter().map(said).collect();
        Step { at_ms, step: Cow::Borrowed(name), facts, checks: Vec::new() }
    }

    fn check(&mut self, rule: Rule, expected: &Fact<'_>, came: &Fact<'_>, passed: bool) {
        self.lines += 1;
        // A check that failed is why anybody looks: it has room, however much was said before.
        if self.lines > MAX_LINES && passed {
            return;
        }
        let (expected, came) = (self.text(expected), self.text(came));
        let (check, requirement) = (Cow::Borrowed(rule.name), Cow::Borrowed(rule.requirement));
        let check = Check { check, requirement, expected, came, passed };
        if self.steps.is_empty() {
            let step = self.line("checked", &[]);
            self.steps.push(step);
        }
        if let Some(step) = self.steps.last_mut() {
            step.checks.push(check);
        }
    }

    /// A fact in words, within what room is left.
    fn text(&mut self, fact: &Fact<'_>) -> Cow<'static, str> {
        if let Fact::Word(word) = fact {
            return Cow::Borrowed(word);
        }
        let mut text = String::new();
        // A string takes whatever is written.
        let _ = write!(text, "{fact}");
        let length = text.floor_char_boundary(MAX_FACT.min(self.room));
        if length < text.len() {
            text.truncate(length);
            text.push('…');
        }
        self.room -= length;
        Cow::Owned(text)
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.steps()).finish()
    }
}

#[cfg(test)]
mod tests;
