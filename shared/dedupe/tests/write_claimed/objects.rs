//! A store of objects in memory, which can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Code, Failure, IdempotencyKey};
use sluicegate_dedupe::Claim;
use sluicegate_dedupe::Owner;
use sluicegate_dedupe::fenced::{Objects, PutOutcome};

/// What fails from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// No object is written or found.
    Writing,
    /// Objects are written, and the answers are lost.
    AnswerOfPut,
    /// No object becomes visible to readers.
    Publishing,
}

#[derive(Default)]
pub(crate) struct MemoryObjects(Mutex<State>);

#[derive(Default)]
struct State {
    batch: Vec<IdempotencyKey>,
    objects: BTreeMap<Owner, BTreeSet<IdempotencyKey>>,
    published: BTreeSet<Owner>,
    fault: Fault,
    looks_to_fail: u32,
    calls: Vec<String>,
}

impl MemoryObjects {
    /// The events at the positions of the next batch.
    pub(crate) fn holds(&self, claims: &[Claim]) {
        self.lock().batch = claims.iter().map(|claim| claim.id.key.clone()).collect();
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.lock().fault = fault;
    }

    /// This many times, it cannot be read whether an object is there.
    pub(crate) fn fail_looks(&self, times: u32) {
        self.lock().looks_to_fail = times;
    }

    /// Another attempt puts a tombstone in the place of this owner's object.
    pub(crate) fn fence_before_put(&self, owner: &str) {
        self.lock().objects.insert(Owner::from(owner.to_owned()), BTreeSet::new());
    }

    pub(crate) fn keys(&self, owner: &str) -> Vec<String> {
        let state = self.lock();
        let keys = state.objects.get(&Owner::from(owner.to_owned()));
        keys.into_iter().flatten().map(ToString::to_string).collect()
    }

    pub(crate) fn is_published(&self, owner: &str) -> bool {
        self.lock().published.contains(&Owner::from(owner.to_owned()))
    }

    /// The calls, each with the owner of its object.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn asked(&self, what: &str, owner: &Owner) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.calls.push(format!("{what} {owner}"));
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, owner: &Owner, keys: BTreeSet<IdempotencyKey>) -> PutOutcome {
        if self.objects.contains_key(owner) {
            return PutOutcome::Exists;
        }
        self.objects.insert(owner.clone(), keys);
        PutOutcome::Created
    }
}

impl Objects for MemoryObjects {
    async fn put(&self, owner: &Owner, positions: &[usize]) -> Result<PutOutcome, Failure> {
        let mut state = self.asked("put", owner);
        if state.fault == Fault::Writing {
            return Err(away());
        }
        let keys = positions.iter().map(|&at| state.batch[at].clone()).collect();
        let put = state.put(owner, keys);
        if state.fault == Fault::AnswerOfPut { Err(away()) } else { Ok(put) }
    }

    async fn read_keys(&self, owner: &Owner) -> Result<Option<BTreeSet<IdempotencyKey>>, Failure> {
        let mut state = self.asked("look", owner);
        if state.looks_to_fail > 0 {
            state.looks_to_fail -= 1;
            return Err(away());
        }
        Ok(state.objects.get(owner).cloned())
    }

    async fn put_tombstone(&self, owner: &Owner) -> Result<PutOutcome, Failure> {
        Ok(self.asked("fence", owner).put(owner, BTreeSet::new()))
    }

    async fn publish(&self, owner: &Owner) -> Result<(), Failure> {
        let mut state = self.asked("publish", owner);
        if state.fault == Fault::Publishing {
            return Err(away());
        }
        state.published.insert(owner.clone());
        Ok(())
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "the objects are away")
}
