//! What an environment tells the fleet of its calls, and what it makes of the store's answers.

use event::Timestamp;

use super::hold::Hold;
use super::probes::Probes;
use super::view::Basis;
use super::{Answer, Environment, Request};
use crate::recent::Recent;
use crate::{
    Counts, Mode, Publication, PublishOutcome, Record, ReplaceOutcome, SLOTS, Snapshot, State,
    StateName, StoreUnavailable,
};

impl Environment {
    /// What the fleet is to be told. Nothing, as long as no call has failed anywhere.
    pub(super) fn publication(&mut self, now: Timestamp) -> Option<Request> {
        let window = self.settings.window;
        let generation = self.view.record.generation;
        if self.settings.mode == Mode::Enforced
            && self.view.record.state.name() != StateName::Closed
        {
            // No rate is asked for now, and once it closes these are of an earlier generation.
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
            // Where another's clock is ahead, its slot is in the place of one that is over. One that is
            // far ahead is of a clock that is wrong, and does not keep the place.
            let has_newer = shared.keys().any(|other| {
                other % SLOTS == slot % SLOTS && other > slot && window.has(*other, now)
            });
            window.has(*slot, now) && !has_newer
        });
        let mut told = shared.iter().filter(|(slot, _)| window.has(**slot, now));
        let has_sign = |counts: &Counts| counts.has_sign(&self.settings);
        if !told.any(|(_, counts)| has_sign(counts)) && !self.unpublished.values().any(has_sign) {
            return None;
        }
        self.publishing = std::mem::take(&mut self.unpublished);
        self.published_at = Some(now);
        let (added, seen) = (self.publishing.clone(), self.view.shared.clone());
        Some(Request::Publish(Publication { generation, added, seen }))
    }

    /// Whether others count a later generation already. Where there is no record, it was deleted, and the
    /// counts are left over.
    fn is_generation_over(&self) -> bool {
        let Record { version, generation, .. } = self.view.record;
        version > 0 && self.view.shared.generation > generation
    }

    /// Takes the store's answer to what was asked last.
    pub fn apply_answer(&mut self, answer: Answer, now: Timestamp) {
        match answer {
            Answer::Read(Ok(snapshot)) => self.has_read(snapshot, now),
            Answer::Read(Err(StoreUnavailable { .. })) => {
                self.view.could_not_read(&self.settings, now)
            }
            Answer::ReplaceOutcome(record, ReplaceOutcome::Written) => self.has_found(record, now),
            Answer::ReplaceOutcome(_, ReplaceOutcome::Conflict(found)) => {
                let found = found.unwrap_or_else(Record::unwritten);
                if found.version == self.view.record.version {
                    // It is there as it was expected, and still is not replaced: perhaps it is of a
                    // later form that this version cannot read.
                    self.could_not_replace(now);
                } else {
                    self.has_found(found, now);
                }
            }
            Answer::ReplaceOutcome(_, ReplaceOutcome::Unknown(_)) => self.could_not_replace(now),
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
            // That is no reason to keep a trip back: a large fleet's counts may be throttled just then.
            Answer::PublishOutcome(_, PublishOutcome::Unknown(_)) => self.publishing.clear(),
        }
    }

    fn has_read(&mut self, mut snapshot: Snapshot, now: Timestamp) {
        let shared = snapshot.counts.remove(&self.settings.window.horizon()).unwrap_or_default();
        self.view.has_read(shared, now);
        // If there are any, no one waited for what became of them: they may be among those just read.
        self.publishing.clear();
        let record = snapshot.record.unwrap_or_else(Record::unwritten);
        if !self.view.is_ahead_of(&record, now) {
            self.view.basis = Basis::Stored;
            self.set_record(record, now);
        }
    }

    /// A write was answered, and this is what the store holds.
    fn has_found(&mut self, record: Record, now: Timestamp) {
        self.view.end_write_outage();
        self.view.basis = Basis::Stored;
        self.set_record(record, now);
    }

    fn could_not_replace(&mut self, now: Timestamp) {
        self.view.basis = Basis::InDoubt;
        self.view.could_not_write(&self.settings, now);
    }

    /// The record is this from now on. What was counted in another generation, and permits that are not
    /// leased any more, are forgotten.
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
