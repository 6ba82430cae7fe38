//! One batch of the transactional protocol: which transactions are next, and what an answer means.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Code, Failure};

use super::Write;
use super::packing::{Packed, PlannedTransaction, pack};
use crate::repeats::{FirstsAndRepeats, Repeat, contention_failure, find_repeats};
use crate::store::BACKOFF;
use crate::{
    Change, CommitError, Completed, DedupeRecord, Effect, Expected, ItemConflict, Limits, Outcome,
    Transaction, Verdict,
};

/// The state of a batch. Ask for [`TransactionalBatch::transactions`], pass their results to
/// [`TransactionalBatch::apply_results`], and begin again until there are no more transactions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransactionalBatch<E> {
    writes: Vec<Write<E>>,
    limits: Limits,
    outcomes: Vec<Option<Outcome>>,
    /// They are decided once the first delivery of their key is.
    repeats: Vec<Repeat>,
    /// The deliveries that the store will never accept.
    rejected: BTreeSet<usize>,
    /// The deliveries whose target has newer content: only their dedupe record is still to be written.
    stale: BTreeSet<usize>,
    /// The transactions that are under way.
    planned: Vec<PlannedTransaction<E>>,
    /// The deliveries that wait for the next round. Each group is packed by itself.
    groups: Vec<Vec<usize>>,
    /// How many rounds in a row settled nothing.
    rounds_without_progress: u32,
}

impl<E: Effect> TransactionalBatch<E> {
    /// A batch of these writes, none of which has been tried.
    #[must_use]
    pub fn new(writes: Vec<Write<E>>, limits: Limits) -> Self {
        let all = (0..writes.len()).collect();
        let mut batch = Self {
            outcomes: vec![None; writes.len()],
            writes,
            limits,
            repeats: Vec::new(),
            rejected: BTreeSet::new(),
            stale: BTreeSet::new(),
            planned: Vec::new(),
            groups: Vec::new(),
            rounds_without_progress: 0,
        };
        batch.begin(all);
        batch
    }

    /// The transactions that are to be committed after [`TransactionalBatch::pause`], concurrently or in any
    /// order. There are none once the batch is done.
    #[must_use]
    pub fn transactions(&self) -> Vec<Transaction<E>> {
        let mut transactions = Vec::with_capacity(self.planned.len());
        for planned in &self.planned {
            let changes = planned.recorded.iter().map(|&at| completion(&self.writes[at]));
            let effects = planned.effects.iter().map(|each| each.effect(&self.writes).clone());
            transactions
                .push(Transaction { changes: changes.collect(), effects: effects.collect() });
        }
        transactions
    }

