//! One event's way through the leased protocol.

use event::{Failure, Timestamp};

use super::Delivery;
use crate::batch::undecided;
use crate::claim::{Claiming, held};
use crate::{
    Change, Claim, Completed, DedupeRecord, Expected, InProgress, Outcome, Reason, Verdict,
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
    pub(super) fn change(&self, lease_ends_at: Timestamp, now: Timestamp) -> Option<Change> {
        let Claim { id, fingerprint, expires_at, owner } = self.claim.clone();
        let held = Expected::Held(owner.clone());
        let claim = |lease_ends_at| InProgress { owner, lease_ends_at, fingerprint, expires_at };
        let (expected, to) = match &self.step {
            Step::Claim(expected) => {
                (expected.clone(), Some(DedupeRecord::InProgress(claim(lease_ends_at))))
            }
            Step::Complete(expected) => {
                let InProgress { fingerprint, expires_at, .. } = claim(lease_ends_at);
                let completed = Completed { fingerprint, place: None, expires_at };
                (expected.clone(), Some(DedupeRecord::Completed(completed)))
            }
            // Whoever comes next need not wait, and another payload still cannot take the key.
            Step::GiveBack { may_have_taken_effect: true, .. } => {
                (held, Some(DedupeRecord::InProgress(claim(now))))
            }
            Step::GiveBack { may_have_taken_effect: false, .. } => (held, None),
            Step::Wait(_) | Step::Deliver { .. } | Step::Done(_) => return None,
        };
        Some(Change { id, expected, to })
    }
}

impl Claiming for Entry {
    fn committed(&mut self) {
        self.step = match &self.step {
            Step::Claim(expected) => Step::Deliver { is_repeat: *expected != Expected::Free },
            Step::Complete(_) => Step::Done(Ok(Verdict::Written)),
            Step::GiveBack { failure, .. } => Step::Done(Err(failure.clone())),
            other => other.clone(),
        };
    }

    fn cancelled(&mut self, reason: &Reason, now: Timestamp) -> bool {
        let Reason::Found(found) = reason else { return false };
        self.step = match (&self.step, found) {
            (Step::Claim(expected), Some(DedupeRecord::InProgress(claim))) => {
                self.met(claim, expected, now)
            }
            // Of what is to be given back, another attempt of the same event did it.
            (Step::Claim(_) | Step::GiveBack { .. }, Some(DedupeRecord::Completed(completed))) => {
                Step::Done(Ok(completed.judge(&self.claim.fingerprint)))
            }
            (Step::Claim(_), None) => Step::Claim(Expected::Free),
            (Step::Complete(_), Some(DedupeRecord::Completed(completed))) => {
                let verdict = completed.judge(&self.claim.fingerprint);
                let by_another = matches!(verdict, Verdict::Conflict { .. });
                Step::Done(Ok(if by_another { verdict } else { Verdict::Written }))
            }
            // Somebody took this attempt for dead, and delivers once more under the same key. Whether
            // it completes that is known once its lease has ended.
            (Step::Complete(_), Some(DedupeRecord::InProgress(claim))) => {
                Step::Done(Err(held(claim, now)))
            }
            (Step::Complete(_), None) => Step::Complete(Expected::Free),
            // It is another's by now.
            (Step::GiveBack { failure, .. }, Some(DedupeRecord::InProgress(_)) | None) => {
                Step::Done(Err(failure.clone()))
            }
            (step @ (Step::Wait(_) | Step::Deliver { .. } | Step::Done(_)), _) => step.clone(),
        };
        true
    }

    // What is delivered and not known to be completed comes again: else a later duplicate would
    // find the key open.
    fn gave_up(&mut self, failure: &Failure) {
        self.step = match &self.step {
            Step::GiveBack { failure: of_delivery, .. } => Step::Done(Err(of_delivery.clone())),
            _ => Step::Done(Err(failure.clone())),
        };
    }

    fn stand_alone(&mut self) {
        self.is_alone = true;
    }
}

impl Entry {
    fn met(&self, claim: &InProgress, expected: &Expected, now: Timestamp) -> Step {
        if claim.owner == self.claim.owner {
            // An earlier try, whose answer was lost.
            return Step::Deliver { is_repeat: *expected != Expected::Free };
        }
        if claim.lease_ends_at > now {
            return Step::Wait(claim.clone());
        }
        if claim.fingerprint != self.claim.fingerprint {
            // It may have taken effect, or never will: a conflict is only with what did.
            return Step::Done(Err(undecided()));
        }
        Step::Claim(Expected::Held(claim.owner.clone()))
    }

    pub(super) fn delivered(&mut self, delivery: Delivery) {
        let Step::Deliver { is_repeat } = self.step else { return };
        self.step = match delivery {
            Delivery::Taken => Step::Complete(Expected::Held(self.claim.owner.clone())),
            // What refuses now may have taken it from the attempt before.
            Delivery::Refused(failure) => {
                Step::GiveBack { failure, may_have_taken_effect: is_repeat }
            }
            Delivery::Unknown(failure) => Step::GiveBack { failure, may_have_taken_effect: true },
        };
    }
}
