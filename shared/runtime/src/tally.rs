//! The counts of an invocation, for its one log line.

use event::{Code, Failure};

use crate::EventCounts;

/// The counts of one invocation, which processed a batch or an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of the batch; 1 for a request.
    pub received: usize,
    /// Records that stay in their queue.
    pub failed: usize,
    /// Records that stay in their queue and were not tried.
    pub untouched: u64,
    /// The events of all records that were processed.
    pub done: EventCounts,
    /// Records that are hidden in their queue until their next try.
    pub retried: u64,
    /// Records of which a copy waits in their queue until their next try.
    pub parked: u64,
    /// Hidden and parked records that wait because a dependency is unavailable.
    pub waiting: usize,
    /// Records that became dead letters.
    pub dead_lettered: u64,
    /// Dead letters whose event had another payload under a used key.
    pub conflicts: u64,
    /// Events that were refused with an answer to their producer.
    pub refused: u64,
    /// The status of the answer to a request; absent for a batch.
    pub http_status: Option<i64>,
}

impl Tally {
    pub(crate) fn add_dead_letter(&mut self, failure: &Failure) {
        self.dead_lettered += 1;
        self.conflicts += u64::from(failure.code == Code::Conflict);
    }

    /// Writes the line `batch done`. Each event that came in is passed on, diverted, a duplicate or stale, retried,
    /// parked, dead-lettered or refused.
    pub fn log(&self, stage: &str) {
        tracing::info!(
            stage,
            http.status = self.http_status,
            batch.received = self.received,
            batch.failed = self.failed,
            batch.untouched = self.untouched,
            events.in = self.done.taken + self.dead_lettered,
            events.out = self.done.passed,
            events.duplicate = self.done.duplicates,
            events.stale = self.done.stale,
            events.degraded = self.done.degraded,
            events.diverted = self.done.diverted,
            events.late = self.done.late,
            events.early = self.done.early,
            events.conflict = self.conflicts,
            events.retried = self.retried,
            events.parked = self.parked,
            events.refused = self.refused,
            events.dead_lettered = self.done.dead_lettered + self.dead_lettered,
            "batch done"
        );
    }
}
