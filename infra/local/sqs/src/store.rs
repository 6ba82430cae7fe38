//! A queue's messages and the indexes that make each step logarithmic, whatever the backlog.
//!
//! Invariants: a message is in exactly one of the places that its state names (ready, or hidden
//! until a time); the counts are those of the states; a FIFO group is ready when, and only when,
//! its first message is available. Time passes when [`Store::settle`] is called, not by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Depth;
use super::fifo::Fifo;
use super::message::{Message, State};

#[derive(Debug)]
pub(super) struct Store {
    messages: BTreeMap<u64, Message>,
    /// Standard queues: available messages, by the time since when. FIFO groups have turns instead.
    ready: BTreeSet<(u64, u64)>,
    /// Delayed messages and those in flight, by the time until when.
    hidden: BTreeSet<(u64, u64)>,
    /// All messages, by the time at which they were sent: what expires first is first.
    ages: BTreeSet<(u64, u64)>,
    in_flight: usize,
    delayed: usize,
    next_number: u64,
    /// Counts what became of messages: equal counts, equal messages.
    changes: u64,
    pub(super) fifo: Option<Fifo>,
}

/// How far one receive has come through the available messages.
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

    /// The store that a snapshot was taken of.
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
            store.place(number, message.state);
            if let (Some(fifo), Some(group)) = (&mut store.fifo, &message.content.group_id) {
                fifo.add(group, number);
                groups.insert(Arc::clone(group));
            }
            store.messages.insert(number, message);
        }
        // Those whose turn was known keep their order; the others were not ready.
        let turns = store.fifo.as_mut().map(Fifo::take_turns).unwrap_or_default();
        turns.iter().chain(&groups).for_each(|group| store.refresh(group));
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

    /// Adds a message behind all others, in its state.
    pub(super) fn insert(&mut self, message: Message) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.changes += 1;
        self.ages.insert((message.sent_ms, number));
        self.place(number, message.state);
        let group = message.content.group_id.clone();
        self.messages.insert(number, message);
        if let (Some(fifo), Some(group)) = (&mut self.fifo, group) {
            fifo.add(&group, number);
            self.refresh(&group);
        }
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.changes += 1;
        self.unplace(number, message.state);
        self.ages.remove(&(message.sent_ms, number));
        if let (Some(fifo), Some(group)) = (&mut self.fifo, &message.content.group_id) {
            fifo.remove(group, number);
            self.refresh(group);
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

    /// Puts a message into another state, and lets the caller note why on the message.
    pub(super) fn transition(
        &mut self,
        number: u64,
        state: State,
        note: impl FnOnce(&mut Message),
    ) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        let before = std::mem::replace(&mut message.state, state);
        note(message);
        let group = message.content.group_id.clone();
        self.changes += 1;
        self.unplace(number, before);
        self.place(number, state);
        if let Some(group) = group {
            self.refresh(&group);
        }
    }

    /// Lets the time be `now_ms`: what is older than `retention_ms` is gone, what was hidden until
    /// now is available.
    pub(super) fn settle(&mut self, now_ms: u64, retention_ms: u64) {
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

    /// Gives all delayed messages another delay, counted from when they were sent.
    pub(super) fn delay_anew(&mut self, delay_ms: u64) {
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

    /// The next message that may be received. The caller takes it out of the available ones, or
    /// stops asking.
    pub(super) fn next_available(&self, cursor: &mut Cursor) -> Option<u64> {
        let Some(fifo) = &self.fifo else {
            return self.ready.first().map(|(_, number)| *number);
        };
        if let Some(group) = &cursor.group {
            let next = match cursor.last {
                Some(last) => fifo.after(group, last),
                None => fifo.head(group),
            };
            if let Some(number) = next
                && self.is_available(number)
            {
                cursor.last = Some(number);
                return Some(number);
            }
        }
        let group = fifo.next_group()?;
        let head = fifo.head(&group);
        *cursor = Cursor { group: Some(group), last: head };
        head
    }

    fn is_available(&self, number: u64) -> bool {
        self.get(number).is_some_and(|message| matches!(message.state, State::Available { .. }))
    }

    /// Keeps a FIFO group ready exactly while its first message is available.
    fn refresh(&mut self, group: &Arc<str>) {
        let Some(head) = self.fifo.as_ref().and_then(|fifo| fifo.head(group)) else { return };
        let is_ready = self.is_available(head);
        if let Some(fifo) = &mut self.fifo {
            fifo.set_ready(group, is_ready);
        }
    }

    fn place(&mut self, number: u64, state: State) {
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

    fn unplace(&mut self, number: u64, state: State) {
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

    /// Holds this module's invariants against the messages themselves.
    #[cfg(test)]
    pub(super) fn check_consistency(&self) {
        let states = || self.messages.iter().map(|(number, message)| (*number, message.state));
        let hidden: BTreeSet<_> = states()
            .filter_map(|(number, state)| match state {
                State::Delayed { until_ms } | State::InFlight { until_ms } => {
                    Some((until_ms, number))
                }
                State::Available { .. } => None,
            })
            .collect();
        assert_eq!(hidden, self.hidden);
        let in_flight = |(_, state): &(u64, State)| matches!(state, State::InFlight { .. });
        assert_eq!(states().filter(in_flight).count(), self.in_flight);
        assert_eq!(hidden.len(), self.in_flight + self.delayed);
        assert_eq!(self.ages.len(), self.messages.len());
        let Some(fifo) = &self.fifo else {
            let available = states().filter_map(|(number, state)| match state {
                State::Available { since_ms } => Some((since_ms, number)),
                _ => None,
            });
            assert_eq!(available.collect::<BTreeSet<_>>(), self.ready);
            return;
        };
        assert!(self.ready.is_empty());
        for message in self.messages.values() {
            let group = message.content.group_id.as_deref().unwrap_or_default();
            let is_head_available = fifo.head(group).is_some_and(|head| self.is_available(head));
            assert_eq!(fifo.is_ready(group), is_head_available, "group {group}");
        }
    }
}
