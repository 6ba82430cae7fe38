//! A stage of the pipeline: what it does to each record, and to a batch of them.

use std::future::Future;
use std::ops::AddAssign;

use breaker::polling::BatchSummary;
use event::{ContractRef, Failure};

use crate::{Deadline, Record, RejectedMessage};

/// The number of events of a record that was processed, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Events in the record. Only a file has more than one.
    pub taken: u64,
    /// Events that were passed on or written.
    pub passed: u64,
    /// Events that had passed before.
    pub duplicates: u64,
    /// Events that were older than the content of one of their sinks, and changed nothing there.
    pub stale: u64,
    /// Events whose dead letters are sent already.
    pub dead_lettered: u64,
    /// Events that were passed on without an enrichment.
    pub degraded: u64,
    /// Events that were sent to the late queue.
    pub diverted: u64,
    /// Events that were passed on or diverted, and are marked as late.
    pub late: u64,
    /// Events that were passed on or diverted, and are marked as early.
    pub early: u64,
}

impl EventCounts {
    const NOTHING: Self = Self {
        taken: 0,
        passed: 0,
        duplicates: 0,
        stale: 0,
        dead_lettered: 0,
        degraded: 0,
        diverted: 0,
        late: 0,
        early: 0,
    };
    /// One event that was passed on.
    pub const PASSED: Self = Self { taken: 1, passed: 1, ..Self::NOTHING };
    /// One event that had passed before.
    pub const DUPLICATE: Self = Self { taken: 1, duplicates: 1, ..Self::NOTHING };
    /// One event that was sent to the late queue.
    pub const DIVERTED: Self = Self { taken: 1, diverted: 1, ..Self::NOTHING };
}

impl AddAssign for EventCounts {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.passed += other.passed;
        self.duplicates += other.duplicates;
        self.stale += other.stale;
        self.dead_lettered += other.dead_lettered;
        self.degraded += other.degraded;
        self.diverted += other.diverted;
        self.late += other.late;
        self.early += other.early;
    }
}

/// A stage of the pipeline. Records are prepared concurrently, and a panic or a time-out harms only its own
/// record. The prepared records are committed together, in as few calls as possible.
pub trait Stage: Send + Sync {
    /// The name of the stage in dead letters and logs.
    const NAME: &'static str;

    /// What preparing a record makes of it, for the commit.
    type Prepared: Send;

    /// Prepares a record: reads and checks it, and does all that needs no other record of the batch.
    ///
    /// # Errors
    /// Why the record failed. The batch loop turns the kind of the failure into an action.
    fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> impl Future<Output = Result<Self::Prepared, Failure>> + Send;

    /// Commits the prepared records. Answers with one result for each, in their order.
    fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> impl Future<Output = Vec<Result<EventCounts, Failure>>> + Send;

    /// The contract of a record's event, as far as it is known. Dead letters are grouped by it, among other things.
    /// By default the record is an envelope, which names its contract.
    fn contract_of(&self, record: &Record) -> Option<ContractRef> {
        ContractRef::of_envelope(&record.body)
    }

    /// Stores a body that is too large for a dead letter ([`RejectedMessage::fits`]) in another place, and names the
    /// place in the dead letter. A stage that receives messages only from the stage before it does not need this,
    /// because messages between stages leave room for a failure. By default the dead letter stays as it is.
    ///
    /// # Errors
    /// When the body could not be stored.
    fn store_oversized(
        &self,
        _refused: &mut RejectedMessage,
        _deadline: &Deadline,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Runs at the end of an invocation, after which the environment may freeze, perhaps for good. `summary` has the
    /// counts of its records. By default it does nothing.
    fn end_invocation(&self, _summary: &BatchSummary) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
