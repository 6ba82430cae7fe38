//! What an environment knows of the store.

use std::time::Duration;

use event::Timestamp;

use super::ALONE_AFTER;
use super::outage::StoreOutage;
use crate::CLOCK_SKEW;
use crate::{Record, Settings, SharedCounts, State};

/// The stored record and counts, as far as the environment knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) record: Record,
    pub(super) basis: Basis,
    pub(super) shared: SharedCounts,
    read_at: Option<Timestamp>,
    /// Since when the environment has seen the breaker in its present state, by its own clock.
    pub(super) seen_since: Timestamp,
    read_outage: Option<StoreOutage>,
    write_outage: Option<StoreOutage>,
}

/// Where the record in the view comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Basis {
    /// The store held it when it last answered.
    Stored,
    /// The store held it when it last answered, but the outcome of a later write is not known. The store is read before
    /// anything else is written.
    InDoubt,
    /// The environment has gone on without the store, which held the version `stored` when it last answered. Records
    /// that follow from this one are never written, because other environments may have gone on as well.
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
            read_outage: None,
            write_outage: None,
        }
    }

    /// Whether the store has to be read before a call is made.
    pub(super) fn is_read_due(&self, settings: &Settings, now: Timestamp) -> bool {
        let age = self.read_at.map(|read_at| now.since(read_at));
        self.can_read(now) && age.is_none_or(|age| age >= settings.refresh_interval())
    }

    /// Whether the store can be read, and was last read at least this long ago.
    pub(super) fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        self.can_read(now) && self.read_at.is_none_or(|read_at| now.since(read_at) >= age)
    }

    pub(super) fn can_read(&self, now: Timestamp) -> bool {
        !self.read_outage.is_some_and(|outage| outage.is_paused(now))
    }

    pub(super) fn can_write(&self, now: Timestamp) -> bool {
        self.basis == Basis::Stored && self.can_read(now) && !self.are_writes_paused(now)
    }

    /// Whether the store has to be read before anything is written.
    pub(super) fn is_read_needed(&self, settings: &Settings, now: Timestamp) -> bool {
        match self.basis {
            Basis::Stored => false,
            Basis::InDoubt => self.can_read(now),
            Basis::Alone { .. } if self.are_writes_paused(now) => self.is_read_due(settings, now),
            Basis::Alone { .. } => self.can_read(now),
        }
    }

    fn are_writes_paused(&self, now: Timestamp) -> bool {
        self.write_outage.is_some_and(|outage| outage.is_paused(now))
    }

    /// Whether the environment has been without the store for so long that it decides everything by itself.
    pub(super) fn is_left_alone(&self, now: Timestamp) -> bool {
        let outages = [self.read_outage, self.write_outage];
        outages.into_iter().flatten().any(|outage| outage.lasts(now) >= ALONE_AFTER)
    }

    pub(super) fn is_store_away(&self, now: Timestamp) -> bool {
        let is_alone = matches!(self.basis, Basis::Alone { .. });
        self.read_outage.is_some() || self.are_writes_paused(now) || is_alone
    }

    /// The store was read.
    pub(super) fn note_read(&mut self, shared: SharedCounts, now: Timestamp) {
        self.shared = shared;
        self.read_at = Some(now);
        self.read_outage = None;
    }

    /// Whether the record that the environment has made alone still counts, although the store was read: it cannot
    /// write, and nobody else has written since.
    pub(super) fn is_ahead_of(&self, stored: &Record, now: Timestamp) -> bool {
        self.are_writes_paused(now) && self.basis == Basis::Alone { stored: stored.version }
    }

    pub(super) fn end_write_outage(&mut self) {
        self.write_outage = None;
    }

    pub(super) fn note_failed_read(&mut self, settings: &Settings, now: Timestamp) {
        let outage = StoreOutage::again(self.read_outage, settings.refresh_interval(), now);
        self.read_outage = Some(outage);
    }

    pub(super) fn note_failed_write(&mut self, settings: &Settings, now: Timestamp) {
        let outage = StoreOutage::again(self.write_outage, settings.refresh_interval(), now);
        self.write_outage = Some(outage);
    }

    /// From now on the view's record is not from the store.
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

    /// Forgets times that were taken before the clock went back, because they do not say how long ago something was.
    pub(super) fn notice_clock(&mut self, now: Timestamp) {
        let latest = now.plus(CLOCK_SKEW);
        if self.seen_since > latest {
            self.seen_since = now;
        }
        self.read_at = self.read_at.filter(|read_at| *read_at <= latest);
    }

    /// The end of a closed breaker's ramp, and the length of the ramp. Whatever a clock says, the ramp is no longer
    /// than in the settings, counted from when the environment first saw it.
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
