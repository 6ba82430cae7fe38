//! The claims of one batch, as far as all protocols handle them in the same way.

use std::time::Duration;

use event::{Failure, Timestamp};

use crate::claim::held_by_another;
use crate::repeats::{
    FirstsAndRepeats, Repeat, add_repeats, contention_failure, find_repeats,
    group_into_transactions,
};
use crate::store::BACKOFF;
use crate::{
    Change, Claim, CommitError, DedupeRecord, Expected, InProgress, ItemConflict, Lease, Outcome,
};

/// The next step of a claim. `P` has the steps of one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step<P> {
    /// Claim the key, on the condition that its record is like this.
    Claim(Expected),
    /// Wait for another attempt, whose lease has not ended.
    Wait(InProgress),
    /// A step of the protocol.
    Protocol(P),
    Done(Outcome),
}

/// The steps that a protocol adds to those that all protocols have.
pub(crate) trait Protocol: Clone {
    /// The step after the key was claimed, on this condition.
    fn after_claim(expected: &Expected) -> Self;

    /// The step after the key was found claimed by another attempt, whose lease has ended.
    fn after_expired_lease(claim: &Claim, theirs: &InProgress) -> Step<Self>;

    /// The change of the dedupe record that this step makes: its condition and the next state.
    fn change(&self, claim: &Claim, now: Timestamp) -> Option<(Expected, Option<DedupeRecord>)>;

    /// The step after the change was made.
    fn after_commit(&self, claim: &Claim) -> Step<Self>;

    /// The step after the change was not made, because this record was found instead.
    fn after_finding(
        &self,
        claim: &Claim,
        found: Option<&DedupeRecord>,
        now: Timestamp,
    ) -> Step<Self>;

    /// The step after it stayed unknown whether the change was made.
    fn after_giving_up(&self, claim: &Claim, failure: &Failure) -> Step<Self>;
}

impl<P: Protocol> Step<P> {
    fn change(&self, claim: &Claim, lease_ends_at: Timestamp, now: Timestamp) -> Option<Change> {
        let (expected, to) = match self {
            Self::Claim(expected) => {
                let claimed = claim.in_progress_until(lease_ends_at);
                (expected.clone(), Some(DedupeRecord::InProgress(claimed)))
            }
            Self::Protocol(step) => step.change(claim, now)?,
            Self::Wait(_) | Self::Done(_) => return None,
        };
        Some(Change { id: claim.id.clone(), expected, to })
    }

    fn after_commit(&self, claim: &Claim) -> Self {
        match self {
            Self::Claim(expected) => Self::Protocol(P::after_claim(expected)),
            Self::Protocol(step) => step.after_commit(claim),
            Self::Wait(_) | Self::Done(_) => self.clone(),
        }
    }

    fn after_finding(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Self {
        match self {
            Self::Claim(expected) => Self::after_refused_claim(expected, claim, found, now),
            Self::Protocol(step) => step.after_finding(claim, found, now),
            Self::Wait(_) | Self::Done(_) => self.clone(),
        }
    }

    fn after_giving_up(&self, claim: &Claim, failure: &Failure) -> Self {
        match self {
            Self::Protocol(step) => step.after_giving_up(claim, failure),
            Self::Claim(_) | Self::Wait(_) | Self::Done(_) => Self::Done(Err(failure.clone())),
        }
    }

    /// The step after the key could not be claimed, because this record was found.
    pub(crate) fn after_refused_claim(
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
            // An earlier try of this attempt claimed it, and its answer was lost.
            Some(DedupeRecord::InProgress(theirs)) if theirs.owner == claim.owner => {
                Self::Protocol(P::after_claim(expected))
            }
            Some(DedupeRecord::InProgress(theirs)) if theirs.lease_ends_at > now => {
                Self::Wait(theirs.clone())
            }
            Some(DedupeRecord::InProgress(theirs)) => P::after_expired_lease(claim, theirs),
        }
    }
}

/// A claim with its next step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry<P> {
    pub(crate) claim: Claim,
    pub(crate) step: Step<P>,
    /// Whether its dedupe record is changed in a transaction of its own.
    is_alone: bool,
}

/// Changes of the dedupe records of some claims, in one transaction.
pub(crate) struct Commit {
    /// The positions of the claims.
    pub(crate) positions: Vec<usize>,
    pub(crate) changes: Vec<Change>,
}

/// The claims of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClaimSet<P> {
    lease: Lease,
    /// One for each claim. Of the claims on one key, only the first is worked on.
    entries: Vec<Entry<P>>,
    firsts: Vec<usize>,
    repeats: Vec<Repeat>,
    pause: Option<Duration>,
    /// How many rounds in a row made no progress.
    rounds_without_progress: u32,
    /// How many rounds began with waiting for other attempts.
    waits: u32,
}

