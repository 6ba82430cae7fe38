//! What an invocation did, for the one log line that says so.

use event::{Code, Failure};

use crate::EventCounts;

/// The counts of one invocation: of a batch, or of an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of the batch; 1 for a request.
    pub received: usize,
    /// Records that stay in their queue.
    pub failed: usize,
    /// Those of them that were not looked at.
    pub untouched: u64,
    pub done: EventCounts,
    /// Records that are hidden in their queue until their next try.
    pub retried: u64,
    /// Records of which a copy waits in their queue until their next try.
    pub parked: u64,
    /// Those of the hidden and the parked that wait because a dependency is unavailable.
    pub waiting: usize,
    pub dead_lettered: u64,
    /// Dead letters that came with another payload under a used key.
    pub conflicts: u64,
    /// Events that went back to their producer, who was told why.
    pub refused: u64,
    /// What a request was answered with.
    pub http_status: Option<i64>,
}

impl Tally {
    pub(crate) fn add_dead_letter(&mut self, failure: &Failure) {
        self.dead_lettered += 1;
        self.conflicts += u64::from(failure.code == Code::Conflict);
    }

    /// The line `batch done`: what came in is what went out, was a duplicate or stale, was retried,
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
            events.conflict = self.conflicts,
            events.retried = self.retried,
            events.parked = self.parked,
            events.refused = self.refused,
            events.dead_lettered = self.done.dead_lettered + self.dead_lettered,
            "batch done"
        );
    }
}
