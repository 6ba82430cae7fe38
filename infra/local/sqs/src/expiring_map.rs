//! A map whose entries expire. FIFO queues use it for what they remember for five minutes.
//!
//! All entries have the same lifetime, so the oldest entry is always the first, and removing an entry
//! costs as much as adding it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct ExpiringMap<K, V> {
    lifetime_ms: u64,
    entries: HashMap<K, (u64, V)>,
    order: VecDeque<(u64, K)>,
}

impl<K: Clone + Eq + Hash, V> ExpiringMap<K, V> {
    pub(super) fn new(lifetime_ms: u64) -> Self {
        Self { lifetime_ms, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: &K, now_ms: u64) -> Option<&V> {
        self.remove_expired(now_ms);
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V, now_ms: u64) {
        self.remove_expired(now_ms);
        self.restore(now_ms.saturating_add(self.lifetime_ms), key, value);
    }

    /// Returns the time at which each entry expires, its key and its value, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &K, &V)> {
        self.order.iter().filter_map(|(ends_ms, key)| {
            let (latest_ms, value) = self.entries.get(key)?;
            (latest_ms == ends_ms).then_some((*ends_ms, key, value))
        })
    }

    /// Adds an entry that expires at the given time, which must not be before that of any other entry.
    pub(super) fn restore(&mut self, ends_ms: u64, key: K, value: V) {
        self.order.push_back((ends_ms, key.clone()));
        self.entries.insert(key, (ends_ms, value));
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    fn remove_expired(&mut self, now_ms: u64) {
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
        let mut expiring_map = ExpiringMap::new(100);
        expiring_map.insert("a", 1, 0);
        expiring_map.insert("b", 2, 50);
        assert_eq!(expiring_map.get(&"a", 99), Some(&1));
        assert_eq!(expiring_map.get(&"a", 100), None);
        assert_eq!(expiring_map.get(&"b", 149), Some(&2));
    }

    #[test]
    fn a_key_inserted_again_lives_its_lifetime_anew() {
        let mut expiring_map = ExpiringMap::new(100);
        expiring_map.insert("a", 1, 0);
        expiring_map.insert("a", 2, 60);
        assert_eq!(expiring_map.get(&"a", 120), Some(&2));
        assert_eq!(expiring_map.get(&"a", 160), None);
        assert!(expiring_map.order.is_empty());
    }
}
