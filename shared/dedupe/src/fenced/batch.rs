//! One batch of the fenced protocol: which calls are next, and what an answer means.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use event::{Code, Failure, IdempotencyKey, Timestamp};

use super::PutOutcome;
use super::step::{FencedStep, Step};
use crate::claim_set::{ClaimSet, Entry};
use crate::repeats::contention_failure;
use crate::{Change, Claim, CommitError, Expected, Lease, Outcome, Owner};

/// A call that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Write these changes in one transaction.
    Commit(Vec<Change>),
    /// Write the events at these positions into their owner's object.
    Put {
        /// The owner, whose name is the object's key.
        owner: Owner,
        /// The positions of the claims in the batch.
        positions: Vec<usize>,
    },
    /// Read the keys of an owner's object.
    ReadKeys(Owner),
    /// Put a tombstone in the place of an owner's object.
    PutTombstone(Owner),
    /// Make an owner's object visible to readers.
    Publish(Owner),
}

/// The answer to a [`Call`] of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The result of [`Call::Commit`].
    Committed(Result<(), CommitError>),
    /// The result of [`Call::Put`].
    Put(Result<PutOutcome, Failure>),
    /// The result of [`Call::ReadKeys`]; `None` if no object is there.
    Keys(Result<Option<BTreeSet<IdempotencyKey>>, Failure>),
    /// The result of [`Call::PutTombstone`].
    Tombstone(Result<PutOutcome, Failure>),
    /// The result of [`Call::Publish`].
    Published(Result<(), Failure>),
}

/// The state of a batch. Ask for [`FencedBatch::calls`], pass their answers to
/// [`FencedBatch::apply_answers`], and begin again until there are no more calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FencedBatch {
    claims: ClaimSet<FencedStep>,
    objects: BTreeMap<Owner, Object>,
    /// How often writing an owner's object failed. Reading its keys in between counts as progress, but
    /// does not bring the object about.
    failed_writes: BTreeMap<Owner, u32>,
    /// What each call that is under way is about.
    pending: Vec<Pending>,
}

