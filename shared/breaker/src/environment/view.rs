//! What an environment knows of the store.

use std::time::Duration;

use event::Timestamp;

use super::ALONE_AFTER;
use super::away::StoreAway;
use crate::CLOCK_SKEW;
use crate::{Record, Settings, SharedCounts, State};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) record: Record,
    pub(super) basis: Basis,
    pub(super) shared: SharedCounts,
    read_at: Option<Timestamp>,
    /// Since when the breaker has been seen in its state, by the environment's own clock.
    pub(super) seen_since: Timestamp,
    reads_away: Option<StoreAway>,
    writes_away: Option<StoreAway>,
}

/// Where the record in the view comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Basis {
    /// The store held it when it answered last.
    Stored,
    /// The same, but a write's outcome is not known: the store is read before anything else is written.
    InDoubt,
    /// The environment went on without the store, which held this version when it answered last. What
    /// follows is never written: others may have gone on too.
    Alone { stored: u64 },
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            record: Record::unwritten(),
            basis: Basis::Stored,
            shared: SharedCounts::default(),
            read_at: None,
            seen_since: Timestamp::from_unix_ms(0),
            reads_away: None,
            writes_away: None,
        }
    }

    /// Whether the store is to be read before a call is made.
    pub(super) fn is_read_due(&self, settings: &Settings, now: Timestamp) -> bool {
        let age = self.read_at.map(|read_at| now.since(read_at));
        self.can_read(now) && age.is_none_or(|age| age >= settings.refresh_interval())
    }

    /// Whether it can be read, and was not within so long.
    pub(super) fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        self.can_read(now) && self.read_at.is_none_or(|read_at| now.since(read_at) >= age)
    }

    pub(super) fn can_read(&self, now: Timestamp) -> bool {
        !self.reads_away.is_some_and(|away| away.is_paused(now))
    }

    pub(super) fn can_write(&self, now: Timestamp) -> bool {
        self.basis == Basis::Stored && self.can_read(now) && !self.are_writes_paused(now)
    }

    /// Whether the store is to be read before anything is written.
    pub(super) fn is_read_needed(&self, settings: &Settings, now: Timestamp) -> bool {
        match self.basis {
            Basis::Stored => false,
            Basis::InDoubt => self.can_read(now),
            Basis::Alone { .. } if self.are_writes_paused(now) => self.is_read_due(settings, now),
            Basis::Alone { .. } => self.can_read(now),
        }
    }

    fn are_writes_paused(&self, now: Timestamp) -> bool {
        self.writes_away.is_some_and(|away| away.is_paused(now))
    }

    /// Whether the environment has been without the store for so long that it does everything by itself.
    pub(super) fn is_left_alone(&self, now: Timestamp) -> bool {
        let aways = [self.reads_away, self.writes_away];
        aways.into_iter().flatten().any(|away| away.lasts(now) >= ALONE_AFTER)
    }

    pub(super) fn is_store_away(&self, now: Timestamp) -> bool {
        let is_alone = matches!(self.basis, Basis::Alone { .. });
        self.reads_away.is_some() || self.are_writes_paused(now) || is_alone
    }

    /// The store was read.
    pub(super) fn has_read(&mut self, shared: SharedCounts, now: Timestamp) {
        self.shared = shared;
        self.read_at = Some(now);
        self.reads_away = None;
    }

    /// Whether what the environment did alone is still to be gone by, though the store was read: no one
    /// else has written since, and neither can it.
    pub(super) fn is_ahead_of(&self, stored: &Record, now: Timestamp) -> bool {
        self.are_writes_paused(now) && self.basis == Basis::Alone { stored: stored.version }
    }

    pub(super) fn end_write_outage(&mut self) {
        self.writes_away = None;
    }

    pub(super) fn could_not_read(&mut self, settings: &Settings, now: Timestamp) {
        let away = StoreAway::again(self.reads_away, settings.refresh_interval(), now);
        self.reads_away = Some(away);
    }

    pub(super) fn could_not_write(&mut self, settings: &Settings, now: Timestamp) {
        let away = StoreAway::again(self.writes_away, settings.refresh_interval(), now);
        self.writes_away = Some(away);
    }

    /// What follows from the view's record is the view's record, without the store.
    pub(super) fn go_on_alone(&mut self) {
        if !matches!(self.basis, Basis::Alone { .. }) {
            self.basis = Basis::Alone { stored: self.record.version };
        }
    }

    pub(super) fn set_record(&mut self, record: Record, now: Timestamp) {
        if since(&record.state) != since(&self.record.state)
            || record.state.name() != self.record.state.name()
        {
            self.seen_since = now;
        }
        self.record = record;
    }

    /// Times of before the clock went back do not tell how long ago something was.
    pub(super) fn notice_clock(&mut self, now: Timestamp) {
        let latest = now.plus(CLOCK_SKEW);
        if self.seen_since > latest {
            self.seen_since = now;
        }
        self.read_at = self.read_at.filter(|read_at| *read_at <= latest);
    }

    /// The end of a closed breaker's ramp, and how long it is in all. No clock makes it longer than the
    /// settings, from when it was first seen.
    pub(super) fn ramp(&self, settings: &Settings) -> Option<(Timestamp, Duration)> {
        let State::Closed { since, ramp_ends_at } = self.record.state else { return None };
        let whole = ramp_ends_at.since(since).min(settings.ramp);
        let latest = self.seen_since.plus(whole.saturating_add(CLOCK_SKEW));
        Some((ramp_ends_at.min(latest), whole))
    }
}

fn since(state: &State) -> Timestamp {
    match state {
        State::Closed { since, .. } | State::Open { since, .. } | State::HalfOpen { since, .. } => {
            *since
        }
    }
}
