//! The additional state of FIFO queues: message groups, deduplication ids and receive attempts.
//!
//! A group delivers its messages strictly in order. It is ready when its first message is available, so
//! a message that is in flight or delayed holds back the later messages of its group, and no others.
//! Groups take turns: the group that has been ready the longest is next. The store knows which messages
//! are available.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::expiring_map::ExpiringMap;
use super::limits;

/// Sequence numbers have 20 digits, as on AWS.
const FIRST_SEQUENCE_NUMBER: u64 = 10_000_000_000_000_000_000;

#[derive(Debug)]
pub(super) struct Fifo {
    groups: HashMap<Arc<str>, Group>,
    /// The ready groups, in the order in which they became ready.
    ready: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
    next_sequence_number: u64,
    duplicates: ExpiringMap<DuplicateKey, Accepted>,
    attempts: ExpiringMap<String, Vec<AttemptedReceive>>,
}

/// The state of a FIFO queue that a snapshot contains. Groups are left out, because each message names
/// its group.
#[derive(Debug)]
pub(super) struct FifoSnapshot {
    pub(super) next_sequence_number: u64,
    /// The ready groups in the order of their turns.
    pub(super) turns: Vec<Arc<str>>,
    /// Each with the time at which it expires, in milliseconds.
    pub(super) duplicates: Vec<(u64, DuplicateKey, Accepted)>,
    pub(super) attempts: Vec<(u64, String, Vec<AttemptedReceive>)>,
}

#[derive(Debug, Default)]
struct Group {
    messages: BTreeSet<u64>,
    turn: Option<u64>,
}

/// A deduplication id. It includes the group if the deduplication scope is `messageGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DuplicateKey {
    pub(super) group: Option<Arc<str>>,
    pub(super) id: String,
}

/// The answer to the first of several duplicates, which the others get as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) id: Arc<str>,
    pub(super) sequence_number: Option<u64>,
}

/// A message that a receive attempt delivered, and the number of that receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptedReceive {
    pub(super) message: u64,
    pub(super) receive: u64,
}

impl Fifo {
    pub(super) fn new() -> Self {
        Self {
            groups: HashMap::new(),
            ready: BTreeMap::new(),
            next_turn: 0,
            next_sequence_number: FIRST_SEQUENCE_NUMBER,
            duplicates: ExpiringMap::new(limits::DEDUPLICATION_MS),
            attempts: ExpiringMap::new(limits::DEDUPLICATION_MS),
        }
    }

    /// Restores the state from a snapshot. The messages must be added afterwards; until then,
    /// [`Fifo::take_ready_groups`] keeps the order of the groups.
    pub(super) fn restored(snapshot: FifoSnapshot) -> Self {
        let mut fifo = Self::new();
        fifo.next_sequence_number = snapshot.next_sequence_number;
        fifo.ready = (0..).zip(snapshot.turns).collect();
        for (ends_ms, key, accepted) in snapshot.duplicates {
            fifo.duplicates.restore(ends_ms, key, accepted);
        }
        for (ends_ms, id, handed_out) in snapshot.attempts {
            fifo.attempts.restore(ends_ms, id, handed_out);
        }
        fifo
    }

