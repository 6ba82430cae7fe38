//! What an environment's breaker exchanges with its callers and with the store.

use std::time::Duration;

use event::Timestamp;

use crate::{
    Cause, Publication, PublishOutcome, Record, ReplaceOutcome, Snapshot, StoreUnavailable,
};

/// Whether a call may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be made. The pass is given to [`Environment::finish`](crate::Environment::finish) afterwards.
    Call(Pass),
    /// It may not be made now.
    Wait(Wait),
    /// It is not known until the store has answered this request.
    Ask(Request),
}

/// Permission for one call. It says how the outcome counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// The outcome is not counted: the breaker is disabled, or there is none.
    Uncounted,
    /// The outcome counts towards the rates.
    Counted {
        /// The generation in which the call was admitted. In another one it does not count.
        generation: u64,
        /// How many holds in a row there had been when the call was admitted.
        holds: u32,
    },
    /// The outcome decides, with other probes, whether the breaker closes.
    Probe {
        /// When the lease ends that the permit is from. It identifies the lease.
        lease_ends_at: Timestamp,
    },
}

/// Why a call is not made, and when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// When to ask again.
    pub until: Timestamp,
    /// Why the call is not made.
    pub reason: WaitReason,
    /// Since when the dependency is unavailable; `None` if it is available.
    pub since: Option<Timestamp>,
}

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// The breaker is open.
    Open(Cause),
    /// The breaker is half-open, and others make the permitted probes.
    Probing,
    /// The dependency is available again, but only a share of the calls is let through yet.
    Ramping,
    /// The dependency answered that calls should slow down (429).
    Throttled,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was answered, and the answer has nothing for this event (404).
    Absent,
    /// It failed, or was not answered in time.
    Failed,
    /// The dependency answered that calls should slow down (429).
    Throttled {
        /// For how long, if the answer said so (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// It says nothing about the dependency: it was not made for lack of time or because of our own limits, or it was
    /// given up.
    Ignored,
}

/// What to ask the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read all breakers.
    Read,
    /// Write the breaker's record if the stored one has the expected version.
    Replace {
        /// The version that must be stored; 0 if there must be no record.
        expected: u64,
        /// The record to write.
        record: Record,
    },
    /// Add counts to those of the fleet.
    Publish(Publication),
}

/// What the store answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Answer {
    /// What it holds of this breaker, for [`Request::Read`].
    Read(Result<Snapshot, StoreUnavailable>),
    /// What came of [`Request::Replace`], with the record that was to be written.
    ReplaceOutcome(Record, ReplaceOutcome),
    /// What came of [`Request::Publish`], with the counts that were to be added.
    PublishOutcome(Publication, PublishOutcome),
}
