//! The rounds of one batch: what is asked next, and what an answer means.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use event::{Code, Failure, IdempotencyKey, Timestamp};

use super::Put;
use super::step::{Fenced, Step};
use crate::batch::contended;
use crate::claims::{Claims, Commit, Entry};
use crate::{Change, Claim, CommitError, Expected, Lease, Outcome, Owner};

/// Something to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Commit(Vec<Change>),
    /// Write the claims at these positions into their owner's object.
    Put {
        owner: Owner,
        positions: Vec<usize>,
    },
    Look(Owner),
    Fence(Owner),
    Publish(Owner),
}

/// What came of a [`Call`] of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Committed(Result<(), CommitError>),
    Put(Result<Put, Failure>),
    Looked(Result<Option<BTreeSet<IdempotencyKey>>, Failure>),
    Fenced(Result<Put, Failure>),
    Published(Result<(), Failure>),
}

/// A batch on its way. Ask for [`Rounds::calls`], give [`Rounds::answer`] an answer to each, and
/// begin again, until there are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rounds {
    claims: Claims<Fenced>,
    objects: BTreeMap<Owner, Object>,
    /// How often an owner's object could not be written. To look for it then brings nothing on.
    failed_writes: BTreeMap<Owner, u32>,
    /// What the calls under way are about.
    asked: Vec<Asked>,
}

/// What is known of an owner's object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Object {
    /// To be looked for: another's, or one's own after something was in its place.
    Unseen,
    /// Nothing is there: one's own is to be written, another's to be fenced.
    Missing,
    /// It is there, with these keys; readers may not know of it.
    Unpublished(BTreeSet<IdempotencyKey>),
    Published(BTreeSet<IdempotencyKey>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Records(Vec<usize>),
    Object(Owner),
}

