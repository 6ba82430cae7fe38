//! Time and randomness for calls to services, which a test controls.

use std::time::Duration;

use breaker::Host;
use event::Timestamp;
use outbound::Pause;
use runtime::Clock;

use crate::ManualClock;

/// The time of a test's clock, and a random number that is always the same. A pause advances the clock, and returns at
/// once.
#[derive(Clone, Debug)]
pub struct ManualHost(pub ManualClock);

impl Host for ManualHost {
    fn now(&self) -> Timestamp {
        Clock::now(&self.0)
    }

    fn random(&self) -> u64 {
        7
    }
}

impl Pause for ManualHost {
    async fn pause(&self, time: Duration) {
        self.0.advance(time);
    }
}
