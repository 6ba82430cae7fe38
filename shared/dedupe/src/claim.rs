//! A claim on a key, for effects that cannot share a transaction with their dedupe record.

use event::{Code, Failure, Fingerprint, Timestamp};

use crate::{InProgress, Limits, Owner, RecordId};

/// An event that is to take effect once, through its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The sink and the key.
    pub id: RecordId,
    /// The payload of the event.
    pub fingerprint: Fingerprint,
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
    /// The owner of this attempt. Events that are written into one object have the same owner.
    pub owner: Owner,
}

impl Claim {
    /// The dedupe record of this claim, with a lease until `lease_ends_at`.
    pub(crate) fn in_progress_until(&self, lease_ends_at: Timestamp) -> InProgress {
        InProgress {
            owner: self.owner.clone(),
            lease_ends_at,
            fingerprint: self.fingerprint.clone(),
            expires_at: self.expires_at,
        }
    }
}

/// The limits of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The time at which the attempt is over: nothing of it runs any more.
    pub ends_at: Timestamp,
    /// The latest time until which the attempt waits for keys that others hold.
    pub wait_until: Timestamp,
    /// The limits of the store's transactions.
    pub limits: Limits,
    /// How often a call is made if its outcome stays unknown.
    pub tries: u32,
}

/// The failure of an event whose key another invocation still held when this attempt was over.
pub(crate) fn held_by_another(claim: &InProgress, now: Timestamp) -> Failure {
    let reason = "another invocation is about to write this key";
    let mut failure = Failure::throttled(Some(claim.lease_ends_at.since(now)), reason);
    failure.code = Code::DependencyUnavailable;
    failure
}
