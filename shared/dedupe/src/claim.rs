//! A claim to a key, for effects that share no transaction with their dedupe record.

use event::{Code, Failure, Fingerprint, Timestamp};

use crate::{InProgress, Limits, Owner, RecordId};

/// An event to take effect once, by the doing of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    pub id: RecordId,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
    /// Of this attempt alone; the events of one object have the same.
    pub owner: Owner,
}

impl Claim {
    /// Its dedupe record, held until then.
    pub(crate) fn until(&self, lease_ends_at: Timestamp) -> InProgress {
        InProgress {
            owner: self.owner.clone(),
            lease_ends_at,
            fingerprint: self.fingerprint.clone(),
            expires_at: self.expires_at,
        }
    }
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

/// Its time was over before another's lease was.
pub(crate) fn held(claim: &InProgress, now: Timestamp) -> Failure {
    let reason = "another invocation is about to write this key";
    let mut failure = Failure::throttled(Some(claim.lease_ends_at.since(now)), reason);
    failure.code = Code::DependencyUnavailable;
    failure
}
