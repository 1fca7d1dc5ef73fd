//! What is in the file, as it is looked at without the disk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use standin::JournalRecord;
use standin::id::{GrantId, RefreshId};
use standin::store::Waiting;
use standin::time::Timestamp;

use super::record::Kept;

/// What is safe in its row is kept for so long all the same: a failover may bring the row of before back.
const AFTER_COMMIT: Duration = Duration::from_mins(10);
/// What never came to a row is kept for so long, as a spare.
const SPARE: Duration = Duration::from_hours(24);

/// Every record of the file, by the grant that it is of: whoever is about to ask looks for one first.
#[derive(Clone, Default)]
pub(super) struct Known {
    of: BTreeMap<GrantId, Vec<Kept>>,
}

impl Known {
    /// What files have. Somebody who was killed while they took one over has left the same record in two. One attempt
    /// may have several, also at one generation: whoever takes up an answer, or was fenced, goes on under the same attempt.
    pub(super) fn of(mut kept: Vec<Kept>) -> Self {
        kept.sort_by_key(|kept| (age(kept), Reverse(kept.settled_at)));
        kept.dedup_by_key(|kept| age(kept));
        kept.into_iter().collect()
    }

    pub(super) fn add(&mut self, kept: Kept) {
        self.of.entry(kept.record.grant).or_default().push(kept);
    }

    pub(super) fn worth_keeping(&self, now: Timestamp) -> Self {
        self.all().filter(|kept| is_worth_keeping(kept, now)).cloned().collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.of.values().flatten()
    }

    /// What is not settled.
    pub(super) fn waiting(&self) -> Waiting {
        let waiting = self.all().filter(|kept| kept.settled_at.is_none());
        waiting.fold(Waiting::default(), |Waiting { count, oldest }, kept| {
            let asked_at = kept.record.asked_at;
            let oldest = oldest.map_or(asked_at, |oldest| oldest.min(asked_at));
            Waiting { count: count + 1, oldest: Some(oldest) }
        })
    }

    pub(super) fn waiting_for(&self) -> BTreeSet<GrantId> {
        let waits = |kept: &Kept| kept.settled_at.is_none();
        let of = self.of.iter().filter(|(_, all)| all.iter().any(waits));
        of.map(|(grant, _)| *grant).collect()
    }

    /// Whether anything in it is past its time.
    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.all().any(|kept| !is_worth_keeping(kept, now))
    }

    pub(super) fn waits_for(&self, grant: GrantId, is_it: impl Fn(&JournalRecord) -> bool) -> bool {
        self.grant(grant).any(|kept| kept.settled_at.is_none() && is_it(&kept.record))
    }

    /// What has waited of this grant's and is such does so no longer. Whose answers they were.
    pub(super) fn settle(
        &mut self,
        grant: GrantId,
        is_it: impl Fn(&JournalRecord) -> bool,
        now: Timestamp,
    ) -> Vec<RefreshId> {
        let of_it = self.of.get_mut(&grant).into_iter().flatten();
        let waiting = of_it.filter(|kept| kept.settled_at.is_none() && is_it(&kept.record));
        waiting
            .map(|kept| {
                kept.settled_at = Some(now);
                kept.record.attempt
            })
            .collect()
    }

    /// The answers to this grant for `generation` or a later one, newest first, but those that are past their time.
    pub(super) fn newest(
        &self,
        grant: GrantId,
        generation: u64,
        now: Timestamp,
    ) -> Vec<JournalRecord> {
        let of_it = self.grant(grant).filter(|kept| kept.record.generation >= generation);
        let mut newest = by_age(of_it, now);
        newest.reverse();
        newest
    }

    /// Oldest first, but those that are past their time.
    pub(super) fn records(&self, now: Timestamp) -> Vec<JournalRecord> {
        by_age(self.all(), now)
    }

    fn grant(&self, grant: GrantId) -> impl Iterator<Item = &Kept> {
        self.of.get(&grant).into_iter().flatten()
    }
}

impl FromIterator<Kept> for Known {
    fn from_iter<I: IntoIterator<Item = Kept>>(all: I) -> Self {
        let mut known = Self::default();
        all.into_iter().for_each(|kept| known.add(kept));
        known
    }
}

fn by_age<'k>(all: impl Iterator<Item = &'k Kept>, now: Timestamp) -> Vec<JournalRecord> {
    let mut all: Vec<&Kept> = all.filter(|kept| is_worth_keeping(kept, now)).collect();
    all.sort_by_key(|kept| age(kept));
    all.into_iter().map(|kept| kept.record.clone()).collect()
}

/// The generation first, then the question: both go on also where a clock was set back.
fn age(kept: &Kept) -> (u64, u64, Timestamp, RefreshId) {
    let JournalRecord { generation, question, asked_at, attempt, .. } = kept.record;
    (generation, question, asked_at, attempt)
}

fn is_worth_keeping(kept: &Kept, now: Timestamp) -> bool {
    let until = match kept.settled_at {
        Some(settled_at) => settled_at.after(AFTER_COMMIT),
        None => kept.record.asked_at.after(SPARE),
    };
    until > now
}
