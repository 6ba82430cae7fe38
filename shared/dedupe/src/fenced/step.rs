//! One event's way through the fenced protocol.

use event::{Failure, Fingerprint, Timestamp};

use crate::claims::{self, Protocol};
use crate::{Claim, Completed, DedupeRecord, Expected, InProgress, Owner, Verdict};

pub(super) type Step = claims::Step<Fenced>;

/// What there is to do besides claiming.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fenced {
    /// Another's, whose lease has ended: its object is to be looked for.
    Settle(InProgress),
    /// It is in another's object, whose claim is to be completed.
    CompleteFor(InProgress),
    /// Claimed: to be written.
    Write,
    /// In this attempt's object: to be completed.
    Complete,
}

impl Protocol for Fenced {
    fn claimed(_: &Expected) -> Self {
        Self::Write
    }

    fn abandoned(_: &Claim, theirs: &InProgress) -> Step {
        Step::Own(Self::Settle(theirs.clone()))
    }

    fn change(&self, claim: &Claim, _: Timestamp) -> Option<(Expected, Option<DedupeRecord>)> {
        let completed = |owner: &Owner, fingerprint: &Fingerprint, expires_at| {
            let (fingerprint, place) = (fingerprint.clone(), Some(owner.to_string()));
            let to = DedupeRecord::Completed(Completed { fingerprint, place, expires_at });
            Some((Expected::Held(owner.clone()), Some(to)))
        };
        match self {
            // A redrive may have extended the claim's life since it was read: the event is remembered from now on.
            Self::CompleteFor(theirs) => {
                let expires_at = theirs.expires_at.max(claim.expires_at);
                completed(&theirs.owner, &theirs.fingerprint, expires_at)
            }
            Self::Complete => completed(&claim.owner, &claim.fingerprint, claim.expires_at),
            Self::Settle(_) | Self::Write => None,
        }
    }

    fn committed(&self, claim: &Claim) -> Step {
        match self {
            Self::CompleteFor(theirs) => Step::Done(Ok(judge(claim, theirs))),
            Self::Complete => Step::Done(Ok(Verdict::Written)),
            Self::Settle(_) | Self::Write => Step::Own(self.clone()),
        }
    }

    fn found(&self, claim: &Claim, found: Option<&DedupeRecord>, now: Timestamp) -> Step {
        match self {
            // The object that holds it is there: whoever completed it did so for that.
            Self::Complete => Step::Done(Ok(Verdict::Written)),
            Self::CompleteFor(_) | Self::Settle(_) | Self::Write => {
                Step::met(&Expected::Free, claim, found, now)
            }
        }
    }

    fn gave_up(&self, claim: &Claim, failure: &Failure) -> Step {
        Step::Done(match self {
            // What the object says counts: whoever meets the claim reads it there.
            Self::Complete => Ok(Verdict::Written),
            Self::CompleteFor(theirs) => Ok(judge(claim, theirs)),
            Self::Settle(_) | Self::Write => Err(failure.clone()),
        })
    }
}

fn judge(claim: &Claim, written: &InProgress) -> Verdict {
    Verdict::after(&written.fingerprint, &claim.fingerprint)
}
