//! The rounds of one batch: what is asked next, and what an answer means.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Code, Failure};

use super::Write;
use super::packing::{Call, Packed, pack};
use crate::batch::{Repeat, contended, distinct};
use crate::store::LONGEST_PAUSE;
use crate::{
    Change, CommitError, Completed, DedupeRecord, Effect, Expected, Limits, Outcome, Reason,
    Transaction, Verdict, backoff,
};

/// A batch on its way. Ask for [`Rounds::transactions`], give [`Rounds::answer`] an answer to each,
/// and begin again, until there are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rounds<E> {
    writes: Vec<Write<E>>,
    limits: Limits,
    outcomes: Vec<Option<Outcome>>,
    /// Settled once the first delivery of their key is.
    repeats: Vec<Repeat>,
    /// What the store will never take.
    rejected: BTreeSet<usize>,
    /// What found a newer effect in its place: only its dedupe record is still to be written.
    stale: BTreeSet<usize>,
    /// The transactions under way.
    calls: Vec<Call<E>>,
    /// What waits for the next round, each packed by itself.
    groups: Vec<Vec<usize>>,
    /// Rounds in a row that settled nothing.
    fruitless: u32,
}

impl<E: Effect> Rounds<E> {
    #[must_use]
    pub fn new(writes: Vec<Write<E>>, limits: Limits) -> Self {
        let all = (0..writes.len()).collect();
        let mut rounds = Self {
            outcomes: vec![None; writes.len()],
            writes,
            limits,
            repeats: Vec::new(),
            rejected: BTreeSet::new(),
            stale: BTreeSet::new(),
            calls: Vec::new(),
            groups: Vec::new(),
            fruitless: 0,
        };
        rounds.begin(all);
        rounds
    }

    /// What is to be committed now, in any order or at once; nothing once all is settled.
    #[must_use]
    pub fn transactions(&self) -> Vec<Transaction<E>> {
        let transaction = |call: &Call<E>| Transaction {
            changes: call.recorded.iter().map(|&at| complete(&self.writes[at])).collect(),
            effects: call.carried.iter().map(|each| each.effect(&self.writes).clone()).collect(),
        };
        self.calls.iter().map(transaction).collect()
    }