/// What is known of an owner's object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Object {
    /// It may be there. It is another owner's, or this owner's after a write whose result is not known.
    Unknown,
    /// It is not there. This owner's object is to be written, another owner's place gets a tombstone.
    Missing,
    /// It is there with these keys. Readers may not see it yet.
    Unpublished(BTreeSet<IdempotencyKey>),
    Published(BTreeSet<IdempotencyKey>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pending {
    /// The dedupe records of the claims at these positions.
    Records(Vec<usize>),
    /// An owner's object.
    Object(Owner),
}

impl FencedBatch {
    /// A batch of these claims, none of which has been tried.
    #[must_use]
    pub fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        Self {
            objects: claims.iter().map(|claim| (claim.owner.clone(), Object::Missing)).collect(),
            failed_writes: BTreeMap::new(),
            claims: ClaimSet::new(claims, lease),
            pending: Vec::new(),
        }
    }

    /// The calls that are to be made after [`FencedBatch::pause`], concurrently or in any order. There are
    /// none once the batch is done.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.claims.begin_round();
        self.advance_by_objects();
        let mut calls = self.claim_calls(now);
        if calls.is_empty() {
            // Nothing is written before it is known which events can be: they share one object.
            self.claims.retry_held_keys(now);
            calls = self.claim_calls(now);
        }
        if calls.is_empty() {
            calls = self.write_calls(now);
        }
        let (calls, pending) = calls.into_iter().unzip();
        self.pending = pending;
        calls
    }

    /// How long to wait before the calls.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.claims.pause()
    }

    /// Applies the answers to the calls, in their order.
    pub fn apply_answers(&mut self, answers: Vec<Answer>, now: Timestamp) {
        let mut failed = Vec::new();
        let mut made_progress = false;
        for (pending, answer) in std::mem::take(&mut self.pending).into_iter().zip(answers) {
            match self.apply_answer(&pending, answer, now) {
                Ok(()) => made_progress = true,
                Err(failure) => failed.push((pending, failure)),
            }
        }
        let is_over = self.claims.end_round(made_progress);
        for (pending, failure) in failed {
            if is_over || self.has_failed_too_often(&pending) {
                self.give_up(&pending, &failure);
            }
        }
    }

    /// One outcome for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.claims.into_outcomes()
    }

    /// Moves on the claims that wait for an object of which enough is known.
    fn advance_by_objects(&mut self) {
        let objects = &self.objects;
        self.claims.advance_each(|entry| next_by_object(objects, entry));
    }

    /// The calls that claim keys, and those that have to come before a claim.
    fn claim_calls(&self, now: Timestamp) -> Vec<(Call, Pending)> {
        let mut calls = self.commits(claims_or_completes_theirs, now);
        let mut settling = BTreeSet::new();
        for (_, entry) in self.claims.firsts() {
            if let Step::Protocol(FencedStep::Settle(theirs)) = &entry.step {
                settling.insert(theirs.owner.clone());
            }
        }
        for owner in settling {
            let call = match self.objects.get(&owner) {
                Some(Object::Unpublished(_)) => Call::Publish(owner.clone()),
                Some(Object::Missing) => Call::PutTombstone(owner.clone()),
                Some(Object::Unknown | Object::Published(_)) | None => {
                    Call::ReadKeys(owner.clone())
                }
            };
            calls.push((call, Pending::Object(owner)));
        }
        calls
    }

    /// The calls that write the owners' objects, and those that complete what is written.
    fn write_calls(&self, now: Timestamp) -> Vec<(Call, Pending)> {
        let mut by_owner: BTreeMap<&Owner, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.claims.firsts() {
            if entry.step == Step::Protocol(FencedStep::Write) {
                by_owner.entry(&entry.claim.owner).or_default().push(at);
            }
        }
        let mut calls = Vec::with_capacity(by_owner.len());
        for (owner, positions) in by_owner {
            let owner = owner.clone();
            let call = match self.objects.get(&owner) {
                Some(Object::Missing) | None => Call::Put { owner: owner.clone(), positions },
                Some(Object::Unknown) => Call::ReadKeys(owner.clone()),
                Some(Object::Unpublished(_) | Object::Published(_)) => Call::Publish(owner.clone()),
            };
            calls.push((call, Pending::Object(owner)));
        }
        calls.extend(self.commits(|step| *step == Step::Protocol(FencedStep::Complete), now));
        calls
    }

    fn commits(&self, wanted: impl Fn(&Step) -> bool, now: Timestamp) -> Vec<(Call, Pending)> {
        let mut calls = Vec::new();
        for commit in self.claims.commits(wanted, now) {
            calls.push((Call::Commit(commit.changes), Pending::Records(commit.positions)));
        }
        calls
    }

    /// Applies one answer. An error says why it made no progress.
    fn apply_answer(
        &mut self,
        pending: &Pending,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match (pending, answer) {
            (Pending::Records(positions), Answer::Committed(result)) => {
                self.claims.apply_commit(positions, result, now)
            }
            (Pending::Object(owner), answer) => {
                let object = self.object_after(owner, answer)?;
                self.objects.insert(owner.clone(), object);
                Ok(())
            }
            (Pending::Records(_), _) => Err(contention_failure()),
        }
    }

    /// What is known of an owner's object after an answer.
    fn object_after(&mut self, owner: &Owner, answer: Answer) -> Result<Object, Failure> {
        Ok(match answer {
            Answer::Put(Ok(PutOutcome::Created)) => Object::Unpublished(self.keys_to_write(owner)),
            Answer::Put(Ok(PutOutcome::Exists)) | Answer::Tombstone(Ok(PutOutcome::Exists)) => {
                Object::Unknown
            }
            Answer::Tombstone(Ok(PutOutcome::Created)) => Object::Unpublished(BTreeSet::new()),
            Answer::Keys(Ok(Some(keys))) => Object::Unpublished(keys),
            Answer::Keys(Ok(None)) => Object::Missing,
            Answer::Published(Ok(())) => match self.objects.remove(owner) {
                Some(Object::Unpublished(keys) | Object::Published(keys)) => {
                    Object::Published(keys)
                }
                Some(Object::Unknown | Object::Missing) | None => Object::Unknown,
            },
            Answer::Put(Err(failure)) | Answer::Tombstone(Err(failure)) => {
                // It may have been written, or may still be.
                self.objects.insert(owner.clone(), Object::Unknown);
                *self.failed_writes.entry(owner.clone()).or_default() += 1;
                return Err(failure);
            }
            Answer::Keys(Err(failure)) | Answer::Published(Err(failure)) => return Err(failure),
            Answer::Committed(_) => return Err(contention_failure()),
        })
    }

    /// The keys of the events that are written into an owner's object.
    fn keys_to_write(&self, owner: &Owner) -> BTreeSet<IdempotencyKey> {
        let mut keys = BTreeSet::new();
        for (_, entry) in self.claims.firsts() {
            if entry.claim.owner == *owner && entry.step == Step::Protocol(FencedStep::Write) {
                keys.insert(entry.claim.id.key.clone());
            }
        }
        keys
    }

    fn has_failed_too_often(&self, pending: &Pending) -> bool {
        let Pending::Object(owner) = pending else { return false };
        self.failed_writes.get(owner).is_some_and(|times| *times >= self.claims.tries())
    }

    fn give_up(&mut self, pending: &Pending, failure: &Failure) {
        let positions: Vec<usize> = match pending {
            Pending::Records(positions) => positions.clone(),
            Pending::Object(owner) => {
                let waiting = self.claims.firsts().filter(|(_, entry)| waits_for(entry, owner));
                waiting.map(|(at, _)| at).collect()
            }
        };
        self.claims.give_up(&positions, failure);
    }
}

