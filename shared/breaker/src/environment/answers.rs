//! What an environment tells the fleet of its calls, and what it makes of the store's answers.

use event::Timestamp;

use super::hold::Hold;
use super::probes::Probes;
use super::{Answer, Environment, LONGEST_AWAY, Request, StoreAway};
use crate::recent::Recent;
use crate::{Away, Counts, Publication, Published, Record, Replaced, SLOTS, State};

impl Environment {
    /// What the fleet is to be told. Nothing, as long as no call has failed anywhere.
    pub(super) fn publication(&mut self, now: Timestamp) -> Option<Request> {
        let window = self.settings.window;
        let generation = self.view.record.generation;
        let is_due = self.published_at.is_none_or(|at| now.since(at) >= self.settings.refresh);
        if !is_due || self.unpublished.is_empty() || self.view.shared.generation > generation {
            return None;
        }
        let shared = self.view.shared.slots(generation);
        self.publishing.clear();
        self.unpublished.retain(|slot, _| {
            // Where another's clock is ahead, its slot is in the place of one that is over.
            let has_newer =
                shared.keys().any(|other| other % SLOTS == slot % SLOTS && other > slot);
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

    /// Takes the store's answer.
    pub fn answered(&mut self, answer: Answer, now: Timestamp) {
        match answer {
            Answer::Read(Ok(mut snapshot)) => {
                self.view.read_at = Some(now);
                self.view.away = None;
                self.view.is_in_doubt = false;
                let horizon = self.settings.window.horizon();
                self.view.shared = snapshot.counts.remove(&horizon).unwrap_or_default();
                self.saw(snapshot.record.unwrap_or_else(Record::unwritten), now);
            }
            Answer::Read(Err(Away { .. })) => self.is_away(now),
            Answer::Replaced(record, Replaced::Written) => self.saw(record, now),
            Answer::Replaced(_, Replaced::Conflict(found)) => {
                self.saw(found.unwrap_or_else(Record::unwritten), now);
            }
            Answer::Replaced(_, Replaced::Unknown(_)) => self.view.is_in_doubt = true,
            Answer::Published(publication, Published::Added) => {
                self.publishing.clear();
                if let Some(shared) = publication.applied_to(&self.view.shared) {
                    self.view.shared = shared;
                }
            }
            Answer::Published(_, Published::Conflict) => {
                for (slot, counts) in std::mem::take(&mut self.publishing) {
                    let sum = self.unpublished.entry(slot).or_default();
                    *sum = sum.plus(counts);
                }
            }
            Answer::Published(_, Published::Unknown(_)) => self.publishing.clear(),
        }
    }

    fn is_away(&mut self, now: Timestamp) {
        let StoreAway { since, in_a_row, .. } =
            self.view.away.unwrap_or(StoreAway { since: now, until: now, in_a_row: 0 });
        let pause = self.settings.refresh.saturating_mul(1 << in_a_row.min(16)).min(LONGEST_AWAY);
        let until = now.plus(pause);
        self.view.away = Some(StoreAway { since, until, in_a_row: in_a_row.saturating_add(1) });
    }

    /// The record is this.
    pub(super) fn saw(&mut self, record: Record, now: Timestamp) {
        if record.version != self.view.record.version || record.state != self.view.record.state {
            self.view.seen_at = now;
        }
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
        self.view.record = record;
    }
}
