//! A map that forgets: what FIFO queues remember for five minutes.
//!
//! Every entry lives equally long, so the oldest is always in front, and forgetting costs as much
//! as remembering did.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct Recent<K, V> {
    lifetime_ms: u64,
    entries: HashMap<K, (u64, V)>,
    order: VecDeque<(u64, K)>,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(lifetime_ms: u64) -> Self {
        Self { lifetime_ms, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: &K, now_ms: u64) -> Option<&V> {
        self.forget(now_ms);
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V, now_ms: u64) {
        self.forget(now_ms);
        self.restore(now_ms.saturating_add(self.lifetime_ms), key, value);
    }

    /// What is remembered, and until when: the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &K, &V)> {
        let latest = |(ends_ms, key): &'_ (u64, K)| {
            let (until_ms, value) = self.entries.get(key)?;
            (until_ms == ends_ms).then_some(value)
        };
        self.order.iter().filter_map(move |entry| Some((entry.0, &entry.1, latest(entry)?)))
    }

    /// Remembers until a time that is not before those of the entries that are there.
    pub(super) fn restore(&mut self, ends_ms: u64, key: K, value: V) {
        self.order.push_back((ends_ms, key.clone()));
        self.entries.insert(key, (ends_ms, value));
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some((ends_ms, _)) = self.order.front()
            && *ends_ms <= now_ms
        {
            if let Some((ends_ms, key)) = self.order.pop_front()
                && self.entries.get(&key).is_some_and(|(latest_ms, _)| *latest_ms == ends_ms)
            {
                self.entries.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_forgotten_when_its_lifetime_ends_and_no_sooner() {
        let mut recent = Recent::new(100);
        recent.insert("a", 1, 0);
        recent.insert("b", 2, 50);
        assert_eq!(recent.get(&"a", 99), Some(&1));
        assert_eq!(recent.get(&"a", 100), None);
        assert_eq!(recent.get(&"b", 149), Some(&2));
    }

    #[test]
    fn a_key_inserted_again_lives_its_lifetime_anew() {
        let mut recent = Recent::new(100);
        recent.insert("a", 1, 0);
        recent.insert("a", 2, 60);
        assert_eq!(recent.get(&"a", 120), Some(&2));
        assert_eq!(recent.get(&"a", 160), None);
        assert!(recent.order.is_empty());
    }
}
