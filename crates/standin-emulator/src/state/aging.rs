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
    pub(crate) fn insert(&mut self, text: String, value: V) {
        self.order.push_back(text.clone());
        self.entries.insert(text, value);
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
}
