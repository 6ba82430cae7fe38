//! One event's way through the fenced protocol.

use event::{Failure, Fingerprint, Timestamp};

use crate::{
    Change, Claim, Completed, DedupeRecord, Expected, InProgress, Outcome, Owner, Verdict, claims,
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

impl claims::Step for Step {
    fn claim(expected: Expected) -> Self {
        Self::Claim(expected)
    }

    fn done(outcome: Outcome) -> Self {
        Self::Done(outcome)
    }

    fn outcome(&self) -> Option<&Outcome> {
        if let Self::Done(outcome) = self { Some(outcome) } else { None }
    }

    fn waits_for(&self) -> Option<&InProgress> {
        if let Self::Wait(claim) = self { Some(claim) } else { None }
    }

    fn change(&self, claim: &Claim, lease_ends_at: Timestamp, _: Timestamp) -> Option<Change> {
        let Claim { id, fingerprint, expires_at, owner } = claim.clone();
        let completed = |fingerprint, place: &Owner, expires_at| {
            let place = Some(place.to_string());
            Some(DedupeRecord::Completed(Completed { fingerprint, place, expires_at }))
        };
        match self {
            Self::Claim(expected) => {
                let claim = InProgress { owner, lease_ends_at, fingerprint, expires_at };
                let to = Some(DedupeRecord::InProgress(claim));
                Some(Change { id, expected: expected.clone(), to })
            }
            Self::CompleteFor(theirs) => {
                let InProgress { owner, fingerprint, expires_at, .. } = theirs.clone();
                let to = completed(fingerprint, &owner, expires_at);
                Some(Change { id, expected: Expected::Held(owner), to })
            }
            Self::Complete => {
                let to = completed(fingerprint, &owner, expires_at);
                Some(Change { id, expected: Expected::Held(owner), to })
            }
            Self::Wait(_) | Self::Settle(_) | Self::Write | Self::Done(_) => None,
        }
    }

    fn committed(&self, claim: &Claim) -> Self {
        match self {
            Self::Claim(_) => Self::Write,
            Self::CompleteFor(theirs) => Self::Done(Ok(judge(claim, &theirs.fingerprint))),
            Self::Complete => Self::Done(Ok(Verdict::Written)),
            other => other.clone(),
        }
    }

    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Self {
        match (self, found) {
            // The object that holds it is there: whoever completed it did so for that.
            (Self::Complete, _) => Self::Done(Ok(Verdict::Written)),
            (_, Some(DedupeRecord::Completed(completed))) => {
                Self::Done(Ok(completed.judge(&claim.fingerprint)))
            }
            // An earlier try, whose answer was lost.
            (_, Some(DedupeRecord::InProgress(found))) if found.owner == claim.owner => Self::Write,
            (_, Some(DedupeRecord::InProgress(found))) if found.lease_ends_at > now => {
                Self::Wait(found.clone())
            }
            (_, Some(DedupeRecord::InProgress(found))) => Self::Settle(found.clone()),
            (_, None) => Self::Claim(Expected::Free),
        }
    }

    fn gave_up(&self, claim: &Claim, failure: &Failure) -> Self {
        match self {
            // What the object says counts: whoever meets the claim reads it there.
            Self::Complete => Self::Done(Ok(Verdict::Written)),
            Self::CompleteFor(theirs) => Self::Done(Ok(judge(claim, &theirs.fingerprint))),
            _ => Self::Done(Err(failure.clone())),
        }
    }
}

fn judge(claim: &Claim, written: &Fingerprint) -> Verdict {
    if claim.fingerprint == *written {
        Verdict::Duplicate
    } else {
        Verdict::Conflict { first: written.clone() }
    }
}
