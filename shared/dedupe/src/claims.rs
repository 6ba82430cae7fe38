//! The claims of one batch on their way, by the steps of whichever protocol: what every one of them needs.

use std::time::Duration;

use event::{Failure, Timestamp};

use crate::batch::{Distinct, Repeat, contended, distinct, in_transactions, join_repeats};
use crate::claim::held;
use crate::store::LONGEST_PAUSE;
use crate::{
    Change, Claim, CommitError, DedupeRecord, Expected, InProgress, Lease, Outcome, Reason, backoff,
};

/// How far a claim has come; `P` is what its protocol alone knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step<P> {
    /// To be claimed, where this is in its place.
    Claim(Expected),
    /// Another's, whose lease has not ended.
    Wait(InProgress),
    Own(P),
    Done(Outcome),
}

/// The steps of a protocol, beside those that every one has.
pub(crate) trait Protocol: Clone {
    /// After it was claimed, where this was in its place.
    fn claimed(expected: &Expected) -> Self;

    /// After it was found in the hands of another, whose lease has ended.
    fn abandoned(claim: &Claim, theirs: &InProgress) -> Step<Self>;

    /// What it wants of its dedupe record: what is expected there, and what to put in its place.
    fn change(&self, claim: &Claim, now: Timestamp) -> Option<(Expected, Option<DedupeRecord>)>;

    /// After its change was made.
    fn committed(&self, claim: &Claim) -> Step<Self>;

    /// After its change was not made, since this was found instead.
    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Step<Self>;

    /// After it could not be told whether its change was made.
    fn gave_up(&self, claim: &Claim, failure: &Failure) -> Step<Self>;
}

impl<P: Protocol> Step<P> {
    fn change(&self, claim: &Claim, lease_ends_at: Timestamp, now: Timestamp) -> Option<Change> {
        let (expected, to) = match self {
            Self::Claim(expected) => {
                (expected.clone(), Some(DedupeRecord::InProgress(claim.until(lease_ends_at))))
            }
            Self::Own(own) => own.change(claim, now)?,
            Self::Wait(_) | Self::Done(_) => return None,
        };
        Some(Change { id: claim.id.clone(), expected, to })
    }

    fn committed(&self, claim: &Claim) -> Self {
        match self {
            Self::Claim(expected) => Self::Own(P::claimed(expected)),
            Self::Own(own) => own.committed(claim),
            Self::Wait(_) | Self::Done(_) => self.clone(),
        }
    }

    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Self {
        match self {
            Self::Claim(expected) => Self::met(expected, claim, found, now),
            Self::Own(own) => own.found(claim, found, now),
            Self::Wait(_) | Self::Done(_) => self.clone(),
        }
    }

    fn gave_up(&self, claim: &Claim, failure: &Failure) -> Self {
        match self {
            Self::Own(own) => own.gave_up(claim, failure),
            Self::Claim(_) | Self::Wait(_) | Self::Done(_) => Self::Done(Err(failure.clone())),
        }
    }

