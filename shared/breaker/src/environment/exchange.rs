//! What passes between an environment's breaker and those who call and who keep the store.

use std::time::Duration;

use event::Timestamp;

use crate::{
    Cause, Publication, PublishOutcome, Record, ReplaceOutcome, Snapshot, StoreUnavailable,
};

/// Whether a call may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    Call(Pass),
    Wait(Wait),
    /// Not known before the store has answered this.
    Ask(Request),
}

/// Leave to make one call, to be given back with what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    Uncounted,
    Counted { generation: u64, holds: u32 },
    Probe { lease_ends_at: Timestamp },
}

/// Why a call is not made, and when one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    pub until: Timestamp,
    pub reason: WaitReason,
    /// Since when the dependency is unavailable, as far as it is.
    pub since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    Open(Cause),
    /// Others are finding out whether it is back.
    Probing,
    /// It is back, and not all calls are let through yet.
    Ramping,
    /// The dependency asked for it.
    Throttled,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// Answered, with nothing for this event.
    Absent,
    Failed,
    /// Told to slow down, for so long if it said so.
    Throttled {
        retry_after: Option<Duration>,
    },
    /// Says nothing of the dependency: not made for want of time, or by a limit of our own.
    Ignored,
}

/// What to ask the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    Read,
    Replace { expected: u64, record: Record },
    Publish(Publication),
}

/// What the store answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Answer {
    Read(Result<Snapshot, StoreUnavailable>),
    /// With the record that was to be written.
    ReplaceOutcome(Record, ReplaceOutcome),
    PublishOutcome(Publication, PublishOutcome),
}