    /// How long to wait before the transactions.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let first = self.planned.first()?.positions.first()?;
        let (tries, seed) = (self.rounds_without_progress, &self.writes[*first].id);
        (tries > 0).then(|| BACKOFF.wait(tries, &seed.to_string()))
    }

    /// Applies the results of [`TransactionalBatch::transactions`], in their order.
    pub fn apply_results(&mut self, results: Vec<Result<(), CommitError>>) {
        let mut made_progress = false;
        for (planned, result) in std::mem::take(&mut self.planned).into_iter().zip(results) {
            made_progress |= match result {
                Ok(()) => self.apply_written(&planned),
                Err(CommitError::Failed(failure)) => self.apply_failed(&planned, &failure),
                Err(CommitError::Rejected { code, reason }) => {
                    self.apply_rejected(&planned, code, reason)
                }
                Err(CommitError::Cancelled { changes, effects }) => {
                    self.apply_cancelled(&planned, &changes, &effects)
                }
            };
        }
        self.rounds_without_progress =
            if made_progress { 0 } else { self.rounds_without_progress + 1 };
        if self.rounds_without_progress > self.limits.contended_tries {
            for position in std::mem::take(&mut self.groups).into_iter().flatten() {
                self.outcomes[position] = Some(Err(contention_failure()));
            }
        }
        self.pack();
        if self.planned.is_empty() {
            self.decide_repeats();
        }
    }

    /// One outcome for each write, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        let outcomes = self.outcomes.into_iter();
        outcomes.map(|outcome| outcome.unwrap_or_else(|| Err(contention_failure()))).collect()
    }

    fn begin(&mut self, positions: Vec<usize>) {
        let FirstsAndRepeats { firsts, repeats } =
            find_repeats(positions, |at| (&self.writes[at].id, &self.writes[at].fingerprint));
        self.repeats = repeats;
        self.groups = vec![firsts];
        self.pack();
    }

    fn pack(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        let Packed { planned, deferred } = pack(&self.writes, &groups, &self.stale, self.limits);
        self.planned = planned;
        self.groups = deferred;
    }

    fn decide(&mut self, position: usize, outcome: Outcome) {
        self.outcomes[position] = Some(outcome);
    }

    fn apply_written(&mut self, planned: &PlannedTransaction<E>) -> bool {
        for &position in &planned.positions {
            let is_stale = self.stale.contains(&position);
            self.decide(position, Ok(if is_stale { Verdict::Stale } else { Verdict::Written }));
        }
        for &position in planned.effects.iter().flat_map(|effect| &effect.superseded) {
            self.decide(position, Ok(Verdict::Stale));
        }
        true
    }

    fn apply_failed(&mut self, planned: &PlannedTransaction<E>, failure: &Failure) -> bool {
        for &position in &planned.positions {
            self.decide(position, Err(failure.clone()));
        }
        true
    }

    fn apply_rejected(
        &mut self,
        planned: &PlannedTransaction<E>,
        code: Code,
        reason: String,
    ) -> bool {
        if let [single] = planned.positions[..] {
            self.rejected.insert(single);
            self.decide(single, Err(Failure::permanent(code, reason)));
        } else {
            // One of them is at fault, and the store does not say which: halve until it stands alone.
            let (left, right) = planned.positions.split_at(planned.positions.len() / 2);
            self.groups.extend([left.to_vec(), right.to_vec()]);
        }
        true
    }

    fn apply_cancelled(
        &mut self,
        planned: &PlannedTransaction<E>,
        changes: &[ItemConflict],
        effects: &[ItemConflict],
    ) -> bool {
        let mut made_progress = false;
        for (&position, reason) in planned.recorded.iter().zip(changes) {
            made_progress |= self.decide_by_reason(position, reason);
        }
        for (effect, reason) in planned.effects.iter().zip(effects) {
            if *reason == ItemConflict::Superseded {
                self.stale.extend(effect.members.iter().chain(&effect.superseded));
                made_progress = true;
            }
            if let [single] = effect.members[..] {
                made_progress |= self.decide_by_reason(single, reason);
            }
        }
        let undecided: Vec<usize> =
            planned.positions.iter().copied().filter(|&at| self.outcomes[at].is_none()).collect();
        if !undecided.is_empty() {
            self.groups.push(undecided);
        }
        made_progress
    }

    /// Decides a delivery whose key is not free. Answers whether it was decided.
    fn decide_by_reason(&mut self, position: usize, reason: &ItemConflict) -> bool {
        let outcome = match reason {
            ItemConflict::Found(Some(DedupeRecord::Completed(completed))) => {
                Ok(completed.judge(&self.writes[position].fingerprint))
            }
            // No transactional sink leaves such a record. It belongs to another sink, and is left alone.
            ItemConflict::Found(Some(DedupeRecord::InProgress(_))) => Err(contention_failure()),
            ItemConflict::Found(None)
            | ItemConflict::NotAtFault
            | ItemConflict::Superseded
            | ItemConflict::Contended => return false,
        };
        self.decide(position, outcome);
        true
    }

    /// Decides the repeats, once nothing more is to be written for the first deliveries. If a first delivery
    /// was rejected, the other payloads of its key are tried.
    fn decide_repeats(&mut self) {
        let mut next = Vec::new();
        for repeat in std::mem::take(&mut self.repeats) {
            if self.rejected.contains(&repeat.first) && repeat.verdict != Verdict::Duplicate {
                next.push(repeat.position);
            } else {
                let first = self.outcomes[repeat.first].as_ref();
                let outcome = repeat.outcome(first, &self.writes[repeat.position].fingerprint);
                self.decide(repeat.position, outcome);
            }
        }
        if !next.is_empty() {
            self.begin(next);
        }
    }
}

/// The change that records the key of a write as completed.
fn completion<E>(write: &Write<E>) -> Change {
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
