//! The messages of a queue, with indexes that make each step logarithmic in their number.
//!
//! Three invariants hold. A message is in the one index that belongs to its state: `ready` or `hidden`.
//! The counts are the numbers of messages in each state. A FIFO group is ready if and only if its first
//! message is available. Time passes only when [`Store::advance_to`] is called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Depth;
use super::fifo::Fifo;
use super::message::{Message, State};

#[derive(Debug)]
pub(super) struct Store {
    messages: BTreeMap<u64, Message>,
    /// The available messages of a standard queue, by the time since which they are available. FIFO
    /// queues have the turns of their groups instead.
    ready: BTreeSet<(u64, u64)>,
    /// Messages that are delayed or in flight, by the time until which they are hidden.
    hidden: BTreeSet<(u64, u64)>,
    /// All messages, by the time at which they were sent. The first one expires first.
    ages: BTreeSet<(u64, u64)>,
    in_flight: usize,
    delayed: usize,
    next_number: u64,
    /// The number of changes so far. As long as it stays the same, so do the messages.
    changes: u64,
    pub(super) fifo: Option<Fifo>,
}

/// The position of one receive in the available messages.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    group: Option<Arc<str>>,
    last: Option<u64>,
}

impl Store {
    pub(super) fn new(is_fifo: bool) -> Self {
        Self {
            messages: BTreeMap::new(),
            ready: BTreeSet::new(),
            hidden: BTreeSet::new(),
            ages: BTreeSet::new(),
            in_flight: 0,
            delayed: 0,
            next_number: 0,
            changes: 0,
            fifo: is_fifo.then(Fifo::new),
        }
    }

    /// Restores a store from a snapshot.
    pub(super) fn restored(
        messages: Vec<(u64, Message)>,
        next_number: u64,
        fifo: Option<Fifo>,
    ) -> Self {
        let mut store = Self { next_number, ..Self::new(false) };
        store.fifo = fifo;
        let mut groups = BTreeSet::new();
        for (number, message) in messages {
            store.next_number = store.next_number.max(number.saturating_add(1));
            store.ages.insert((message.sent_ms, number));
            store.add_to_indexes(number, message.state);
            if let (Some(fifo), Some(group)) = (&mut store.fifo, &message.content.group_id) {
                fifo.add(group, number);
                groups.insert(Arc::clone(group));
            }
            store.messages.insert(number, message);
        }
        // The groups that were ready keep their order.
        let turns = store.fifo.as_mut().map(Fifo::take_ready_groups).unwrap_or_default();
        turns.iter().chain(&groups).for_each(|group| store.update_readiness(group));
        store
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn depth(&self) -> Depth {
        Depth {
            visible: self.messages.len() - self.in_flight - self.delayed,
            in_flight: self.in_flight,
            delayed: self.delayed,
        }
    }

    /// When the oldest message was sent.
    pub(super) fn oldest_sent_ms(&self) -> Option<u64> {
        self.ages.first().map(|(sent_ms, _)| *sent_ms)
    }

    /// When the next hidden message becomes available.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.hidden.first().map(|(until_ms, _)| *until_ms)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Message> {
        self.messages.get(&number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.messages.iter().map(|(number, message)| (*number, message))
    }

    /// Adds a message after all others, in the state that it has.
    pub(super) fn insert(&mut self, message: Message) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.changes += 1;
        self.ages.insert((message.sent_ms, number));
        self.add_to_indexes(number, message.state);
        let group = message.content.group_id.clone();
        self.messages.insert(number, message);
        if let (Some(fifo), Some(group)) = (&mut self.fifo, group) {
            fifo.add(&group, number);
            self.update_readiness(&group);
        }
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.changes += 1;
        self.remove_from_indexes(number, message.state);
        self.ages.remove(&(message.sent_ms, number));
        if let (Some(fifo), Some(group)) = (&mut self.fifo, &message.content.group_id) {
            fifo.remove(group, number);
            self.update_readiness(group);
        }
        Some(message)
    }

    pub(super) fn purge(&mut self) {
        self.changes += 1;
        self.messages.clear();
        self.ready.clear();
        self.hidden.clear();
        self.ages.clear();
        self.in_flight = 0;
        self.delayed = 0;
        if let Some(fifo) = &mut self.fifo {
            fifo.purge();
        }
    }

