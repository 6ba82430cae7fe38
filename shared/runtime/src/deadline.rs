//! How much time is left of an invocation.

use std::sync::Arc;
use std::time::Duration;

use event::Timestamp;

use crate::Clock;

/// The time at which Lambda ends this invocation. The remaining time shrinks while a deadline is held, so ask for it
/// each time.
#[derive(Clone)]
pub struct Deadline {
    at: Timestamp,
    /// How much of the time before `at` is not to be used.
    reserve: Duration,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    /// A deadline at this time, by this clock.
    #[must_use]
    pub fn new(at: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { at, reserve: Duration::ZERO, clock }
    }

    /// The remaining time. It is zero once the deadline has passed, and never means "no limit".
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.at.since(self.clock.now()).saturating_sub(self.reserve)
    }

    /// A deadline that is earlier than this one by `by`, for a part of the work.
    #[must_use]
    pub fn earlier(&self, by: Duration) -> Self {
        Self { reserve: self.reserve + by, ..self.clone() }
    }

    /// The deadline of one record of a batch, which may take half of the time that is left. The other half is for the
    /// records after it and for the commit.
    #[must_use]
    pub fn of_record(&self) -> Self {
        self.earlier(self.remaining() / 2)
    }

    /// The present time by the deadline's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
