//! Limits the calls a second.

use std::time::Duration;

use event::Timestamp;

/// One environment's share of a fleet's calls a second, evenly spaced and without bursts. It is the generic cell rate
/// algorithm of ITU-T I.371 (a leaky bucket as a meter) with no tolerance.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// The time between two calls.
    interval: Duration,
    free_at: Timestamp,
}

impl RateLimit {
    /// The share of one of `environments` in the `fleet`'s calls a second.
    pub(super) fn share(fleet: u32, environments: u32) -> Self {
        let interval = Duration::from_secs(1) * environments.max(1) / fleet.max(1);
        Self { interval, free_at: Timestamp::from_unix_ms(0) }
    }

    /// Takes the next free time, and returns how long it is until then.
    ///
    /// # Errors
    /// The next free time, if it is not within `longest`. It is not taken then.
    pub(super) fn turn(
        &mut self,
        now: Timestamp,
        longest: Duration,
    ) -> Result<Duration, Timestamp> {
        let turn = self.free_at.max(now);
        let wait = turn.since(now);
        if wait >= longest {
            return Err(turn);
        }
        self.free_at = turn.plus(self.interval);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000 + ms)
    }

    #[test]
    fn an_environment_has_its_share_of_the_fleets_calls() {
        let ms = Duration::from_millis;
        let mut rate = RateLimit::share(20, 4);
        assert_eq!(rate.turn(at(0), LONGEST), Ok(ms(0)));
        assert_eq!(rate.turn(at(0), LONGEST), Ok(ms(200)));
        assert_eq!(rate.turn(at(100), LONGEST), Ok(ms(300)));
        assert_eq!(rate.turn(at(5_000), LONGEST), Ok(ms(0)), "nothing is saved up");
        assert_eq!(rate.turn(at(5_000), LONGEST), Ok(ms(200)));
    }

    #[test]
    fn a_turn_that_comes_too_late_is_not_taken() {
        let now = Timestamp::from_unix_ms(1_767_225_600_000);
        let mut rate = RateLimit::share(2, 1);
        let taken = (0..10).filter(|_| rate.turn(now, LONGEST).is_ok()).count();
        assert_eq!(taken, 2);
        assert_eq!(rate.turn(now, LONGEST), Err(now.plus(LONGEST)));
    }
}
