//! A dedupe store in memory, which can be told to fail in each way that a real one does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dedupe::{CommitError, DedupeRecord, Effect, ItemConflict, RecordId, Store, Transaction};
use event::{Code, Failure, Timestamp};

use crate::Tables;

/// How a call ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As the store decides.
    Honest,
    /// Another transaction holds the items of everything that is free.
    Contended,
    /// Nothing is written, and the caller learns only that it failed.
    Failed,
    /// The store will never take it.
    Rejected,
    /// The store decides, and its answer is lost.
    Lost,
}

/// Clones are one store.
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
    /// How the next calls end; those after them are honest.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().answers.extend(answers);
    }

    /// Rejects every transaction with an effect that is poison.
    pub fn reject(&self, poison: fn(&E) -> bool) {
        self.lock().poison = poison;
    }

    /// The effects that were applied, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<E> {
        self.lock().tables.effects.clone()
    }

    /// What is at each target now.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, E> {
        self.lock().tables.rows.clone()
    }

    /// The dedupe records, expired ones too.
    #[must_use]
    pub fn records(&self) -> BTreeMap<RecordId, DedupeRecord> {
        self.lock().tables.records.clone()
    }

    /// What each call was to write.
    #[must_use]
    pub fn calls(&self) -> Vec<Transaction<E>> {
        self.lock().calls.clone()
    }

    /// How long its callers waited, each time.
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
            // Whether it was written is what the caller never learns.
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
