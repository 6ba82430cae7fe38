//! One event's way through the leased protocol.

use event::{Failure, Timestamp};

use super::Delivery;
use crate::batch::undecided;
use crate::claim::held;
use crate::claims::{self, Protocol};
use crate::{Claim, Completed, DedupeRecord, Expected, InProgress, Verdict};

pub(super) type Step = claims::Step<Leased>;

/// What there is to do besides claiming.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leased {
    /// Claimed: to be delivered.
    Deliver { is_repeat: bool },
    /// Delivered: to be completed.
    Complete(Expected),
    /// Not delivered, as far as is known: the claim is to be given back.
    GiveBack { failure: Failure, may_have_taken_effect: bool },
}

impl Protocol for Leased {
    fn claimed(expected: &Expected) -> Self {
        Self::Deliver { is_repeat: *expected != Expected::Free }
    }

    fn abandoned(claim: &Claim, theirs: &InProgress) -> Step {
        if theirs.fingerprint != claim.fingerprint {
            // It may have taken effect, or never will: a conflict is only with what did.
            return Step::Done(Err(undecided()));
        }
        Step::Claim(Expected::Held(theirs.owner.clone()))
    }

    fn change(&self, claim: &Claim, now: Timestamp) -> Option<(Expected, Option<DedupeRecord>)> {
        let held = || Expected::Held(claim.owner.clone());
        match self {
            Self::Complete(expected) => {
                let (fingerprint, expires_at) = (claim.fingerprint.clone(), claim.expires_at);
                let completed = Completed { fingerprint, place: None, expires_at };
                Some((expected.clone(), Some(DedupeRecord::Completed(completed))))
            }
            // Whoever comes next need not wait, and another payload still cannot take the key.
            Self::GiveBack { may_have_taken_effect: true, .. } => {
                Some((held(), Some(DedupeRecord::InProgress(claim.until(now)))))
            }
            Self::GiveBack { may_have_taken_effect: false, .. } => Some((held(), None)),
            Self::Deliver { .. } => None,
        }
    }

    fn committed(&self, _: &Claim) -> Step {
        match self {
            Self::Complete(_) => Step::Done(Ok(Verdict::Written)),
            Self::GiveBack { failure, .. } => Step::Done(Err(failure.clone())),
            Self::Deliver { .. } => Step::Own(self.clone()),
        }
    }

    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Step {
        match (self, found) {
            (Self::Complete(_), Some(DedupeRecord::Completed(completed))) => {
                let verdict = completed.judge(&claim.fingerprint);
                let by_another = matches!(verdict, Verdict::Conflict { .. });
                Step::Done(Ok(if by_another { verdict } else { Verdict::Written }))
            }
            // Somebody took this attempt for dead, and delivers once more under the same key. Whether
            // it completes that is known once its lease has ended.
            (Self::Complete(_), Some(DedupeRecord::InProgress(theirs))) => {
                Step::Done(Err(held(theirs, now)))
            }
            (Self::Complete(_), None) => Step::Own(Self::Complete(Expected::Free)),
            // Another attempt of the same event did what is to be given back.
            (Self::GiveBack { .. }, Some(DedupeRecord::Completed(completed))) => {
                Step::Done(Ok(completed.judge(&claim.fingerprint)))
            }
            // It is another's by now.
            (Self::GiveBack { failure, .. }, Some(DedupeRecord::InProgress(_)) | None) => {
                Step::Done(Err(failure.clone()))
            }
            (Self::Deliver { .. }, _) => Step::Own(self.clone()),
        }
    }

    // What is delivered and not known to be completed comes again: else a later duplicate would
    // find the key open.
    fn gave_up(&self, _: &Claim, failure: &Failure) -> Step {
        let failure = match self {
            Self::GiveBack { failure: of_delivery, .. } => of_delivery,
            Self::Deliver { .. } | Self::Complete(_) => failure,
        };
        Step::Done(Err(failure.clone()))
    }
}

/// After an attempt, if it was to be made.
pub(super) fn delivered(step: &Step, claim: &Claim, delivery: Delivery) -> Option<Step> {
    let Step::Own(Leased::Deliver { is_repeat }) = *step else { return None };
    Some(Step::Own(match delivery {
        Delivery::Taken => Leased::Complete(Expected::Held(claim.owner.clone())),
        // What refuses now may have taken it from the attempt before.
        Delivery::Refused(failure) => {
            Leased::GiveBack { failure, may_have_taken_effect: is_repeat }
        }
        Delivery::Unknown(failure) => Leased::GiveBack { failure, may_have_taken_effect: true },
    }))
}
