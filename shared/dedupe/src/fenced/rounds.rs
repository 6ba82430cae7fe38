//! The rounds of one batch: what is asked next, and what an answer means.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use event::{Code, Failure, IdempotencyKey, Timestamp};

use super::Put;
use super::entry::{Entry, Step};
use crate::batch::{Distinct, Repeat, contended, distinct, in_transactions, join_repeats};
use crate::claim::{Claiming, committed, held};
use crate::store::LONGEST_PAUSE;
use crate::{Change, Claim, CommitError, Expected, Lease, Outcome, Owner, backoff};

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
    lease: Lease,
    /// One for each claim; of a key's repeats, only the first is asked for.
    entries: Vec<Entry>,
    firsts: Vec<usize>,
    repeats: Vec<Repeat>,
    objects: BTreeMap<Owner, Object>,
    /// How often an owner's object could not be written. To look for it then brings nothing on.
    failed_writes: BTreeMap<Owner, u32>,
    /// What the calls under way are about.
    asked: Vec<Asked>,
    pause: Option<Duration>,
    /// Rounds in a row that brought nothing on.
    fruitless: u32,
    /// Rounds that began with waiting for others.
    waits: u32,
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
        let delivery = |at: usize| (&claims[at].id, &claims[at].fingerprint);
        let Distinct { firsts, repeats } = distinct(0..claims.len(), delivery);
        let own = claims.iter().map(|claim| (claim.owner.clone(), Object::Missing)).collect();
        Self {
            lease,
            firsts,
            repeats,
            objects: own,
            failed_writes: BTreeMap::new(),
            entries: claims.into_iter().map(Entry::new).collect(),
            asked: Vec::new(),
            pause: None,
            fruitless: 0,
            waits: 0,
        }
    }

    /// What is to be asked now, after [`Rounds::wait`], in any order or at once; nothing once all is
    /// settled.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.pause = self.fruitful_or_backoff();
        self.settle_by_objects();
        let mut calls = self.claim_calls();
        if calls.is_empty() {
            // Nothing is written before it is known what can be: one object for all of it.
            self.ask_again_for_the_held(now);
            calls = self.claim_calls();
        }
        if calls.is_empty() {
            calls = self.write_calls();
        }
        let (calls, asked) = calls.into_iter().unzip();
        self.asked = asked;
        calls
    }

    /// How long to wait before that.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.pause
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
        self.fruitless = if is_fruitful { 0 } else { self.fruitless + 1 };
        let is_over = self.fruitless >= self.lease.tries;
        for (asked, failure) in unmoved {
            if is_over || self.is_written_in_vain(&asked) {
                self.give_up(&asked, &failure);
            }
        }
        if is_over {
            self.fruitless = 0;
        }
    }

    /// One for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        let outcome = |entry: &Entry| match &entry.step {
            Step::Done(outcome) => Some(outcome.clone()),
            _ => None,
        };
        let fingerprint = |at: usize| &self.entries[at].claim.fingerprint;
        join_repeats(self.entries.iter().map(outcome).collect(), &self.repeats, fingerprint)
    }

    fn fruitful_or_backoff(&self) -> Option<Duration> {
        let first = self.firsts.first()?;
        let id = &self.entries[*first].claim.id;
        (self.fruitless > 0).then(|| backoff(self.fruitless, LONGEST_PAUSE, id))
    }

    /// What is known of the objects moves those on that wait for it.
    fn settle_by_objects(&mut self) {
        for &at in &self.firsts {
            let entry = &mut self.entries[at];
            let owner = match &entry.step {
                Step::Settle(claim) => &claim.owner,
                Step::Write => &entry.claim.owner,
                Step::Claim(_)
                | Step::Wait(_)
                | Step::CompleteFor(_)
                | Step::Complete
                | Step::Done(_) => continue,
            };
            let key = &entry.claim.id.key;
            let is_in = match self.objects.get(owner) {
                Some(Object::Published(keys)) => keys.contains(key),
                Some(Object::Unpublished(keys)) if !keys.contains(key) => false,
                // It is to be published first, written, or looked for.
                Some(Object::Unpublished(_) | Object::Missing | Object::Unseen) | None => continue,
            };
            entry.step = match (&entry.step, is_in) {
                (Step::Settle(claim), true) => Step::CompleteFor(claim.clone()),
                (Step::Settle(claim), false) => Step::Claim(Expected::Held(claim.owner.clone())),
                (_, true) => Step::Complete,
                (_, false) => Step::Done(Err(fenced())),
            };
        }
    }

    /// Claims, and whatever stands before them.
    fn claim_calls(&self) -> Vec<(Call, Asked)> {
        let wanted = |step: &Step| matches!(step, Step::Claim(_) | Step::CompleteFor(_));
        let mut calls = self.commits(wanted);
        let settling = self.firsts.iter().filter_map(|&at| match &self.entries[at].step {
            Step::Settle(claim) => Some(claim.owner.clone()),
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

    /// Once nothing else is to be claimed: asks again for what others held, or gives it up.
    fn ask_again_for_the_held(&mut self, now: Timestamp) {
        let mut is_waiting = false;
        for &at in &self.firsts {
            let entry = &mut self.entries[at];
            let Step::Wait(claim) = &entry.step else { continue };
            if now >= self.lease.wait_until {
                entry.step = Step::Done(Err(held(claim, now)));
            } else {
                entry.step = Step::Claim(Expected::Free);
                is_waiting = true;
            }
        }
        if is_waiting {
            self.waits += 1;
            // So many waits double their time up to a second each.
            let id = self.firsts.first().map(|&at| &self.entries[at].claim.id);
            self.pause = Some(backoff(self.waits, LONGEST_PAUSE, &id));
        }
    }

    /// Each owner's object, then what it says is completed.
    fn write_calls(&self) -> Vec<(Call, Asked)> {
        let mut by_owner: BTreeMap<&Owner, Vec<usize>> = BTreeMap::new();
        for &at in &self.firsts {
            let Entry { claim, step, .. } = &self.entries[at];
            if *step == Step::Write {
                by_owner.entry(&claim.owner).or_default().push(at);
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
        calls.extend(self.commits(|step| *step == Step::Complete));
        calls
    }

    /// The changes that these steps ask for, as many to a call as fit.
    fn commits(&self, wanted: impl Fn(&Step) -> bool) -> Vec<(Call, Asked)> {
        let positions = self.firsts.iter().copied().filter(|&at| wanted(&self.entries[at].step));
        let call = |positions: Vec<usize>| {
            let change = |&at: &usize| self.entries[at].change(self.lease.ends_at);
            let changes = positions.iter().filter_map(change).collect();
            (Call::Commit(changes), Asked::Records(positions))
        };
        let is_alone = |at: usize| self.entries[at].is_alone;
        in_transactions(positions, self.lease.limits, is_alone).into_iter().map(call).collect()
    }

    /// Whether an answer brought anything on; if not, why.
    fn take(&mut self, asked: &Asked, answer: Answer, now: Timestamp) -> Result<(), Failure> {
        match (asked, answer) {
            (Asked::Records(positions), Answer::Committed(result)) => {
                committed(&mut self.entries, positions, result, now)
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
        let is_written = |entry: &&Entry| entry.claim.owner == *owner && entry.step == Step::Write;
        Ok(match answer {
            Answer::Put(Ok(Put::Created)) => {
                let entries = self.firsts.iter().map(|&at| &self.entries[at]);
                let keys = entries.filter(is_written).map(|entry| entry.claim.id.key.clone());
                Object::Unpublished(keys.collect())
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
        self.failed_writes.get(owner).is_some_and(|times| *times >= self.lease.tries)
    }

    fn give_up(&mut self, asked: &Asked, failure: &Failure) {
        for &at in &self.firsts {
            let entry = &mut self.entries[at];
            let is_asked = match (asked, &entry.step) {
                (Asked::Records(positions), _) => positions.contains(&at),
                (Asked::Object(owner), Step::Settle(claim)) => claim.owner == *owner,
                (Asked::Object(owner), Step::Write) => entry.claim.owner == *owner,
                (Asked::Object(_), _) => false,
            };
            if is_asked {
                entry.gave_up(failure);
            }
        }
    }
}

/// Somebody took this attempt for dead, and put a tombstone where its object would be.
fn fenced() -> Failure {
    let reason = "this invocation took too long, and another one settled its claims";
    Failure::transient(Code::RecordTimedOut, reason)
}