impl Rounds {
    #[must_use]
    pub fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        Self {
            objects: claims.iter().map(|claim| (claim.owner.clone(), Object::Missing)).collect(),
            failed_writes: BTreeMap::new(),
            claims: Claims::new(claims, lease),
            asked: Vec::new(),
        }
    }

    /// What is to be asked now, after [`Rounds::wait`], in any order or at once; nothing once all is
    /// settled.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.claims.begin();
        self.settle_by_objects();
        let mut calls = self.claim_calls(now);
        if calls.is_empty() {
            // Nothing is written before it is known what can be: one object for all of it.
            self.claims.ask_again_for_the_held(now);
            calls = self.claim_calls(now);
        }
        if calls.is_empty() {
            calls = self.write_calls(now);
        }
        let (calls, asked) = calls.into_iter().unzip();
        self.asked = asked;
        calls
    }

    /// How long to wait before that.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.claims.wait()
    }

    /// Takes the answer to each of the calls, in their order.
    pub fn answer(&mut self, answers: Vec<Answer>, now: Timestamp) {
        let asked = std::mem::take(&mut self.asked);
        let mut unmoved = Vec::new();
        let mut is_fruitful = false;
        for (asked, answer) in asked.into_iter().zip(answers) {
            match self.take(&asked, answer, now) {
                Ok(()) => is_fruitful = true,
                Err(failure) => unmoved.push((asked, failure)),
            }
        }
        let is_over = self.claims.end(is_fruitful);
        for (asked, failure) in unmoved {
            if is_over || self.is_written_in_vain(&asked) {
                self.give_up(&asked, &failure);
            }
        }
    }

    /// One for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.claims.into_outcomes()
    }

    /// What is known of the objects moves those on that wait for it.
    fn settle_by_objects(&mut self) {
        let objects = &self.objects;
        self.claims.step_each(|Entry { claim, step, .. }| {
            let Step::Own(own) = step else { return None };
            let owner = match own {
                Fenced::Settle(theirs) => &theirs.owner,
                Fenced::Write => &claim.owner,
                Fenced::CompleteFor(_) | Fenced::Complete => return None,
            };
            let key = &claim.id.key;
            let is_in = match objects.get(owner) {
                Some(Object::Published(keys)) => keys.contains(key),
                Some(Object::Unpublished(keys)) if !keys.contains(key) => false,
                // It is to be published first, written, or looked for.
                Some(Object::Unpublished(_) | Object::Missing | Object::Unseen) | None => {
                    return None;
                }
            };
            Some(match (own, is_in) {
                (Fenced::Settle(theirs), true) => Step::Own(Fenced::CompleteFor(theirs.clone())),
                (Fenced::Settle(_), false) => Step::Claim(Expected::Held(owner.clone())),
                (_, true) => Step::Own(Fenced::Complete),
                (_, false) => Step::Done(Err(fenced())),
            })
        });
    }

    /// Claims, and whatever stands before them.
    fn claim_calls(&self, now: Timestamp) -> Vec<(Call, Asked)> {
        let wanted =
            |step: &Step| matches!(step, Step::Claim(_) | Step::Own(Fenced::CompleteFor(_)));
        let mut calls = self.commits(wanted, now);
        let settling = self.claims.each().filter_map(|(_, entry)| match &entry.step {
            Step::Own(Fenced::Settle(theirs)) => Some(theirs.owner.clone()),
            _ => None,
        });
        for owner in settling.collect::<BTreeSet<Owner>>() {
            let call = match self.objects.get(&owner) {
                Some(Object::Unpublished(_)) => Call::Publish(owner.clone()),
                Some(Object::Missing) => Call::Fence(owner.clone()),
                Some(Object::Unseen | Object::Published(_)) | None => Call::Look(owner.clone()),
            };
            calls.push((call, Asked::Object(owner)));
        }
        calls
    }

    /// Each owner's object, then what it says is completed.
    fn write_calls(&self, now: Timestamp) -> Vec<(Call, Asked)> {
        let mut by_owner: BTreeMap<&Owner, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.claims.each() {
            if entry.step == Step::Own(Fenced::Write) {
                by_owner.entry(&entry.claim.owner).or_default().push(at);
            }
        }
        let call = |(owner, positions): (&Owner, Vec<usize>)| {
            let owner = owner.clone();
            let call = match self.objects.get(&owner) {
                Some(Object::Missing) | None => Call::Put { owner: owner.clone(), positions },
                Some(Object::Unseen) => Call::Look(owner.clone()),
                Some(Object::Unpublished(_) | Object::Published(_)) => Call::Publish(owner.clone()),
            };
            (call, Asked::Object(owner))
        };
        let mut calls: Vec<_> = by_owner.into_iter().map(call).collect();
        calls.extend(self.commits(|step| *step == Step::Own(Fenced::Complete), now));
        calls
    }

    fn commits(&self, wanted: impl Fn(&Step) -> bool, now: Timestamp) -> Vec<(Call, Asked)> {
        let call =
            |commit: Commit| (Call::Commit(commit.changes), Asked::Records(commit.positions));
        self.claims.commits(wanted, now).into_iter().map(call).collect()
    }

    /// Whether an answer brought anything on; if not, why.
    fn take(&mut self, asked: &Asked, answer: Answer, now: Timestamp) -> Result<(), Failure> {
        match (asked, answer) {
            (Asked::Records(positions), Answer::Committed(result)) => {
                self.claims.committed(positions, result, now)
            }
            (Asked::Object(owner), answer) => {
                let next = self.seen(owner, answer)?;
                self.objects.insert(owner.clone(), next);
                Ok(())
            }
            (Asked::Records(_), _) => Err(contended()),
        }
    }

    /// What an answer says of an owner's object.
    fn seen(&mut self, owner: &Owner, answer: Answer) -> Result<Object, Failure> {
        let is_written = |entry: &Entry<Fenced>| {
            entry.claim.owner == *owner && entry.step == Step::Own(Fenced::Write)
        };
        Ok(match answer {
            Answer::Put(Ok(Put::Created)) => {
                let written = self.claims.each().filter(|(_, entry)| is_written(entry));
                Object::Unpublished(written.map(|(_, entry)| entry.claim.id.key.clone()).collect())
            }
            Answer::Put(Ok(Put::Exists)) | Answer::Fenced(Ok(Put::Exists)) => Object::Unseen,
            Answer::Fenced(Ok(Put::Created)) => Object::Unpublished(BTreeSet::new()),
            Answer::Looked(Ok(Some(keys))) => Object::Unpublished(keys),
            Answer::Looked(Ok(None)) => Object::Missing,
            Answer::Published(Ok(())) => match self.objects.remove(owner) {
                Some(Object::Unpublished(keys) | Object::Published(keys)) => {
                    Object::Published(keys)
                }
                Some(Object::Unseen | Object::Missing) | None => Object::Unseen,
            },
            Answer::Put(Err(failure)) | Answer::Fenced(Err(failure)) => {
                // It may have been written, and may be yet.
                self.objects.insert(owner.clone(), Object::Unseen);
                *self.failed_writes.entry(owner.clone()).or_default() += 1;
                return Err(failure);
            }
            Answer::Looked(Err(failure)) | Answer::Published(Err(failure)) => return Err(failure),
            Answer::Committed(_) => return Err(contended()),
        })
    }

    fn is_written_in_vain(&self, asked: &Asked) -> bool {
        let Asked::Object(owner) = asked else { return false };
        self.failed_writes.get(owner).is_some_and(|times| *times >= self.claims.tries())
    }

    fn give_up(&mut self, asked: &Asked, failure: &Failure) {
        let is_of = |owner: &Owner, entry: &Entry<Fenced>| match &entry.step {
            Step::Own(Fenced::Settle(theirs)) => theirs.owner == *owner,
            Step::Own(Fenced::Write) => entry.claim.owner == *owner,
            _ => false,
        };
        let positions: Vec<usize> = match asked {
            Asked::Records(positions) => positions.clone(),
            Asked::Object(owner) => {
                let all = self.claims.each().filter(|(_, entry)| is_of(owner, entry));
                all.map(|(at, _)| at).collect()
            }
        };
        self.claims.gave_up(&positions, failure);
    }
}

/// Somebody took this attempt for dead, and put a tombstone where its object would be.
fn fenced() -> Failure {
    let reason = "this invocation took too long, and another one settled its claims";
    Failure::transient(Code::RecordTimedOut, reason)
}
