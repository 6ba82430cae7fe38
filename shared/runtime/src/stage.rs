//! A stage of the pipeline: what it does to each record, and to a batch of them.

use std::future::Future;
use std::ops::AddAssign;

use breaker::polling::BatchSummary;
use event::{ContractRef, Failure};

use crate::{Deadline, Record, RejectedMessage};

/// What became of one record that got through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events found in the record; one but for files.
    pub taken: u64,
    /// Events passed on, or written.
    pub passed: u64,
    /// Events that had passed before.
    pub duplicates: u64,
    /// Events that came after what is newer, somewhere, and changed nothing there.
    pub stale: u64,
    /// Events of the record that are dead letters, already sent.
    pub dead_lettered: u64,
    /// Events passed on without something that was to be added to them.
    pub degraded: u64,
}

impl EventCounts {
    /// One event, passed on.
    pub const PASSED: Self =
        Self { taken: 1, passed: 1, duplicates: 0, stale: 0, dead_lettered: 0, degraded: 0 };
    /// One event, which had passed before.
    pub const DUPLICATE: Self =
        Self { taken: 1, passed: 0, duplicates: 1, stale: 0, dead_lettered: 0, degraded: 0 };
}

impl AddAssign for EventCounts {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.passed += other.passed;
        self.duplicates += other.duplicates;
        self.stale += other.stale;
        self.dead_lettered += other.dead_lettered;
        self.degraded += other.degraded;
    }
}

/// Each record is prepared on its own, concurrently, its panics and time-outs its own; what came
/// of them is committed together, in as few calls as can be.
pub trait Stage: Send + Sync {
    /// As dead letters and logs name it.
    const NAME: &'static str;

    type Prepared: Send;

    fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> impl Future<Output = Result<Self::Prepared, Failure>> + Send;

    /// One result for each, in their order.
    fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> impl Future<Output = Vec<Result<EventCounts, Failure>>> + Send;

    /// The contract that the event of a record is held to, as far as it is known: it is part of what groups dead
    /// letters. By default the record is an envelope, which says it.
    fn contract_of(&self, record: &Record) -> Option<ContractRef> {
        ContractRef::of_envelope(&record.body)
    }

    /// Puts what no message has room for elsewhere ([`RejectedMessage::fits`]), and leaves in the dead letter
    /// where. A stage that is given only what its predecessor sends needs no such place: messages
    /// between stages leave room for a failure. By default the letter stays as it is.
    ///
    /// # Errors
    /// When it could not be put there.
    fn store_oversized(
        &self,
        _refused: &mut RejectedMessage,
        _deadline: &Deadline,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// The last that is done in an invocation, after which the environment may freeze, for good. `summary` says
    /// what its records came to. By default nothing.
    fn end_invocation(&self, _summary: &BatchSummary) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
