//! Counts the calls to a service in each second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many seconds are remembered. They suffice for more than a day with calls in every second.
const MAX_SECONDS: usize = 100_000;

/// The calls to a service in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecondCalls {
    /// The second since the Unix epoch, on the emulation's clock.
    pub second: u64,
    /// All calls, with and without faults.
    pub calls: u64,
    /// The calls that the service did not answer, answered with a failure, or answered with
    /// nonsense, because a fault plan says so.
    pub faults: u64,
}

#[derive(Default)]
pub(super) struct Calls {
    by_second: Mutex<BTreeMap<u64, SecondCalls>>,
}

impl Calls {
    pub(super) fn count(&self, second: u64, is_fault: bool) {
        let mut by_second = self.locked();
        let calls =
            by_second.entry(second).or_insert(SecondCalls { second, ..SecondCalls::default() });
        calls.calls += 1;
        calls.faults += u64::from(is_fault);
        if by_second.len() > MAX_SECONDS {
            by_second.pop_first();
        }
    }

    /// The seconds from `second` on that had calls, in ascending order.
    pub(super) fn since(&self, second: u64) -> Vec<SecondCalls> {
        self.locked().range(second..).map(|(_, calls)| *calls).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, SecondCalls>> {
        self.by_second.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_second_and_the_oldest_are_forgotten() {
        let calls = Calls::default();
        for (second, is_fault) in [(7, false), (5, true), (7, true), (7, false)] {
            calls.count(second, is_fault);
        }
        let fifth = SecondCalls { second: 5, calls: 1, faults: 1 };
        let seventh = SecondCalls { second: 7, calls: 3, faults: 1 };
        assert_eq!(calls.since(0), [fifth, seventh]);
        assert_eq!(calls.since(6), [seventh]);
        for second in 0..u64::try_from(MAX_SECONDS).unwrap() {
            calls.count(1_000 + second, false);
        }
        assert_eq!(calls.since(0).len(), MAX_SECONDS);
        assert_eq!(calls.since(0)[0].second, 1_000);
    }
}
