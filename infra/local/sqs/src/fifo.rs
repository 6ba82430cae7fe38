//! What a FIFO queue knows beyond a standard one: groups, duplicates, receive attempts.
//!
//! A group hands out its messages strictly in order: it is ready when its first message is
//! available, so a message in flight (or delayed) holds back all that come after it in its group,
//! and no other. Groups take turns: the one that has been ready the longest is next. Which messages
//! are available is the queue's to know.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::limits;
use super::recent::Recent;

/// Sequence numbers have 20 digits, as AWS's do.
const FIRST_SEQUENCE_NUMBER: u64 = 10_000_000_000_000_000_000;

#[derive(Debug)]
pub(super) struct Fifo {
    groups: HashMap<Arc<str>, Group>,
    /// The ready groups, by the turn at which they became so.
    ready: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
    next_sequence_number: u64,
    duplicates: Recent<DuplicateKey, Accepted>,
    attempts: Recent<String, Vec<Attempted>>,
}

/// What a snapshot keeps of it: all but the groups' messages, which tell of their groups themselves.
#[derive(Debug)]
pub(super) struct FifoMemory {
    pub(super) next_sequence_number: u64,
    /// The ready groups in the order of their turns.
    pub(super) turns: Vec<Arc<str>>,
    /// Each with the time until when it is remembered.
    pub(super) duplicates: Vec<(u64, DuplicateKey, Accepted)>,
    pub(super) attempts: Vec<(u64, String, Vec<Attempted>)>,
}

#[derive(Debug, Default)]
struct Group {
    messages: BTreeSet<u64>,
    turn: Option<u64>,
}

/// The deduplication id, and the group where its scope is the group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DuplicateKey {
    pub(super) group: Option<Arc<str>>,
    pub(super) id: String,
}

/// What the first of several duplicates was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) id: Arc<str>,
    pub(super) sequence_number: Option<u64>,
}

/// A message that a receive attempt handed out, and the number of that receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempted {
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
            duplicates: Recent::new(limits::DEDUPLICATION_MS),
            attempts: Recent::new(limits::DEDUPLICATION_MS),
        }
    }

    /// What a snapshot was taken of, without its messages and with the turns of their groups waiting
    /// in [`Fifo::take_turns`].
    pub(super) fn restored(memory: FifoMemory) -> Self {
        let mut fifo = Self::new();
        fifo.next_sequence_number = memory.next_sequence_number;
        fifo.ready = (0..).zip(memory.turns).collect();
        for (ends_ms, key, accepted) in memory.duplicates {
            fifo.duplicates.restore(ends_ms, key, accepted);
        }
        for (ends_ms, id, handed_out) in memory.attempts {
            fifo.attempts.restore(ends_ms, id, handed_out);
        }
        fifo
    }

    /// The groups in the order of their turns, which are then forgotten.
    pub(super) fn take_turns(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.ready).into_values().collect()
    }

    pub(super) fn memory(&self) -> FifoMemory {
        let duplicates = self.duplicates.iter();
        let attempts = self.attempts.iter();
        FifoMemory {
            next_sequence_number: self.next_sequence_number,
            turns: self.ready.values().cloned().collect(),
            duplicates: duplicates
                .map(|(until, key, was)| (until, key.clone(), was.clone()))
                .collect(),
            attempts: attempts.map(|(until, id, out)| (until, id.clone(), out.clone())).collect(),
        }
    }

    pub(super) fn sequence_number(&mut self) -> u64 {
        let number = self.next_sequence_number;
        self.next_sequence_number += 1;
        number
    }

    pub(super) fn add(&mut self, group: &Arc<str>, message: u64) {
        self.groups.entry(Arc::clone(group)).or_default().messages.insert(message);
    }

    /// Forgets a message, and its group with the last one.
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
    pub(super) fn head(&self, group: &str) -> Option<u64> {
        self.groups.get(group)?.messages.first().copied()
    }

    /// The message that comes after another in its group.
    pub(super) fn after(&self, group: &str, message: u64) -> Option<u64> {
        let later = (Bound::Excluded(message), Bound::Unbounded);
        self.groups.get(group)?.messages.range(later).next().copied()
    }

    /// Notes whether a group's first message is available. A group that becomes ready queues up
    /// behind those that already are.
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

    /// The group whose turn it is.
    pub(super) fn next_group(&self) -> Option<Arc<str>> {
        self.ready.first_key_value().map(|(_, group)| Arc::clone(group))
    }

    /// What an equal message was answered with in the last five minutes.
    pub(super) fn duplicate(&mut self, key: &DuplicateKey, now_ms: u64) -> Option<Accepted> {
        self.duplicates.get(key, now_ms).cloned()
    }

    pub(super) fn remember(&mut self, key: DuplicateKey, accepted: Accepted, now_ms: u64) {
        self.duplicates.insert(key, accepted, now_ms);
    }

    /// What a receive attempt of this id handed out in the last five minutes.
    pub(super) fn attempt(&mut self, id: &str, now_ms: u64) -> Option<Vec<Attempted>> {
        self.attempts.get(&id.to_owned(), now_ms).cloned()
    }

    pub(super) fn remember_attempt(&mut self, id: String, handed_out: Vec<Attempted>, now_ms: u64) {
        self.attempts.insert(id, handed_out, now_ms);
    }

    /// Forgets all messages, and what would make a new one a duplicate; sequence numbers go on.
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
            (fifo.head("a"), fifo.after("a", 1), fifo.after("a", 3)),
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
        let (first, second) = (fifo.sequence_number(), fifo.sequence_number());
        assert_eq!(first.to_string().len(), 20);
        assert!(first < second);
    }
}