    /// After this was found in the place of what was to be claimed.
    pub(crate) fn met(
        expected: &Expected,
        claim: &Claim,
        found: Option<&DedupeRecord>,
        now: Timestamp,
    ) -> Self {
        match found {
            None => Self::Claim(Expected::Free),
            Some(DedupeRecord::Completed(completed)) => {
                Self::Done(Ok(completed.judge(&claim.fingerprint)))
            }
            // An earlier try, whose answer was lost.
            Some(DedupeRecord::InProgress(theirs)) if theirs.owner == claim.owner => {
                Self::Own(P::claimed(expected))
            }
            Some(DedupeRecord::InProgress(theirs)) if theirs.lease_ends_at > now => {
                Self::Wait(theirs.clone())
            }
            Some(DedupeRecord::InProgress(theirs)) => P::abandoned(claim, theirs),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry<P> {
    pub(crate) claim: Claim,
    pub(crate) step: Step<P>,
    /// Whether its dedupe record is changed in a transaction of its own.
    is_alone: bool,
}

/// Changes of dedupe records, in one transaction, of the claims at these positions.
pub(crate) struct Commit {
    pub(crate) positions: Vec<usize>,
    pub(crate) changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claims<P> {
    lease: Lease,
    /// One for each claim; of a key's repeats, only the first is asked for.
    entries: Vec<Entry<P>>,
    firsts: Vec<usize>,
    repeats: Vec<Repeat>,
    pause: Option<Duration>,
    /// Rounds in a row that brought nothing on.
    fruitless: u32,
    /// Rounds that began with waiting for others.
    waits: u32,
}

impl<P: Protocol> Claims<P> {
    pub(crate) fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        let delivery = |at: usize| (&claims[at].id, &claims[at].fingerprint);
        let Distinct { firsts, repeats } = distinct(0..claims.len(), delivery);
        let entry = |claim| Entry { claim, step: Step::Claim(Expected::Free), is_alone: false };
        let entries = claims.into_iter().map(entry).collect();
        Self { lease, entries, firsts, repeats, pause: None, fruitless: 0, waits: 0 }
    }

    /// Those that are asked for, with their positions.
    pub(crate) fn each(&self) -> impl Iterator<Item = (usize, &Entry<P>)> {
        self.firsts.iter().map(|&at| (at, &self.entries[at]))
    }

    /// Moves on those of [`Claims::each`] that have a next step, whatever their dedupe records say.
    pub(crate) fn step_each(&mut self, mut next: impl FnMut(&Entry<P>) -> Option<Step<P>>) {
        for at in 0..self.firsts.len() {
            self.step(self.firsts[at], &mut next);
        }
    }

    /// As [`Claims::step_each`], for the one at this position.
    pub(crate) fn step(&mut self, at: usize, next: impl FnOnce(&Entry<P>) -> Option<Step<P>>) {
        if let Some(next) = next(&self.entries[at]) {
            self.entries[at].step = next;
        }
    }

    /// A round begins.
    pub(crate) fn begin(&mut self) {
        self.pause = self.backoff(self.fruitless);
    }

    /// How long to wait before it.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.pause
    }

    /// How often a call is made whose outcome is not known.
    pub(crate) fn tries(&self) -> u32 {
        self.lease.tries
    }

    /// The changes that these steps ask for, as many to a transaction as fit.
    pub(crate) fn commits(&self, wanted: impl Fn(&Step<P>) -> bool, now: Timestamp) -> Vec<Commit> {
        let positions = self.firsts.iter().copied().filter(|&at| wanted(&self.entries[at].step));
        let commit = |positions: Vec<usize>| {
            let change = |&at: &usize| {
                let Entry { claim, step, .. } = &self.entries[at];
                step.change(claim, self.lease.ends_at, now)
            };
            Commit { changes: positions.iter().filter_map(change).collect(), positions }
        };
        let is_alone = |at: usize| self.entries[at].is_alone;
        in_transactions(positions, self.lease.limits, is_alone).into_iter().map(commit).collect()
    }

    /// What a transaction of the changes at these positions does to them. An error where it brought
    /// nothing on.
    pub(crate) fn committed(
        &mut self,
        positions: &[usize],
        result: Result<(), CommitError>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let entries = &mut self.entries;
        match result {
            Ok(()) => {
                for &at in positions {
                    entries[at].step = entries[at].step.committed(&entries[at].claim);
                }
            }
            Err(CommitError::Cancelled { changes, .. }) => {
                let mut is_moved = false;
                for (&at, reason) in positions.iter().zip(&changes) {
                    let Reason::Found(found) = reason else { continue };
                    let Entry { claim, step, .. } = &entries[at];
                    entries[at].step = step.found(claim, found.as_ref(), now);
                    is_moved = true;
                }
                if !is_moved {
                    return Err(contended());
                }
            }
            Err(CommitError::Rejected { code, reason }) => match positions {
                [_] => self.gave_up(positions, &Failure::permanent(code, reason)),
                // One of them is at fault, and the store does not say which.
                several => several.iter().for_each(|&at| entries[at].is_alone = true),
            },
            Err(CommitError::Failed(failure)) => return Err(failure),
        }
        Ok(())
    }

    pub(crate) fn gave_up(&mut self, positions: &[usize], failure: &Failure) {
        for &at in positions {
            let Entry { claim, step, .. } = &self.entries[at];
            self.entries[at].step = step.gave_up(claim, failure);
        }
    }

    /// Once nothing else is to be done: asks again for what others held, or gives it up.
    pub(crate) fn ask_again_for_the_held(&mut self, now: Timestamp) {
        let wait_until = self.lease.wait_until;
        let mut is_waiting = false;
        self.step_each(|entry| {
            let Step::Wait(theirs) = &entry.step else { return None };
            if now >= wait_until {
                return Some(Step::Done(Err(held(theirs, now))));
            }
            is_waiting = true;
            Some(Step::Claim(Expected::Free))
        });
        if is_waiting {
            self.waits += 1;
            // So many waits double their time up to a second each.
            self.pause = self.backoff(self.waits);
        }
    }

    /// A round ends; whether so many brought nothing on that it is over with what they asked for.
    pub(crate) fn end(&mut self, is_fruitful: bool) -> bool {
        self.fruitless = if is_fruitful { 0 } else { self.fruitless + 1 };
        let is_over = self.fruitless >= self.lease.tries;
        if is_over {
            self.fruitless = 0;
        }
        is_over
    }

    /// One for each claim, in their order.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        let outcome = |entry: &Entry<P>| match &entry.step {
            Step::Done(outcome) => Some(outcome.clone()),
            Step::Claim(_) | Step::Wait(_) | Step::Own(_) => None,
        };
        let outcomes = self.entries.iter().map(outcome).collect();
        let fingerprint = |at: usize| &self.entries[at].claim.fingerprint;
        join_repeats(outcomes, &self.repeats, fingerprint)
    }

    fn backoff(&self, tries: u32) -> Option<Duration> {
        let first = self.firsts.first()?;
        (tries > 0).then(|| backoff(tries, LONGEST_PAUSE, &self.entries[*first].claim.id))
    }
}
