//! A clock that stands still until a test advances it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Timestamp;
use runtime::{Clock, Deadline};

/// A clock whose clones share one time. Its default is 2026-01-01T00:00:00Z.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows the given time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the time forward, for all clones.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = now.plus(by);
    }

    /// The deadline of an invocation that has this much time left.
    #[must_use]
    pub fn deadline_in(&self, left: Duration) -> Deadline {
        Deadline::new(self.now().plus(left), Arc::new(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp::from_unix_ms(1_767_225_600_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_for_every_clone_and_for_the_deadline() {
        let clock = ManualClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000Z");
        let deadline = clock.deadline_in(Duration::from_secs(30));
        clock.clone().advance(Duration::from_secs(10));
        assert_eq!(deadline.remaining(), Duration::from_secs(20));
    }
}