    /// Changes the state of a message as [`State::can_become`] allows, and lets the caller update its
    /// other fields.
    pub(super) fn transition(
        &mut self,
        number: u64,
        state: State,
        note: impl FnOnce(&mut Message),
    ) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        debug_assert!(message.state.can_become(state), "{:?} to {state:?}", message.state);
        let before = std::mem::replace(&mut message.state, state);
        note(message);
        let group = message.content.group_id.clone();
        self.changes += 1;
        self.remove_from_indexes(number, before);
        self.add_to_indexes(number, state);
        if let Some(group) = group {
            self.update_readiness(&group);
        }
    }

    /// Applies the passing of time until `now_ms`: removes messages older than `retention_ms`, and makes
    /// messages available that were hidden until then.
    pub(super) fn advance_to(&mut self, now_ms: u64, retention_ms: u64) {
        while let Some(&(sent_ms, number)) = self.ages.first()
            && sent_ms.saturating_add(retention_ms) <= now_ms
        {
            self.remove(number);
        }
        while let Some(&(until_ms, number)) = self.hidden.first()
            && until_ms <= now_ms
        {
            self.transition(number, State::Available { since_ms: until_ms }, |_| {});
        }
    }

    /// Changes the delay of all delayed messages, counted from when they were sent.
    pub(super) fn change_delays(&mut self, delay_ms: u64) {
        let numbers: Vec<u64> = self.hidden.iter().map(|(_, number)| *number).collect();
        for number in numbers {
            if let Some(message) = self.messages.get(&number)
                && let State::Delayed { .. } = message.state
            {
                let until_ms = message.sent_ms.saturating_add(delay_ms);
                self.transition(number, State::Delayed { until_ms }, |_| {});
            }
        }
    }

    /// The next message that can be received. The caller must change its state or remove it before the
    /// next call.
    pub(super) fn next_available(&self, cursor: &mut Cursor) -> Option<u64> {
        let Some(fifo) = &self.fifo else {
            return self.ready.first().map(|(_, number)| *number);
        };
        if let Some(group) = &cursor.group {
            let next = match cursor.last {
                Some(last) => fifo.message_after(group, last),
                None => fifo.first_message(group),
            };
            if let Some(number) = next
                && self.is_available(number)
            {
                cursor.last = Some(number);
                return Some(number);
            }
        }
        let group = fifo.next_group()?;
        let first = fifo.first_message(&group);
        *cursor = Cursor { group: Some(group), last: first };
        first
    }

    fn is_available(&self, number: u64) -> bool {
        self.get(number).is_some_and(|message| matches!(message.state, State::Available { .. }))
    }

    /// Makes a FIFO group ready if its first message is available, and not ready otherwise.
    fn update_readiness(&mut self, group: &Arc<str>) {
        let Some(first) = self.fifo.as_ref().and_then(|fifo| fifo.first_message(group)) else {
            return;
        };
        let is_ready = self.is_available(first);
        if let Some(fifo) = &mut self.fifo {
            fifo.set_ready(group, is_ready);
        }
    }

    fn add_to_indexes(&mut self, number: u64, state: State) {
        match state {
            State::Available { since_ms } if self.fifo.is_none() => {
                self.ready.insert((since_ms, number));
            }
            State::Available { .. } => {}
            State::Delayed { until_ms } => {
                self.hidden.insert((until_ms, number));
                self.delayed += 1;
            }
            State::InFlight { until_ms } => {
                self.hidden.insert((until_ms, number));
                self.in_flight += 1;
            }
        }
    }

    fn remove_from_indexes(&mut self, number: u64, state: State) {
        match state {
            State::Available { since_ms } => {
                self.ready.remove(&(since_ms, number));
            }
            State::Delayed { until_ms } => {
                self.hidden.remove(&(until_ms, number));
                self.delayed -= 1;
            }
            State::InFlight { until_ms } => {
                self.hidden.remove(&(until_ms, number));
                self.in_flight -= 1;
            }
        }
    }

    /// Checks this module's invariants against the messages themselves.
    #[cfg(test)]
    pub(super) fn check_consistency(&self) {
        let mut available = BTreeSet::new();
        let mut hidden = BTreeSet::new();
        let mut in_flight = 0;
        for (number, message) in &self.messages {
            match message.state {
                State::Available { since_ms } => {
                    available.insert((since_ms, *number));
                }
                State::Delayed { until_ms } => {
                    hidden.insert((until_ms, *number));
                }
                State::InFlight { until_ms } => {
                    hidden.insert((until_ms, *number));
                    in_flight += 1;
                }
            }
        }
        assert_eq!(hidden, self.hidden);
        assert_eq!(in_flight, self.in_flight);
        assert_eq!(hidden.len(), self.in_flight + self.delayed);
        assert_eq!(self.ages.len(), self.messages.len());
        let Some(fifo) = &self.fifo else {
            assert_eq!(available, self.ready);
            return;
        };
        assert!(self.ready.is_empty());
        for message in self.messages.values() {
            let group = message.content.group_id.as_deref().unwrap_or_default();
            let is_head_available =
                fifo.first_message(group).is_some_and(|head| self.is_available(head));
            assert_eq!(fifo.is_ready(group), is_head_available, "group {group}");
        }
    }
}
