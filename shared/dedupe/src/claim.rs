//! A claim to a key, for effects that share no transaction with their dedupe record.

use event::{Code, Failure, Fingerprint, Timestamp};

use crate::batch::contended;
use crate::{CommitError, InProgress, Limits, Owner, Reason, RecordId};

/// An event to take effect once, by the doing of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    pub id: RecordId,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
    /// Of this attempt alone; the events of one object have the same.
    pub owner: Owner,
}

/// What one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// When nothing of this attempt runs any more.
    pub ends_at: Timestamp,
    /// Until when it waits for what others hold, at most.
    pub wait_until: Timestamp,
    pub limits: Limits,
    /// How often a call is made whose outcome is not known.
    pub tries: u32,
}

/// An event on its way through a protocol that claims its key.
pub(crate) trait Claiming {
    /// Its change was made.
    fn committed(&mut self);

    /// Its change was not made; whether that brought it on.
    fn cancelled(&mut self, reason: &Reason, now: Timestamp) -> bool;

    /// It cannot be told whether its change was made.
    fn gave_up(&mut self, failure: &Failure);

    /// Its change is made in a transaction of its own from here on.
    fn stand_alone(&mut self);
}

/// What a transaction of the changes at these positions does to them. An error where it brought nothing
/// on.
pub(crate) fn committed<E: Claiming>(
    entries: &mut [E],
    positions: &[usize],
    result: Result<(), CommitError>,
    now: Timestamp,
) -> Result<(), Failure> {
    match result {
        Ok(()) => positions.iter().for_each(|&at| entries[at].committed()),
        Err(CommitError::Cancelled { changes, .. }) => {
            let moved = positions.iter().zip(&changes);
            let moved = moved.map(|(&at, reason)| entries[at].cancelled(reason, now));
            if moved.filter(|moved| *moved).count() == 0 {
                return Err(contended());
            }
        }
        Err(CommitError::Rejected { reason }) => match positions {
            [single] => {
                entries[*single].gave_up(&Failure::permanent(Code::DependencyRefused, reason));
            }
            // One of them is at fault, and the store does not say which.
            several => several.iter().for_each(|&at| entries[at].stand_alone()),
        },
        Err(CommitError::Failed(failure)) => return Err(failure),
    }
    Ok(())
}

/// Its time was over before another's lease was.
pub(crate) fn held(claim: &InProgress, now: Timestamp) -> Failure {
    let reason = "another invocation is about to write this key";
    let mut failure = Failure::throttled(Some(claim.lease_ends_at.since(now)), reason);
    failure.code = Code::DependencyUnavailable;
    failure
}