fn claims_or_completes_theirs(step: &Step) -> bool {
    matches!(step, Step::Claim(_) | Step::Protocol(FencedStep::CompleteTheirs(_)))
}

/// Whether a claim waits for an owner's object.
fn waits_for(entry: &Entry<FencedStep>, owner: &Owner) -> bool {
    match &entry.step {
        Step::Protocol(FencedStep::Settle(theirs)) => theirs.owner == *owner,
        Step::Protocol(FencedStep::Write) => entry.claim.owner == *owner,
        _ => false,
    }
}

/// The next step of a claim that waits for an object, once it is known whether the object has its key.
fn next_by_object(objects: &BTreeMap<Owner, Object>, entry: &Entry<FencedStep>) -> Option<Step> {
    let Entry { claim, step: Step::Protocol(step), .. } = entry else { return None };
    let owner = match step {
        FencedStep::Settle(theirs) => &theirs.owner,
        FencedStep::Write => &claim.owner,
        FencedStep::CompleteTheirs(_) | FencedStep::Complete => return None,
    };
    let key = &claim.id.key;
    let has_key = match objects.get(owner) {
        Some(Object::Published(keys)) => keys.contains(key),
        Some(Object::Unpublished(keys)) if !keys.contains(key) => false,
        // It has to be published, written or read first.
        Some(Object::Unpublished(_) | Object::Missing | Object::Unknown) | None => return None,
    };
    Some(match (step, has_key) {
        (FencedStep::Settle(theirs), true) => {
            Step::Protocol(FencedStep::CompleteTheirs(theirs.clone()))
        }
        (FencedStep::Settle(_), false) => Step::Claim(Expected::Held(owner.clone())),
        (_, true) => Step::Protocol(FencedStep::Complete),
        (_, false) => Step::Done(Err(fenced_failure())),
    })
}

/// The failure of an event whose owner was taken for dead: a tombstone is in the place of its object.
fn fenced_failure() -> Failure {
    let reason = "this invocation took too long, and another one settled its claims";
    Failure::transient(Code::RecordTimedOut, reason)
}
