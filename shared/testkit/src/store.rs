//! A dedupe store in memory, which can be told to fail in each way that a real one does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dedupe::{Completed, Reason, RecordId, Store, Write, WriteError};
use event::{Code, Failure, Timestamp};

/// How a call ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As the store decides.
    Honest,
    /// Another transaction holds the items of every write that is free.
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
    records: BTreeMap<RecordId, Completed>,
    effects: Vec<E>,
    answers: VecDeque<Answer>,
    poison: fn(&E) -> bool,
    calls: Vec<Vec<Write<E>>>,
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
            effects: Vec::new(),
            answers: VecDeque::new(),
            poison: |_| false,
            calls: Vec::new(),
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

    /// What each call was to write.
    #[must_use]
    pub fn calls(&self) -> Vec<Vec<Write<E>>> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Clone + Send + Sync> Store for MemoryStore<E> {
    type Effect = E;

    async fn write_all(&self, writes: &[Write<E>], now: Timestamp) -> Result<(), WriteError> {
        let mut state = self.lock();
        state.calls.push(writes.to_vec());
        match state.answers.pop_front().unwrap_or(Answer::Honest) {
            Answer::Honest => state.write(writes, now),
            Answer::Contended => Err(WriteError::Cancelled(state.reasons(writes, now, true))),
            Answer::Failed => Err(WriteError::Failed(away())),
            Answer::Lost => {
                // Whether it was written is what the caller never learns.
                let _ = state.write(writes, now);
                Err(WriteError::Failed(away()))
            }
        }
    }
}

impl<E: Clone> State<E> {
    fn write(&mut self, writes: &[Write<E>], now: Timestamp) -> Result<(), WriteError> {
        if writes.iter().any(|write| (self.poison)(&write.effect)) {
            return Err(WriteError::Rejected { reason: "an effect that no item can hold".into() });
        }
        let reasons = self.reasons(writes, now, false);
        if reasons.iter().any(|reason| *reason != Reason::Innocent) {
            return Err(WriteError::Cancelled(reasons));
        }
        for write in writes {
            let Write { id, fingerprint, expires_at, effect, .. } = write.clone();
            self.records.insert(id, Completed { fingerprint, expires_at });
            self.effects.push(effect);
        }
        Ok(())
    }

    fn reasons(&self, writes: &[Write<E>], now: Timestamp, contended: bool) -> Vec<Reason> {
        let reason = |write: &Write<E>| match self.records.get(&write.id) {
            Some(completed) if !completed.is_expired(now) => Reason::Exists(completed.clone()),
            _ if contended => Reason::Contended,
            _ => Reason::Innocent,
        };
        writes.iter().map(reason).collect()
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "the store is away")
}

#[cfg(test)]
mod tests;
