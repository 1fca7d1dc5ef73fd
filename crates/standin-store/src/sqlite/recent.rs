//! What was read a moment ago, for the read that every request of a browser makes.
//!
//! A row is read again as soon as this process has written anything, and after [`MAX_AGE`] in any case, since
//! another process may have written to the same file. So what a caller here has changed it sees at once, and a
//! session that ends anywhere is over everywhere within a second; the promise is five. Memory is bounded: a fixed
//! number of places, each held by the key that came last. What jobs read is remembered elsewhere, and otherwise
//! (`standin::store::Marks`).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use standin::store::Result;

/// How long a row may be believed although another process may have changed it.
const MAX_AGE: Duration = Duration::from_secs(1);
/// A power of two; a few kilobytes each.
const PLACES: usize = 1024;

/// Counts what this process has written to one database. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(Arc<AtomicU64>);

impl Writes {
    /// Something was committed. To be called before anybody hears of it.
    pub(super) fn happened(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

type Place<K, V> = Mutex<Option<Read<K, V>>>;

/// Rows by key, each as it was read.
pub(super) struct Recent<K, V> {
    places: Box<[Place<K, V>]>,
    hasher: RandomState,
    writes: Writes,
}

struct Read<K, V> {
    key: K,
    value: V,
    writes: u64,
    at: Instant,
}

impl<K, V> std::fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent(…)")
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(writes: Writes) -> Self {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Self { places, hasher: RandomState::new(), writes }
    }

    /// What was read a moment ago, or what `read` reads now. A failure is not kept.
    #[expect(
        clippy::disallowed_methods,
        reason = "the age of a copy is no time that anything is decided by"
    )]
    pub(super) fn get(&self, key: &K, read: impl FnOnce() -> Result<V>) -> Result<V> {
        // Counted before the row is read: a write in between makes this copy an old one.
        let (writes, now) = (self.writes.count(), Instant::now());
        if let Some(kept) = self.place(key).as_ref() {
            let is_young = now.saturating_duration_since(kept.at) < MAX_AGE;
            if kept.key == *key && kept.writes == writes && is_young {
                return Ok(kept.value.clone());
            }
        }
        let value = read()?;
        *self.place(key) = Some(Read { key: key.clone(), value: value.clone(), writes, at: now });
        Ok(value)
    }

    fn place(&self, key: &K) -> MutexGuard<'_, Option<Read<K, V>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % PLACES as u64).unwrap_or_default();
        self.places[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn reads() -> (Writes, Recent<u8, u32>, Cell<u32>) {
        let writes = Writes::default();
        (writes.clone(), Recent::new(writes), Cell::new(0))
    }

    fn next(count: &Cell<u32>) -> u32 {
        count.set(count.get() + 1);
        count.get()
    }

    #[test]
    fn a_row_is_read_once_until_something_is_written() {
        let (writes, recent, count) = reads();
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(1));
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(1));
        writes.happened();
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(2));
    }

    #[test]
    fn a_write_while_the_row_is_read_makes_the_copy_an_old_one() {
        let (writes, recent, count) = reads();
        let read = || {
            writes.happened();
            Ok(next(&count))
        };
        assert_eq!(recent.get(&1, read), Ok(1));
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(2));
    }

    #[test]
    fn a_row_is_read_again_after_a_second() {
        let (_, recent, count) = reads();
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(1));
        if let Some(kept) = recent.place(&1).as_mut() {
            kept.at -= MAX_AGE;
        }
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(2));
    }

    #[test]
    fn another_key_in_the_same_place_is_another_row() {
        let (_, recent, count) = reads();
        for key in 0..=u8::MAX {
            let mine = u32::from(key);
            assert_eq!(recent.get(&key, || Ok(mine)), Ok(mine));
        }
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn a_failure_is_not_kept() {
        let (_, recent, count) = reads();
        let gone = standin::store::StoreError::Conflict;
        assert_eq!(recent.get(&1, || Err(gone.clone())), Err(gone.clone()));
        assert_eq!(recent.get(&1, || Ok(next(&count))), Ok(1));
    }
}
