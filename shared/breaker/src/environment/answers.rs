//! What an environment publishes of its calls, and how it takes the store's answers.

use std::collections::BTreeMap;

use event::Timestamp;

use super::hold::Hold;
use super::probes::Probes;
use super::view::Basis;
use super::{Answer, Environment, Request};
use crate::counts::Slot;
use crate::recent::Recent;
use crate::{
    Counts, Mode, Publication, PublishOutcome, Record, ReplaceOutcome, SLOTS, Snapshot, State,
    StateName, StoreUnavailable, Window,
};

/// Whether a newer slot that is within the window has the place of this slot. That is so if another environment's clock
/// is ahead. If it is far ahead, it is wrong, and its slot does not keep the place.
fn has_newer_slot(
    shared: &BTreeMap<Slot, Counts>,
    slot: Slot,
    window: Window,
    now: Timestamp,
) -> bool {
    shared
        .keys()
        .any(|other| other % SLOTS == slot % SLOTS && *other > slot && window.has(*other, now))
}

impl Environment {
    /// The counts to publish now. There are none as long as no call has failed anywhere.
    pub(super) fn publication(&mut self, now: Timestamp) -> Option<Request> {
        let window = self.settings.window;
        let generation = self.view.record.generation;
        if self.settings.mode == Mode::Enforced
            && self.view.record.state.name() != StateName::Closed
        {
            // Rates do not matter in this state, and when the breaker closes, these calls belong to an earlier
            // generation.
            return None;
        }
        let is_due =
            self.published_at.is_none_or(|at| now.since(at) >= self.settings.refresh_interval());
        if !is_due || self.unpublished.is_empty() || self.is_generation_over() {
            return None;
        }
        let shared = self.view.shared.slots(generation);
        self.publishing.clear();
        self.unpublished.retain(|slot, _| {
            window.has(*slot, now) && !has_newer_slot(&shared, *slot, window, now)
        });
        let mut published = shared.iter().filter(|(slot, _)| window.has(**slot, now));
        if !published.any(|(_, counts)| counts.has_sign(&self.settings))
            && !self.unpublished.values().any(|counts| counts.has_sign(&self.settings))
        {
            return None;
        }
        self.publishing = std::mem::take(&mut self.unpublished);
        self.published_at = Some(now);
        let (added, seen) = (self.publishing.clone(), self.view.shared.clone());
        Some(Request::Publish(Publication { generation, added, seen }))
    }

    /// Whether other environments already count a later generation. If there is no record, it was deleted and the
    /// counts are left over.
    fn is_generation_over(&self) -> bool {
        let Record { version, generation, .. } = self.view.record;
        version > 0 && self.view.shared.generation > generation
    }

    /// Takes the store's answer to the last request.
    pub fn apply_answer(&mut self, answer: Answer, now: Timestamp) {
        match answer {
            Answer::Read(Ok(snapshot)) => self.take_snapshot(snapshot, now),
            Answer::Read(Err(StoreUnavailable { .. })) => {
                self.view.note_failed_read(&self.settings, now)
            }
            Answer::ReplaceOutcome(record, ReplaceOutcome::Written) => {
                self.take_stored(record, now)
            }
            Answer::ReplaceOutcome(_, ReplaceOutcome::Conflict(found)) => {
                let found = found.unwrap_or_else(Record::unwritten);
                if found.version == self.view.record.version {
                    // The stored record has the expected version, and still was not replaced. Perhaps it has a later
                    // format that this version cannot read.
                    self.note_failed_replace(now);
                } else {
                    self.take_stored(found, now);
                }
            }
            Answer::ReplaceOutcome(_, ReplaceOutcome::Unknown(_)) => self.note_failed_replace(now),
            Answer::PublishOutcome(publication, PublishOutcome::Added) => {
                self.view.end_write_outage();
                self.publishing.clear();
                if let Some(shared) = publication.applied_to(&self.view.shared) {
                    self.view.shared = shared;
                }
            }
            Answer::PublishOutcome(_, PublishOutcome::Conflict) => {
                self.view.end_write_outage();
                for (slot, counts) in std::mem::take(&mut self.publishing) {
                    let sum = self.unpublished.entry(slot).or_default();
                    *sum = sum.plus(counts);
                }
            }
            // This does not stop a trip from being written: in a large fleet, counts may be throttled just then.
            Answer::PublishOutcome(_, PublishOutcome::Unknown(_)) => self.publishing.clear(),
        }
    }

    fn take_snapshot(&mut self, mut snapshot: Snapshot, now: Timestamp) {
        let shared = snapshot.counts.remove(&self.settings.window.horizon()).unwrap_or_default();
        self.view.note_read(shared, now);
        // If counts were being published, their answer was not waited for. They may be among those just read.
        self.publishing.clear();
        let record = snapshot.record.unwrap_or_else(Record::unwritten);
        if !self.view.is_ahead_of(&record, now) {
            self.view.basis = Basis::Stored;
            self.set_record(record, now);
        }
    }

    /// Takes the record that the store holds, by its answer to a write.
    fn take_stored(&mut self, record: Record, now: Timestamp) {
        self.view.end_write_outage();
        self.view.basis = Basis::Stored;
        self.set_record(record, now);
    }

    fn note_failed_replace(&mut self, now: Timestamp) {
        self.view.basis = Basis::InDoubt;
        self.view.note_failed_write(&self.settings, now);
    }

    /// The record is this from now on. Counts of another generation and permits that are not leased any more are
    /// dropped.
    pub(super) fn set_record(&mut self, record: Record, now: Timestamp) {
        if record.generation != self.view.record.generation {
            self.recent = Recent::new(self.settings.window);
            self.unpublished.clear();
            self.publishing.clear();
            self.hold = Hold::default();
        }
        let lease = match &record.state {
            State::HalfOpen { leases, .. } => leases.get(&self.id).cloned(),
            State::Closed { .. } | State::Open { .. } => None,
        };
        self.probes = match (lease, self.probes.take()) {
            (None, _) => None,
            (Some(lease), Some(probes)) if probes.lease == lease => Some(probes),
            (Some(lease), _) => Some(Probes::new(lease)),
        };
        self.view.set_record(record, now);
    }
}
