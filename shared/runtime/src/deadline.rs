//! How much of an invocation is left.

use std::sync::Arc;
use std::time::Duration;

use event::Timestamp;

use crate::Clock;

/// When Lambda will end this invocation. Time passes while it is held: ask again.
#[derive(Clone)]
pub struct Deadline {
    at: Timestamp,
    /// Kept of the time before that.
    reserve: Duration,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    #[must_use]
    pub fn new(at: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { at, reserve: Duration::ZERO, clock }
    }

    /// Zero once it has passed: never "no limit".
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.at.since(self.clock.now()).saturating_sub(self.reserve)
    }

    /// One by which something has to be back, so much before this one.
    #[must_use]
    pub fn earlier(&self, by: Duration) -> Self {
        Self { reserve: self.reserve + by, ..self.clone() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
