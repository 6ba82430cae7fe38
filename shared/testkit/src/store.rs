//! A dedupe store in memory, which can be told to fail in each way that a real one does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dedupe::{
    Change, CommitError, Completed, DedupeRecord, Effect, Merged, Reason, RecordId, Store,
    Transaction,
};
use event::{Code, Failure, Timestamp};

/// How a call ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As the store decides.
    Honest,
    /// Another transaction holds the items of everything that is free.
    Contended,
    /// Nothing is written, and the caller learns only that it failed.
    Failed,
    /// The store decides, and its answer is lost.
    Lost,
}

/// Clones are one store.
#[derive(Debug)]
pub struct MemoryStore<E>(Arc<Mutex<State<E>>>);

#[derive(Debug)]
struct State<E> {
    records: BTreeMap<RecordId, DedupeRecord>,
    /// What is at each target.
    rows: BTreeMap<String, E>,
    effects: Vec<E>,
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
            records: BTreeMap::new(),
            rows: BTreeMap::new(),
            effects: Vec::new(),
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
        self.lock().effects.clone()
    }

    /// What is at each target now.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, E> {
        self.lock().rows.clone()
    }

    /// The dedupe records, expired ones too.
    #[must_use]
    pub fn records(&self) -> BTreeMap<RecordId, DedupeRecord> {
        self.lock().records.clone()
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
        match state.answers.pop_front().unwrap_or(Answer::Honest) {
            Answer::Honest => state.commit(transaction, now),
            Answer::Contended => Err(state.cancel(&transaction, now, true)),
            Answer::Failed => Err(CommitError::Failed(away())),
            Answer::Lost => {
                // Whether it was written is what the caller never learns.
                let _ = state.commit(transaction, now);
                Err(CommitError::Failed(away()))
            }
        }
    }

    async fn pause(&self, time: Duration) {
        self.lock().pauses.push(time);
    }
}

impl<E: Effect> State<E> {
    fn commit(&mut self, transaction: Transaction<E>, now: Timestamp) -> Result<(), CommitError> {
        if transaction.effects.iter().any(self.poison) {
            let reason = "an effect that no item can hold".to_owned();
            return Err(CommitError::Rejected { reason });
        }
        let cancelled = self.cancel(&transaction, now, false);
        if let CommitError::Cancelled { changes, effects } = &cancelled
            && changes.iter().chain(effects).any(|reason| *reason != Reason::Innocent)
        {
            return Err(cancelled);
        }
        for Change { id, to, .. } in transaction.changes {
            match to {
                Some(record) => self.records.insert(id, record),
                None => self.records.remove(&id),
            };
        }
        for effect in transaction.effects {
            if let Some((id, fingerprint)) = effect.own_record() {
                let expires_at = Timestamp::from_unix_ms(i64::MAX);
                let fingerprint = fingerprint.clone();
                let completed = Completed { fingerprint, place: None, expires_at };
                self.records.insert(id.clone(), DedupeRecord::Completed(completed));
            }
            if let Some(target) = effect.target() {
                let row = match self.rows.get(target).map(|row| row.merge(&effect)) {
                    Some(Merged::Both(both)) => both,
                    Some(Merged::This | Merged::Other | Merged::Apart) | None => effect.clone(),
                };
                self.rows.insert(target.to_owned(), row);
            }
            self.effects.push(effect);
        }
        Ok(())
    }

    fn cancel(&self, transaction: &Transaction<E>, now: Timestamp, contended: bool) -> CommitError {
        let free = if contended { Reason::Contended } else { Reason::Innocent };
        let change = |change: &Change| {
            let found = self.records.get(&change.id);
            let is_allowed = change.expected.allows(found, now);
            if is_allowed { free.clone() } else { Reason::Found(found.cloned()) }
        };
        let effect = |effect: &E| {
            let own = effect.own_record().and_then(|(id, _)| self.records.get(id));
            let row = effect.target().and_then(|target| self.rows.get(target));
            match (own, row.map(|row| row.merge(effect))) {
                (Some(record), _) => Reason::Found(Some(record.clone())),
                (None, Some(Merged::This)) => Reason::Superseded,
                (None, Some(Merged::Both(_) | Merged::Other | Merged::Apart) | None) => {
                    free.clone()
                }
            }
        };
        CommitError::Cancelled {
            changes: transaction.changes.iter().map(change).collect(),
            effects: transaction.effects.iter().map(effect).collect(),
        }
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "the store is away")
}

#[cfg(test)]
mod tests;
