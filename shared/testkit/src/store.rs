//! A dedupe store in memory, which a test can make fail in each way that a real store does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dedupe::{CommitError, DedupeRecord, Effect, ItemConflict, RecordId, Store, Transaction};
use event::{Code, Failure, Timestamp};

use crate::Tables;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The store decides, and the caller gets the answer.
    Honest,
    /// Another transaction holds all items that would have been free.
    Contended,
    /// Nothing is written, and the caller gets an error that does not say so.
    Failed,
    /// The store refuses the transaction as invalid.
    Rejected,
    /// The store decides, and the answer is lost.
    Lost,
}

/// A dedupe store whose clones share one state.
#[derive(Debug)]
pub struct MemoryStore<E>(Arc<Mutex<State<E>>>);

#[derive(Debug)]
struct State<E> {
    tables: Tables<E>,
    answers: VecDeque<Answer>,
    poison: fn(&E) -> bool,
    calls: Vec<Transaction<E>>,
    pauses: Vec<Duration>,
}

impl<E> Clone for MemoryStore<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Default for MemoryStore<E> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            tables: Tables::default(),
            answers: VecDeque::new(),
            poison: |_| false,
            calls: Vec::new(),
            pauses: Vec::new(),
        })))
    }
}

impl<E: Clone> MemoryStore<E> {
    /// Sets how the next calls end. The calls after them are honest.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().answers.extend(answers);
    }

    /// Rejects each transaction that has an effect for which `poison` is true.
    pub fn reject(&self, poison: fn(&E) -> bool) {
        self.lock().poison = poison;
    }

    /// The effects that were applied, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<E> {
        self.lock().tables.effects.clone()
    }

    /// The effect at each target: the newest one, or all of them merged.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, E> {
        self.lock().tables.rows.clone()
    }

    /// All dedupe records, with the expired ones.
    #[must_use]
    pub fn records(&self) -> BTreeMap<RecordId, DedupeRecord> {
        self.lock().tables.records.clone()
    }

    /// The transaction of each call, whether it was written or not.
    #[must_use]
    pub fn calls(&self) -> Vec<Transaction<E>> {
        self.lock().calls.clone()
    }

    /// The duration of each wait of a caller.
    #[must_use]
    pub fn pauses(&self) -> Vec<Duration> {
        self.lock().pauses.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Effect> Store for MemoryStore<E> {
    type Effect = E;

    async fn commit(&self, transaction: Transaction<E>, now: Timestamp) -> Result<(), CommitError> {
        let mut state = self.lock();
        state.calls.push(transaction.clone());
        let answer = state.answers.pop_front().unwrap_or(Answer::Honest);
        if answer == Answer::Failed {
            return Err(CommitError::Failed(away()));
        }
        if answer == Answer::Contended {
            return Err(state.tables.cancel(&transaction, now, &ItemConflict::Contended));
        }
        let is_poison = transaction.effects.iter().any(state.poison);
        let committed = if is_poison || answer == Answer::Rejected {
            let reason = "what no item can hold".to_owned();
            Err(CommitError::Rejected { code: Code::DependencyRefused, reason })
        } else {
            state.tables.commit(transaction, now)
        };
        match answer {
            // The caller does not learn whether the transaction was written.
            Answer::Lost => Err(CommitError::Failed(away())),
            Answer::Honest | Answer::Contended | Answer::Failed | Answer::Rejected => committed,
        }
    }

    async fn pause(&self, time: Duration) {
        self.lock().pauses.push(time);
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "the store is away")
}

#[cfg(test)]
mod tests;
