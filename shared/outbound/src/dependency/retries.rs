//! How often a call is tried within an invocation, and which share of all calls may be retries.

use std::time::Duration;

use breaker::equal_jitter;

/// The longest time that one call waits between its attempts in one invocation, in total. If it would have to wait for
/// longer, its event waits in the queue instead.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first wait, before jitter. Each wait is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The retries that are available before the first call, and the most that the budget can hold.
const RESERVE: u32 = 10;

/// The cost of one retry, so that a call can deposit a percentage of it.
const RETRY: u32 = 100;

/// The attempts of one call in this invocation, and how long it may still wait between them.
#[derive(Clone, Copy, Debug)]
pub struct RetryState {
    made: u32,
    patience: Duration,
}

impl Default for RetryState {
    fn default() -> Self {
        Self { made: 0, patience: PATIENCE }
    }
}

impl RetryState {
    /// How long to wait after an attempt before the next one; `None` if it was the last one. The waits are exponential,
    /// with [`equal_jitter`].
    pub(super) fn next_wait(
        &mut self,
        attempts: u32,
        asked: Option<Duration>,
        roll: u64,
    ) -> Option<Duration> {
        self.made += 1;
        if self.made >= attempts {
            return None;
        }
        let whole = FIRST_WAIT.saturating_mul(1 << (self.made - 1).min(16));
        let wait = equal_jitter(whole, roll).max(asked.unwrap_or_default());
        self.patience = self.patience.checked_sub(wait)?;
        Some(wait)
    }
}

/// A budget of retries. Each call deposits a percentage of one retry, and each retry withdraws a whole one. So retries
/// are at most that percentage of all calls, however many calls fail, and cannot keep a service overloaded. It is the
/// `RetryBudget` of <https://twitter.github.io/finagle/guide/Clients.html#retries>, and gRPC's retry throttling:
/// <https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs>.
#[derive(Debug)]
pub(super) struct RetryBudget {
    percent: u32,
    saved: u32,
}

impl RetryBudget {
    pub(super) fn new(percent: u32) -> Self {
        let saved = if percent == 0 { 0 } else { RESERVE * RETRY };
        Self { percent, saved }
    }

    /// Adds the share of one call.
    pub(super) fn deposit(&mut self) {
        self.saved = (self.saved + self.percent).min(RESERVE * RETRY);
    }

    /// Takes one retry. Returns whether there was one.
    pub(super) fn withdraw(&mut self) -> bool {
        let left = self.saved.checked_sub(RETRY);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_the_calls_after_a_reserve() {
        for (percent, expected) in [(0, 0), (20, 10 + 200), (100, 10 + 1_000)] {
            let mut budget = RetryBudget::new(percent);
            // Before the first call there is only the reserve.
            let mut retries = (0..100).filter(|_| budget.withdraw()).count();
            for _ in 0..1_000 {
                budget.deposit();
                retries += (0..3).filter(|_| budget.withdraw()).count();
            }
            assert_eq!(retries, expected, "{percent} %");
        }
    }

    #[test]
    fn no_more_is_saved_up_than_the_reserve() {
        let mut budget = RetryBudget::new(50);
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }

    #[test]
    fn waits_double_with_jitter_and_are_at_least_as_long_as_was_asked() {
        let ms = Duration::from_millis;
        for roll in [0, 1, 49, 50, 99, u64::MAX] {
            let mut retrying = RetryState::default();
            for whole in [100, 200, 400] {
                let wait = retrying.next_wait(9, None, roll).unwrap();
                assert!(ms(whole / 2) <= wait && wait <= ms(whole), "{roll}: {wait:?}");
            }
        }
        let mut asked = RetryState::default();
        assert_eq!(asked.next_wait(9, Some(ms(1_500)), 7), Some(ms(1_500)));
        assert_eq!(asked.next_wait(9, Some(ms(501)), 7), None, "two seconds are over");
        assert_eq!(RetryState::default().next_wait(9, Some(ms(2_001)), 7), None);
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let mut retrying = RetryState::default();
        assert!(retrying.next_wait(2, None, 0).is_some());
        assert_eq!(retrying.next_wait(2, None, 0), None);
        assert_eq!(RetryState::default().next_wait(1, None, 0), None);
    }
}
