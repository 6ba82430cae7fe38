//! One event's way through the fenced protocol.

use event::{Failure, Fingerprint, Timestamp};

use crate::claim::Claiming;
use crate::{
    Change, Claim, Completed, DedupeRecord, Expected, InProgress, Outcome, Owner, Reason, Verdict,
};

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// To be claimed, from nobody or from an owner that does not hold it after all.
    Claim(Expected),
    /// Another's, whose lease has not ended.
    Wait(InProgress),
    /// Another's, whose lease has ended: its object is to be looked for.
    Settle(InProgress),
    /// It is in another's object, whose claim is to be completed.
    CompleteFor(InProgress),
    /// Claimed: to be written.
    Write,
    /// In this attempt's object: to be completed.
    Complete,
    Done(Outcome),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) claim: Claim,
    pub(super) step: Step,
    /// Whether its dedupe record is changed in a transaction of its own.
    pub(super) is_alone: bool,
}

impl Entry {
    pub(super) fn new(claim: Claim) -> Self {
        Self { claim, step: Step::Claim(Expected::Free), is_alone: false }
    }

    /// The change of its dedupe record that its step asks for.
    pub(super) fn change(&self, lease_ends_at: Timestamp) -> Option<Change> {
        let Claim { id, fingerprint, expires_at, owner } = self.claim.clone();
        let completed = |fingerprint, place: &Owner, expires_at| {
            let place = Some(place.to_string());
            Some(DedupeRecord::Completed(Completed { fingerprint, place, expires_at }))
        };
        match &self.step {
            Step::Claim(expected) => {
                let claim = InProgress { owner, lease_ends_at, fingerprint, expires_at };
                let to = Some(DedupeRecord::InProgress(claim));
                Some(Change { id, expected: expected.clone(), to })
            }
            Step::CompleteFor(claim) => {
                let InProgress { owner, fingerprint, expires_at, .. } = claim.clone();
                let to = completed(fingerprint, &owner, expires_at);
                Some(Change { id, expected: Expected::Held(owner), to })
            }
            Step::Complete => {
                let to = completed(fingerprint, &owner, expires_at);
                Some(Change { id, expected: Expected::Held(owner), to })
            }
            Step::Wait(_) | Step::Settle(_) | Step::Write | Step::Done(_) => None,
        }
    }
}

impl Claiming for Entry {
    fn committed(&mut self) {
        self.step = match &self.step {
            Step::Claim(_) => Step::Write,
            Step::CompleteFor(claim) => Step::Done(Ok(self.judge(&claim.fingerprint))),
            Step::Complete => Step::Done(Ok(Verdict::Written)),
            other => other.clone(),
        };
    }

    fn cancelled(&mut self, reason: &Reason, now: Timestamp) -> bool {
        let Reason::Found(found) = reason else { return false };
        self.step = match (&self.step, found) {
            // The object that holds it is there: whoever completed it did so for that.
            (Step::Complete, _) => Step::Done(Ok(Verdict::Written)),
            (_, Some(DedupeRecord::Completed(completed))) => {
                Step::Done(Ok(completed.judge(&self.claim.fingerprint)))
            }
            // An earlier try, whose answer was lost.
            (_, Some(DedupeRecord::InProgress(claim))) if claim.owner == self.claim.owner => {
                Step::Write
            }
            (_, Some(DedupeRecord::InProgress(claim))) if claim.lease_ends_at > now => {
                Step::Wait(claim.clone())
            }
            (_, Some(DedupeRecord::InProgress(claim))) => Step::Settle(claim.clone()),
            (_, None) => Step::Claim(Expected::Free),
        };
        true
    }

    fn gave_up(&mut self, failure: &Failure) {
        self.step = match &self.step {
            // What the object says counts: whoever meets the claim reads it there.
            Step::Complete => Step::Done(Ok(Verdict::Written)),
            Step::CompleteFor(claim) => Step::Done(Ok(self.judge(&claim.fingerprint))),
            _ => Step::Done(Err(failure.clone())),
        };
    }

    fn stand_alone(&mut self) {
        self.is_alone = true;
    }
}

impl Entry {
    fn judge(&self, written: &Fingerprint) -> Verdict {
        if self.claim.fingerprint == *written {
            Verdict::Duplicate
        } else {
            Verdict::Conflict { first: written.clone() }
        }
    }
}
