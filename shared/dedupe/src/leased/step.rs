//! The steps of one event in the leased protocol.

use event::{Failure, Timestamp};

use super::{Attempt, Delivery};
use crate::claim::held_by_another;
use crate::claim_set::{self, Protocol};
use crate::repeats::undecided_failure;
use crate::{Claim, Completed, DedupeRecord, Expected, InProgress, Verdict};

pub(super) type Step = claim_set::Step<LeasedStep>;

/// The steps that follow a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum LeasedStep {
    /// The key is claimed: deliver the event.
    Deliver(Attempt),
    /// The event is delivered: complete the record, on this condition.
    Complete(Expected),
    /// The event is not known to be delivered: give the claim back.
    GiveBack { failure: Failure, may_have_taken_effect: bool },
}

impl Protocol for LeasedStep {
    fn after_claim(expected: &Expected) -> Self {
        Self::Deliver(match expected {
            Expected::Free => Attempt::First,
            Expected::Held(_) => Attempt::Repeated,
        })
    }

    fn after_expired_lease(claim: &Claim, theirs: &InProgress) -> Step {
        if theirs.fingerprint != claim.fingerprint {
            // The other payload may have taken effect or not. A conflict is only with one that has.
            return Step::Done(Err(undecided_failure()));
        }
        Step::Claim(Expected::Held(theirs.owner.clone()))
    }

    fn change(&self, claim: &Claim, now: Timestamp) -> Option<(Expected, Option<DedupeRecord>)> {
        match self {
            Self::Complete(expected) => {
                let completed = Completed {
                    fingerprint: claim.fingerprint.clone(),
                    place: None,
                    expires_at: claim.expires_at,
                };
                Some((expected.clone(), Some(DedupeRecord::Completed(completed))))
            }
            // The lease ends now: the next attempt need not wait, and another payload still cannot take
            // the key.
            Self::GiveBack { may_have_taken_effect: true, .. } => {
                let ended = claim.in_progress_until(now);
                Some((Expected::Held(claim.owner.clone()), Some(DedupeRecord::InProgress(ended))))
            }
            Self::GiveBack { may_have_taken_effect: false, .. } => {
                Some((Expected::Held(claim.owner.clone()), None))
            }
            Self::Deliver(_) => None,
        }
    }

    fn after_commit(&self, _: &Claim) -> Step {
        match self {
            Self::Complete(_) => Step::Done(Ok(Verdict::Written)),
            Self::GiveBack { failure, .. } => Step::Done(Err(failure.clone())),
            Self::Deliver(_) => Step::Protocol(self.clone()),
        }
    }

    fn after_finding(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Step {
        match (self, found) {
            (Self::Complete(_), Some(DedupeRecord::Completed(completed))) => {
                let verdict = completed.judge(&claim.fingerprint);
                let is_conflict = matches!(verdict, Verdict::Conflict { .. });
                Step::Done(Ok(if is_conflict { verdict } else { Verdict::Written }))
            }
            // Another attempt took this one for dead, and delivers once more under the same key. Whether
            // it completes the record is known once its lease has ended.
            (Self::Complete(_), Some(DedupeRecord::InProgress(theirs))) => {
                Step::Done(Err(held_by_another(theirs, now)))
            }
            (Self::Complete(_), None) => Step::Protocol(Self::Complete(Expected::Free)),
            // Another attempt delivered the same event.
            (Self::GiveBack { .. }, Some(DedupeRecord::Completed(completed))) => {
                Step::Done(Ok(completed.judge(&claim.fingerprint)))
            }
            // Another attempt holds the key by now, or gave it back.
            (Self::GiveBack { failure, .. }, Some(DedupeRecord::InProgress(_)) | None) => {
                Step::Done(Err(failure.clone()))
            }
            (Self::Deliver(_), _) => Step::Protocol(self.clone()),
        }
    }

    // An event that is delivered and not known to be completed is received again. Otherwise a later
    // duplicate would find the key open.
    fn after_giving_up(&self, _: &Claim, failure: &Failure) -> Step {
        let failure = match self {
            Self::GiveBack { failure: of_delivery, .. } => of_delivery,
            Self::Deliver(_) | Self::Complete(_) => failure,
        };
        Step::Done(Err(failure.clone()))
    }
}

/// The step after a delivery. `None` if no delivery was due.
pub(super) fn after_delivery(step: &Step, claim: &Claim, delivery: Delivery) -> Option<Step> {
    let Step::Protocol(LeasedStep::Deliver(attempt)) = *step else { return None };
    Some(Step::Protocol(match delivery {
        Delivery::Taken => LeasedStep::Complete(Expected::Held(claim.owner.clone())),
        // The target may refuse a repeated attempt after it has taken the earlier one.
        Delivery::Refused(failure) => {
            let may_have_taken_effect = attempt == Attempt::Repeated;
            LeasedStep::GiveBack { failure, may_have_taken_effect }
        }
        Delivery::Unknown(failure) => LeasedStep::GiveBack { failure, may_have_taken_effect: true },
    }))
}
