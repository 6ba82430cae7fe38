//! The steps of one event in the fenced protocol.

use event::{Failure, Fingerprint, Timestamp};

use crate::claim_set::{self, Protocol};
use crate::{Claim, Completed, DedupeRecord, Expected, InProgress, Owner, Verdict};

pub(super) type Step = claim_set::Step<FencedStep>;

/// The steps before and after a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum FencedStep {
    /// Another owner's lease has ended: look for its object.
    Settle(InProgress),
    /// The event is in another owner's object: complete that owner's claim.
    CompleteTheirs(InProgress),
    /// The key is claimed: write the object.
    Write,
    /// The event is in this owner's object: complete the claim.
    Complete,
}

impl Protocol for FencedStep {
    fn after_claim(_: &Expected) -> Self {
        Self::Write
    }

    fn after_expired_lease(_: &Claim, theirs: &InProgress) -> Step {
        Step::Protocol(Self::Settle(theirs.clone()))
    }

    fn change(&self, claim: &Claim, _: Timestamp) -> Option<(Expected, Option<DedupeRecord>)> {
        match self {
            // A redrive may have extended the claim's expiry since it was read. The event is remembered
            // for at least as long as this claim says.
            Self::CompleteTheirs(theirs) => {
                let expires_at = theirs.expires_at.max(claim.expires_at);
                Some(completion(&theirs.owner, &theirs.fingerprint, expires_at))
            }
            Self::Complete => Some(completion(&claim.owner, &claim.fingerprint, claim.expires_at)),
            Self::Settle(_) | Self::Write => None,
        }
    }

    fn after_commit(&self, claim: &Claim) -> Step {
        match self {
            Self::CompleteTheirs(theirs) => Step::Done(Ok(judge(claim, theirs))),
            Self::Complete => Step::Done(Ok(Verdict::Written)),
            Self::Settle(_) | Self::Write => Step::Protocol(self.clone()),
        }
    }

    fn after_finding(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Step {
        match self {
            // The object with the event is there. Another attempt has completed the claim because of it.
            Self::Complete => Step::Done(Ok(Verdict::Written)),
            Self::CompleteTheirs(_) | Self::Settle(_) | Self::Write => {
                Step::after_refused_claim(&Expected::Free, claim, found, now)
            }
        }
    }

    fn after_giving_up(&self, claim: &Claim, failure: &Failure) -> Step {
        Step::Done(match self {
            // The object decides: the next attempt that finds the claim reads the event there.
            Self::Complete => Ok(Verdict::Written),
            Self::CompleteTheirs(theirs) => Ok(judge(claim, theirs)),
            Self::Settle(_) | Self::Write => Err(failure.clone()),
        })
    }
}

/// The change that completes an owner's claim.
fn completion(
    owner: &Owner,
    fingerprint: &Fingerprint,
    expires_at: Timestamp,
) -> (Expected, Option<DedupeRecord>) {
    let (fingerprint, place) = (fingerprint.clone(), Some(owner.to_string()));
    let completed = Completed { fingerprint, place, expires_at };
    (Expected::Held(owner.clone()), Some(DedupeRecord::Completed(completed)))
}

fn judge(claim: &Claim, written: &InProgress) -> Verdict {
    Verdict::after(&written.fingerprint, &claim.fingerprint)
}
