//! How much of an invocation is left.

use std::sync::Arc;
use std::time::Duration;

use event::Timestamp;

use crate::Clock;

/// When Lambda will end this invocation. Time passes while it is held: ask again.
#[derive(Clone)]
pub struct Deadline {
    at: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    #[must_use]
    pub fn new(at: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { at, clock }
    }

    /// Zero once it has passed: never "no limit".
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.at.since(self.clock.now())
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