impl<P: Protocol> ClaimSet<P> {
    pub(crate) fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        let FirstsAndRepeats { firsts, repeats } =
            find_repeats(0..claims.len(), |at| (&claims[at].id, &claims[at].fingerprint));
        let mut entries = Vec::with_capacity(claims.len());
        for claim in claims {
            entries.push(Entry { claim, step: Step::Claim(Expected::Free), is_alone: false });
        }
        Self { lease, entries, firsts, repeats, pause: None, rounds_without_progress: 0, waits: 0 }
    }

    /// The first claim on each key, with its position.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = (usize, &Entry<P>)> {
        self.firsts.iter().map(|&at| (at, &self.entries[at]))
    }

    /// Moves each of [`ClaimSet::firsts`] on to the step that `next` gives, if it gives one.
    pub(crate) fn advance_each(&mut self, mut next: impl FnMut(&Entry<P>) -> Option<Step<P>>) {
        for at in 0..self.firsts.len() {
            self.advance(self.firsts[at], &mut next);
        }
    }

    /// Moves the claim at this position on to the step that `next` gives, if it gives one.
    pub(crate) fn advance(&mut self, at: usize, next: impl FnOnce(&Entry<P>) -> Option<Step<P>>) {
        if let Some(next) = next(&self.entries[at]) {
            self.entries[at].step = next;
        }
    }

    pub(crate) fn begin_round(&mut self) {
        self.pause = self.backoff(self.rounds_without_progress);
    }

    /// How long to wait before the calls of this round.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.pause
    }

    /// How often a call is made if its outcome stays unknown.
    pub(crate) fn tries(&self) -> u32 {
        self.lease.tries
    }

    /// The changes of the claims whose step is `wanted`, with as many in a transaction as fit.
    pub(crate) fn commits(&self, wanted: impl Fn(&Step<P>) -> bool, now: Timestamp) -> Vec<Commit> {
        let positions = self.firsts.iter().copied().filter(|&at| wanted(&self.entries[at].step));
        let transactions =
            group_into_transactions(positions, self.lease.limits, |at| self.entries[at].is_alone);
        transactions.into_iter().map(|positions| self.commit_of(positions, now)).collect()
    }

    fn commit_of(&self, positions: Vec<usize>, now: Timestamp) -> Commit {
        let mut changes = Vec::with_capacity(positions.len());
        for &at in &positions {
            let Entry { claim, step, .. } = &self.entries[at];
            changes.extend(step.change(claim, self.lease.ends_at, now));
        }
        Commit { positions, changes }
    }

    /// Applies the result of a transaction to the claims at these positions. An error says why it made no
    /// progress.
    pub(crate) fn apply_commit(
        &mut self,
        positions: &[usize],
        result: Result<(), CommitError>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let entries = &mut self.entries;
        match result {
            Ok(()) => {
                for &at in positions {
                    entries[at].step = entries[at].step.after_commit(&entries[at].claim);
                }
            }
            Err(CommitError::Cancelled { changes, .. }) => {
                let mut made_progress = false;
                for (&at, reason) in positions.iter().zip(&changes) {
                    let ItemConflict::Found(found) = reason else { continue };
                    let Entry { claim, step, .. } = &entries[at];
                    entries[at].step = step.after_finding(claim, found.as_ref(), now);
                    made_progress = true;
                }
                if !made_progress {
                    return Err(contention_failure());
                }
            }
            Err(CommitError::Rejected { code, reason }) => match positions {
                [_] => self.give_up(positions, &Failure::permanent(code, reason)),
                // One of them is at fault, and the store does not say which: try each by itself.
                several => several.iter().for_each(|&at| entries[at].is_alone = true),
            },
            Err(CommitError::Failed(failure)) => return Err(failure),
        }
        Ok(())
    }

    pub(crate) fn give_up(&mut self, positions: &[usize], failure: &Failure) {
        for &at in positions {
            let Entry { claim, step, .. } = &self.entries[at];
            self.entries[at].step = step.after_giving_up(claim, failure);
        }
    }

    /// Tries again to claim the keys that other attempts hold, or gives them up when the time to wait is
    /// over. To be called once nothing else is left to do.
    pub(crate) fn retry_held_keys(&mut self, now: Timestamp) {
        let wait_until = self.lease.wait_until;
        let mut is_waiting = false;
        self.advance_each(|entry| {
            let Step::Wait(theirs) = &entry.step else { return None };
            if now >= wait_until {
                return Some(Step::Done(Err(held_by_another(theirs, now))));
            }
            is_waiting = true;
            Some(Step::Claim(Expected::Free))
        });
        if is_waiting {
            self.waits += 1;
            // The wait doubles each time, up to a second.
            self.pause = self.backoff(self.waits);
        }
    }

    /// Ends a round. Answers whether so many rounds made no progress that the calls of this one are to be
    /// given up.
    pub(crate) fn end_round(&mut self, made_progress: bool) -> bool {
        self.rounds_without_progress =
            if made_progress { 0 } else { self.rounds_without_progress + 1 };
        let is_over = self.rounds_without_progress >= self.lease.tries;
        if is_over {
            self.rounds_without_progress = 0;
        }
        is_over
    }

    /// One outcome for each claim, in their order.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            outcomes.push(match &entry.step {
                Step::Done(outcome) => Some(outcome.clone()),
                Step::Claim(_) | Step::Wait(_) | Step::Protocol(_) => None,
            });
        }
        add_repeats(outcomes, &self.repeats, |at| &self.entries[at].claim.fingerprint)
    }

    fn backoff(&self, tries: u32) -> Option<Duration> {
        let first = self.firsts.first()?;
        let seed = &self.entries[*first].claim.id;
        (tries > 0).then(|| BACKOFF.wait(tries, &seed.to_string()))
    }
}