    /// Removes the ready groups and returns them in the order of their turns.
    pub(super) fn take_ready_groups(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.ready).into_values().collect()
    }

    pub(super) fn snapshot(&self) -> FifoSnapshot {
        FifoSnapshot {
            next_sequence_number: self.next_sequence_number,
            turns: self.ready.values().cloned().collect(),
            duplicates: self
                .duplicates
                .iter()
                .map(|(ends_ms, key, accepted)| (ends_ms, key.clone(), accepted.clone()))
                .collect(),
            attempts: self
                .attempts
                .iter()
                .map(|(ends_ms, id, handed_out)| (ends_ms, id.clone(), handed_out.clone()))
                .collect(),
        }
    }

    pub(super) fn next_sequence_number(&mut self) -> u64 {
        let number = self.next_sequence_number;
        self.next_sequence_number += 1;
        number
    }

    pub(super) fn add(&mut self, group: &Arc<str>, message: u64) {
        self.groups.entry(Arc::clone(group)).or_default().messages.insert(message);
    }

    /// Removes a message, and its group if that was the last message.
    pub(super) fn remove(&mut self, group: &Arc<str>, message: u64) {
        let Some(entry) = self.groups.get_mut(group) else { return };
        entry.messages.remove(&message);
        if entry.messages.is_empty() {
            if let Some(turn) = entry.turn {
                self.ready.remove(&turn);
            }
            self.groups.remove(group);
        }
    }

    /// The first message of a group.
    pub(super) fn first_message(&self, group: &str) -> Option<u64> {
        self.groups.get(group)?.messages.first().copied()
    }

    /// The message that follows another one in its group.
    pub(super) fn message_after(&self, group: &str, message: u64) -> Option<u64> {
        let later = (Bound::Excluded(message), Bound::Unbounded);
        self.groups.get(group)?.messages.range(later).next().copied()
    }

    /// Sets whether a group's first message is available. A group that becomes ready takes its turn
    /// after the groups that already are.
    pub(super) fn set_ready(&mut self, group: &Arc<str>, is_ready: bool) {
        let Some(entry) = self.groups.get_mut(group) else { return };
        match (entry.turn, is_ready) {
            (None, true) => {
                entry.turn = Some(self.next_turn);
                self.ready.insert(self.next_turn, Arc::clone(group));
                self.next_turn += 1;
            }
            (Some(turn), false) => {
                entry.turn = None;
                self.ready.remove(&turn);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    #[cfg(test)]
    pub(super) fn is_ready(&self, group: &str) -> bool {
        let turn = self.groups.get(group).and_then(|entry| entry.turn);
        turn.is_some_and(|turn| self.ready.get(&turn).is_some_and(|ready| **ready == *group))
    }

    /// The group whose turn is next.
    pub(super) fn next_group(&self) -> Option<Arc<str>> {
        self.ready.first_key_value().map(|(_, group)| Arc::clone(group))
    }

    /// The answer to a message with the same deduplication id in the last five minutes.
    pub(super) fn find_duplicate(&mut self, key: &DuplicateKey, now_ms: u64) -> Option<Accepted> {
        self.duplicates.get(key, now_ms).cloned()
    }

    pub(super) fn remember_duplicate(
        &mut self,
        key: DuplicateKey,
        accepted: Accepted,
        now_ms: u64,
    ) {
        self.duplicates.insert(key, accepted, now_ms);
    }

    /// The messages that a receive attempt of this id delivered in the last five minutes.
    pub(super) fn find_attempt(&mut self, id: &str, now_ms: u64) -> Option<Vec<AttemptedReceive>> {
        self.attempts.get(&id.to_owned(), now_ms).cloned()
    }

    pub(super) fn remember_attempt(
        &mut self,
        id: String,
        handed_out: Vec<AttemptedReceive>,
        now_ms: u64,
    ) {
        self.attempts.insert(id, handed_out, now_ms);
    }

    /// Removes all messages, deduplication ids and receive attempts. Sequence numbers continue.
    pub(super) fn purge(&mut self) {
        self.groups.clear();
        self.ready.clear();
        self.duplicates.clear();
        self.attempts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_turns_and_vanish_with_their_last_message() {
        let mut fifo = Fifo::new();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        fifo.add(&a, 1);
        fifo.set_ready(&a, true);
        fifo.add(&b, 2);
        fifo.set_ready(&b, true);
        fifo.add(&a, 3);
        assert_eq!(fifo.next_group(), Some(Arc::clone(&a)));
        assert_eq!(
            (fifo.first_message("a"), fifo.message_after("a", 1), fifo.message_after("a", 3)),
            (Some(1), Some(3), None)
        );
        fifo.set_ready(&a, false);
        fifo.set_ready(&a, true);
        assert_eq!(fifo.next_group(), Some(Arc::clone(&b)));
        fifo.remove(&b, 2);
        assert_eq!(fifo.next_group(), Some(a));
        assert!(!fifo.groups.contains_key("b"));
    }

    #[test]
    fn sequence_numbers_have_20_digits_and_grow() {
        let mut fifo = Fifo::new();
        let (first, second) = (fifo.next_sequence_number(), fifo.next_sequence_number());
        assert_eq!(first.to_string().len(), 20);
        assert!(first < second);
    }
}
