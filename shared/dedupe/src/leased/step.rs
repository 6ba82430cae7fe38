//! One event's way through the leased protocol.

use event::{Failure, Timestamp};

use super::Delivery;
use crate::batch::undecided;
use crate::claim::held;
use crate::{
    Change, Claim, Completed, DedupeRecord, Expected, InProgress, Outcome, Verdict, claims,
};

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// To be claimed, from nobody or from an owner whose lease has ended.
    Claim(Expected),
    /// Another's, whose lease has not ended.
    Wait(InProgress),
    /// Claimed: to be delivered.
    Deliver {
        is_repeat: bool,
    },
    /// Delivered: to be completed.
    Complete(Expected),
    /// Not delivered, as far as is known: the claim is to be given back.
    GiveBack {
        failure: Failure,
        may_have_taken_effect: bool,
    },
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

    fn change(&self, claim: &Claim, lease_ends_at: Timestamp, now: Timestamp) -> Option<Change> {
        let Claim { id, fingerprint, expires_at, owner } = claim.clone();
        let held = Expected::Held(owner.clone());
        let claim = |lease_ends_at| InProgress { owner, lease_ends_at, fingerprint, expires_at };
        let (expected, to) = match self {
            Self::Claim(expected) => {
                (expected.clone(), Some(DedupeRecord::InProgress(claim(lease_ends_at))))
            }
            Self::Complete(expected) => {
                let InProgress { fingerprint, expires_at, .. } = claim(lease_ends_at);
                let completed = Completed { fingerprint, place: None, expires_at };
                (expected.clone(), Some(DedupeRecord::Completed(completed)))
            }
            // Whoever comes next need not wait, and another payload still cannot take the key.
            Self::GiveBack { may_have_taken_effect: true, .. } => {
                (held, Some(DedupeRecord::InProgress(claim(now))))
            }
            Self::GiveBack { may_have_taken_effect: false, .. } => (held, None),
            Self::Wait(_) | Self::Deliver { .. } | Self::Done(_) => return None,
        };
        Some(Change { id, expected, to })
    }

    fn committed(&self, _: &Claim) -> Self {
        match self {
            Self::Claim(expected) => Self::Deliver { is_repeat: *expected != Expected::Free },
            Self::Complete(_) => Self::Done(Ok(Verdict::Written)),
            Self::GiveBack { failure, .. } => Self::Done(Err(failure.clone())),
            other => other.clone(),
        }
    }

    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Self {
        match (self, found) {
            (Self::Claim(expected), Some(DedupeRecord::InProgress(theirs))) => {
                met(claim, theirs, expected, now)
            }
            // Of what is to be given back, another attempt of the same event did it.
            (Self::Claim(_) | Self::GiveBack { .. }, Some(DedupeRecord::Completed(completed))) => {
                Self::Done(Ok(completed.judge(&claim.fingerprint)))
            }
            (Self::Claim(_), None) => Self::Claim(Expected::Free),
            (Self::Complete(_), Some(DedupeRecord::Completed(completed))) => {
                let verdict = completed.judge(&claim.fingerprint);
                let by_another = matches!(verdict, Verdict::Conflict { .. });
                Self::Done(Ok(if by_another { verdict } else { Verdict::Written }))
            }
            // Somebody took this attempt for dead, and delivers once more under the same key. Whether
            // it completes that is known once its lease has ended.
            (Self::Complete(_), Some(DedupeRecord::InProgress(theirs))) => {
                Self::Done(Err(held(theirs, now)))
            }
            (Self::Complete(_), None) => Self::Complete(Expected::Free),
            // It is another's by now.
            (Self::GiveBack { failure, .. }, Some(DedupeRecord::InProgress(_)) | None) => {
                Self::Done(Err(failure.clone()))
            }
            (step @ (Self::Wait(_) | Self::Deliver { .. } | Self::Done(_)), _) => step.clone(),
        }
    }

    // What is delivered and not known to be completed comes again: else a later duplicate would
    // find the key open.
    fn gave_up(&self, _: &Claim, failure: &Failure) -> Self {
        match self {
            Self::GiveBack { failure: of_delivery, .. } => Self::Done(Err(of_delivery.clone())),
            _ => Self::Done(Err(failure.clone())),
        }
    }
}

fn met(claim: &Claim, theirs: &InProgress, expected: &Expected, now: Timestamp) -> Step {
    if theirs.owner == claim.owner {
        // An earlier try, whose answer was lost.
        return Step::Deliver { is_repeat: *expected != Expected::Free };
    }
    if theirs.lease_ends_at > now {
        return Step::Wait(theirs.clone());
    }
    if theirs.fingerprint != claim.fingerprint {
        // It may have taken effect, or never will: a conflict is only with what did.
        return Step::Done(Err(undecided()));
    }
    Step::Claim(Expected::Held(theirs.owner.clone()))
}

/// After an attempt, if it was to be made.
pub(super) fn delivered(step: &Step, claim: &Claim, delivery: Delivery) -> Option<Step> {
    let Step::Deliver { is_repeat } = *step else { return None };
    Some(match delivery {
        Delivery::Taken => Step::Complete(Expected::Held(claim.owner.clone())),
        // What refuses now may have taken it from the attempt before.
        Delivery::Refused(failure) => Step::GiveBack { failure, may_have_taken_effect: is_repeat },
        Delivery::Unknown(failure) => Step::GiveBack { failure, may_have_taken_effect: true },
    })
}
