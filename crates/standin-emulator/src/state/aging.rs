//! A map that lets go of its oldest entries, so that an emulator can run for weeks.

use std::collections::{HashMap, VecDeque};

/// Entries by text, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Aging<V> {
    entries: HashMap<String, V>,
    /// May name entries that are gone.
    order: VecDeque<String>,
}

impl<V> Default for Aging<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<V> Aging<V> {
    /// Adds an entry. The new value of a known one keeps its place among the others.
    pub(crate) fn insert(&mut self, text: String, value: V) {
        if self.entries.insert(text.clone(), value).is_none() {
            self.order.push_back(text);
        }
    }

    pub(crate) fn remove(&mut self, text: &str) -> Option<V> {
        self.entries.remove(text)
    }

    pub(crate) fn get(&self, text: &str) -> Option<&V> {
        self.entries.get(text)
    }

    pub(crate) fn get_mut(&mut self, text: &str) -> Option<&mut V> {
        self.entries.get_mut(text)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(text, value)| (text.as_str(), value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, value| keep(value));
    }

    /// Drops the oldest entries for as long as `may_go` says so, given how many there are.
    pub(crate) fn drop_oldest_while(&mut self, may_go: impl Fn(usize, &V) -> bool) {
        while let Some(oldest) = self.order.front() {
            match self.entries.get(oldest) {
                Some(value) if !may_go(self.order.len(), value) => return,
                Some(_) => drop(self.entries.remove(oldest)),
                None => {}
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_gaps_do_not_matter() {
        let mut map = Aging::default();
        for number in 0..6 {
            map.insert(number.to_string(), number);
        }
        map.retain(|number| *number != 1);
        map.drop_oldest_while(|count, _| count > 3);
        let mut left: Vec<_> = map.iter().map(|(_, number)| *number).collect();
        left.sort_unstable();
        assert_eq!(left, [3, 4, 5]);
        map.drop_oldest_while(|_, number| *number < 3);
        assert!(map.get("3").is_some(), "one that may not go ends it");
    }

    #[test]
    fn a_key_that_comes_again_counts_once() {
        let mut map = Aging::default();
        for (text, number) in [("a", 0), ("b", 1), ("b", 2), ("b", 3)] {
            map.insert(text.to_owned(), number);
        }
        map.drop_oldest_while(|count, _| count > 2);
        assert_eq!((map.get("a"), map.get("b")), (Some(&0), Some(&3)));
        map.remove("a");
        map.drop_oldest_while(|count, _| count > 1);
        assert_eq!(map.get("b"), Some(&3));
    }
}
