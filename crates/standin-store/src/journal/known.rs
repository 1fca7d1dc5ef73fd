//! What is in the file, as it is looked at without the disk.

use std::cmp::Reverse;
use std::time::Duration;

use standin::JournalRecord;
use standin::id::{GrantId, RefreshId};
use standin::time::Timestamp;

use super::record::Kept;

/// What is safe in its row is kept for so long all the same: a failover may bring the row of before back.
const AFTER_COMMIT: Duration = Duration::from_mins(10);
/// What never came to a row is kept for so long, as a spare.
const SPARE: Duration = Duration::from_hours(24);

/// Every record of the file. Those that wait are few, and asked for often.
#[derive(Clone, Default)]
pub(super) struct Known {
    waiting: Vec<Kept>,
    settled: Vec<Kept>,
}

impl Known {
    /// What files have. Somebody who was killed while they took one over has left the same record in two. One attempt
    /// may have several: whoever takes up an answer goes on under the attempt that it was given to.
    pub(super) fn of(mut kept: Vec<Kept>) -> Self {
        kept.sort_by_key(|kept| (age(kept), Reverse(kept.settled_at)));
        kept.dedup_by_key(|kept| (kept.record.attempt, kept.record.generation));
        let mut known = Self::default();
        for kept in kept {
            known.add(kept);
        }
        known
    }

    pub(super) fn add(&mut self, kept: Kept) {
        match kept.settled_at {
            None => self.waiting.push(kept),
            Some(_) => self.settled.push(kept),
        }
    }

    pub(super) fn worth_keeping(&self, now: Timestamp) -> Self {
        let worth =
            |all: &[Kept]| all.iter().filter(|kept| is_worth_keeping(kept, now)).cloned().collect();
        Self { waiting: worth(&self.waiting), settled: worth(&self.settled) }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.settled.iter().chain(&self.waiting)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn waits_for(&self, grant: GrantId, generation: u64) -> bool {
        self.waiting.iter().any(|kept| is_before(kept, grant, generation))
    }

    /// What has waited for this grant's row to come to `generation` does so no longer. Whose answers they were.
    pub(super) fn settle(
        &mut self,
        grant: GrantId,
        generation: u64,
        now: Timestamp,
    ) -> Vec<RefreshId> {
        let settled = self.waiting.extract_if(.., |kept| is_before(kept, grant, generation));
        let settled: Vec<Kept> =
            settled.map(|kept| Kept { settled_at: Some(now), ..kept }).collect();
        let attempts = settled.iter().map(|kept| kept.record.attempt).collect();
        self.settled.extend(settled);
        attempts
    }

    /// The newest answer to this grant for `generation` or a later one.
    pub(super) fn newest(&self, grant: GrantId, generation: u64) -> Option<JournalRecord> {
        let is_it =
            |kept: &&Kept| kept.record.grant == grant && kept.record.generation >= generation;
        self.all().filter(is_it).max_by_key(|kept| age(kept)).map(|kept| kept.record.clone())
    }

    /// Oldest first.
    pub(super) fn records(&self) -> Vec<JournalRecord> {
        let mut all: Vec<&Kept> = self.all().collect();
        all.sort_by_key(|kept| age(kept));
        all.into_iter().map(|kept| kept.record.clone()).collect()
    }
}

fn is_before(kept: &Kept, grant: GrantId, generation: u64) -> bool {
    kept.record.grant == grant && kept.record.generation < generation
}

fn age(kept: &Kept) -> (Timestamp, u64, RefreshId) {
    (kept.record.asked_at, kept.record.generation, kept.record.attempt)
}

fn is_worth_keeping(kept: &Kept, now: Timestamp) -> bool {
    let until = match kept.settled_at {
        Some(settled_at) => settled_at.after(AFTER_COMMIT),
        None => kept.record.asked_at.after(SPARE),
    };
    until > now
}
