//! What was outdated when, as far as this process knows: by it, whatever is kept in memory is believed or not.
//!
//! ```text
//! now() ─▶ rows are read ─▶ watch(what they depend on) ─▶ kept ─▶ stands? ─▶ believed
//!                strike(what has changed) ───────────────────────┘
//! ```
//!
//! Every strike has a number, and each place remembers the last one that hit it. What was kept stands as long as none
//! of its places was hit after the number that was current before its rows were read. So a change that comes while
//! rows are read, or between reading and keeping, is never lost, and nobody has to find what is to be thrown away.
//! There are fewer places than things: two may share one, and then one is read again for the other's sake.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::Epoch;

/// A power of two; eight bytes each.
const PLACES: u32 = 32_768;

/// Strikes, by place. One per store.
#[derive(Debug)]
pub struct Marks {
    count: AtomicU64,
    everything: AtomicU64,
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// A moment, before something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

/// Where strikes at one thing, and at some others, go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

/// What something in memory depends on, as it was at a moment.
#[derive(Clone, Debug)]
pub struct Watch {
    since: Mark,
    places: Box<[Place]>,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Marks {
    /// To be taken before the rows are read.
    #[must_use]
    pub fn now(&self) -> Mark {
        Mark(self.count.load(SeqCst))
    }

    /// Of something that others depend on.
    #[must_use]
    pub fn place(&self, thing: &impl Hash) -> Place {
        Place(u32::try_from(self.hasher.hash_one(thing) % u64::from(PLACES)).unwrap_or_default())
    }

    /// Whether nothing that it depends on has changed since.
    #[must_use]
    pub fn stand(&self, watch: &Watch) -> bool {
        let is_older = |strike: &AtomicU64| strike.load(SeqCst) <= watch.since.0;
        let place = |place: &Place| self.places.get(place.0 as usize).is_some_and(is_older);
        is_older(&self.everything) && watch.places.iter().all(place)
    }

    /// It has changed, and the change is there for whoever reads now. To be called before anybody hears of it.
    pub fn strike(&self, thing: &impl Hash) {
        if let Some(place) = self.places.get(self.place(thing).0 as usize) {
            place.fetch_max(self.next(), SeqCst);
        }
    }

    /// Nothing that was read until now is believed any more.
    pub fn strike_everything(&self) {
        self.everything.fetch_max(self.next(), SeqCst);
    }

    /// Whatever this epoch is about.
    pub fn strike_epoch(&self, epoch: &Epoch) {
        match epoch {
            Epoch::Everything => self.strike_everything(),
            Epoch::Provider(provider) => self.strike(provider),
            Epoch::RollCall => {}
        }
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, SeqCst) + 1
    }
}

impl Watch {
    /// What was read since then depends on what is in these places.
    #[must_use]
    pub fn new(since: Mark, places: impl IntoIterator<Item = Place>) -> Self {
        Self { since, places: places.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(marks: &Marks, since: Mark, things: &[u32]) -> Watch {
        Watch::new(since, things.iter().map(|thing| marks.place(thing)))
    }

    #[test]
    fn what_was_read_stands_until_something_it_depends_on_changes() {
        let marks = Marks::default();
        let kept = watch(&marks, marks.now(), &[1, 2]);
        assert!(marks.stand(&kept));
        let is_elsewhere = |other: &u32| !kept.places.contains(&marks.place(other));
        marks.strike(&(3..99).find(is_elsewhere).unwrap());
        assert!(marks.stand(&kept));
        marks.strike(&2_u32);
        assert!(!marks.stand(&kept));
        assert!(marks.stand(&watch(&marks, marks.now(), &[1, 2])));
    }

    #[test]
    fn a_change_between_reading_and_keeping_is_not_lost() {
        let marks = Marks::default();
        let before = marks.now();
        marks.strike(&1_u32);
        assert!(!marks.stand(&watch(&marks, before, &[1])));
    }

    #[test]
    fn nothing_stands_after_everything_was_struck() {
        let marks = Marks::default();
        let kept = [watch(&marks, marks.now(), &[1]), watch(&marks, marks.now(), &[])];
        marks.strike_epoch(&Epoch::RollCall);
        assert!(kept.iter().all(|kept| marks.stand(kept)));
        marks.strike_epoch(&Epoch::Everything);
        assert!(!kept.iter().any(|kept| marks.stand(kept)));
        assert!(marks.stand(&watch(&marks, marks.now(), &[1])));
    }
}