    /// How long to wait before that.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let seed = self.calls.first()?.positions.first()?;
        (self.fruitless > 0).then(|| backoff(self.fruitless, LONGEST_PAUSE, &self.writes[*seed].id))
    }

    /// Takes the answer to each of [`Rounds::transactions`], in their order.
    pub fn answer(&mut self, answers: Vec<Result<(), CommitError>>) {
        let mut is_fruitful = false;
        for (call, answer) in std::mem::take(&mut self.calls).into_iter().zip(answers) {
            is_fruitful |= match answer {
                Ok(()) => self.written(&call),
                Err(CommitError::Failed(failure)) => self.failed(&call, &failure),
                Err(CommitError::Rejected { code, reason }) => self.rejected(&call, code, reason),
                Err(CommitError::Cancelled { changes, effects }) => {
                    self.cancelled(&call, &changes, &effects)
                }
            };
        }
        self.fruitless = if is_fruitful { 0 } else { self.fruitless + 1 };
        if self.fruitless > self.limits.contended_tries {
            for position in std::mem::take(&mut self.groups).into_iter().flatten() {
                self.outcomes[position] = Some(Err(contended()));
            }
        }
        self.pack();
        if self.calls.is_empty() {
            self.settle_repeats();
        }
    }

    /// One for each write, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        let outcomes = self.outcomes.into_iter();
        outcomes.map(|outcome| outcome.unwrap_or_else(|| Err(contended()))).collect()
    }

    fn begin(&mut self, positions: Vec<usize>) {
        let delivery = |at: usize| (&self.writes[at].id, &self.writes[at].fingerprint);
        let batch = distinct(positions, delivery);
        self.repeats = batch.repeats;
        self.groups = vec![batch.firsts];
        self.pack();
    }

    fn pack(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        let Packed { calls, deferred } = pack(&self.writes, &groups, &self.stale, self.limits);
        self.calls = calls;
        self.groups = deferred;
    }

    fn settle(&mut self, position: usize, outcome: Outcome) {
        self.outcomes[position] = Some(outcome);
    }

    fn written(&mut self, call: &Call<E>) -> bool {
        for &position in &call.positions {
            let is_stale = self.stale.contains(&position);
            self.settle(position, Ok(if is_stale { Verdict::Stale } else { Verdict::Written }));
        }
        for &position in call.carried.iter().flat_map(|carried| &carried.superseded) {
            self.settle(position, Ok(Verdict::Stale));
        }
        true
    }

    fn failed(&mut self, call: &Call<E>, failure: &Failure) -> bool {
        call.positions.iter().for_each(|&position| self.settle(position, Err(failure.clone())));
        true
    }

    fn rejected(&mut self, call: &Call<E>, code: Code, reason: String) -> bool {
        if let [single] = call.positions[..] {
            self.rejected.insert(single);
            self.settle(single, Err(Failure::permanent(code, reason)));
        } else {
            // One of them is at fault, and the store does not say which: halve until it stands alone.
            let (left, right) = call.positions.split_at(call.positions.len() / 2);
            self.groups.extend([left.to_vec(), right.to_vec()]);
        }
        true
    }

    fn cancelled(&mut self, call: &Call<E>, changes: &[Reason], effects: &[Reason]) -> bool {
        let mut is_fruitful = false;
        for (&position, reason) in call.recorded.iter().zip(changes) {
            is_fruitful |= self.found(position, reason);
        }
        for (carried, reason) in call.carried.iter().zip(effects) {
            if *reason == Reason::Superseded {
                self.stale.extend(carried.members.iter().chain(&carried.superseded));
                is_fruitful = true;
            }
            if let [single] = carried.members[..] {
                is_fruitful |= self.found(single, reason);
            }
        }
        let left = call.positions.iter().copied().filter(|&at| self.outcomes[at].is_none());
        let left: Vec<usize> = left.collect();
        self.groups.extend((!left.is_empty()).then_some(left));
        is_fruitful
    }

    /// Settles a delivery whose key is not free.
    fn found(&mut self, position: usize, reason: &Reason) -> bool {
        let outcome = match reason {
            Reason::Found(Some(DedupeRecord::Completed(completed))) => {
                Ok(completed.judge(&self.writes[position].fingerprint))
            }
            // No transactional sink leaves one; it is another's, and not to be touched.
            Reason::Found(Some(DedupeRecord::InProgress(_))) => Err(contended()),
            Reason::Found(None) | Reason::Innocent | Reason::Superseded | Reason::Contended => {
                return false;
            }
        };
        self.settle(position, outcome);
        true
    }

    /// Nothing more is to be written for the first deliveries; where one was rejected, the other
    /// payloads of its key have their turn.
    fn settle_repeats(&mut self) {
        let mut next = Vec::new();
        for repeat in std::mem::take(&mut self.repeats) {
            if self.rejected.contains(&repeat.first) && repeat.verdict != Verdict::Duplicate {
                next.push(repeat.position);
            } else {
                let first = self.outcomes[repeat.first].as_ref();
                let outcome = repeat.outcome(first, &self.writes[repeat.position].fingerprint);
                self.settle(repeat.position, outcome);
            }
        }
        if !next.is_empty() {
            self.begin(next);
        }
    }
}

fn complete<E>(write: &Write<E>) -> Change {
    let completed = Completed {
        fingerprint: write.fingerprint.clone(),
        place: None,
        expires_at: write.expires_at,
    };
    Change {
        id: write.id.clone(),
        expected: Expected::Free,
        to: Some(DedupeRecord::Completed(completed)),
    }
}
