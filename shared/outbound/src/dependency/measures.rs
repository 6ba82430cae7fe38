//! What is measured of calls and of their breakers.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use breaker::{Host, Outcome, Status, Store};
use metrics::{Dimensions, Metric, whole_ms};

use super::{Call, DependencyClient};

impl<A, K, B: Store, W: Host> DependencyClient<A, K, B, W> {
    /// Measures a call that was made.
    pub(super) fn measure(&self, call: &Call<'_>, outcome: &Outcome, took: Duration) {
        let counts = [
            (Metric::Calls, 1),
            (Metric::FailedCalls, u64::from(matches!(outcome, Outcome::Failed))),
        ];
        let of_dependency = Dimensions::dependency(call.dependency);
        self.metrics.record(&of_dependency, &counts, &[(Metric::CallTime, whole_ms(took))]);
    }

    /// Counts a call that was not made.
    pub(super) fn count_held_back(&self, call: &Call<'_>) {
        self.metrics.add(&Dimensions::dependency(call.dependency), Metric::CallsHeldBack, 1);
    }

    /// Measures for each dependency that was called so far whether its breaker is open.
    pub(super) fn measure_breakers(&self, unusual: &BTreeMap<String, Status>) {
        let guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        for name in guards.keys() {
            let is_open = unusual.get(name).is_some_and(|status| status.wait.is_some());
            let of_dependency = Dimensions::dependency(name);
            self.metrics.record(&of_dependency, &[], &[(Metric::BreakerOpen, u64::from(is_open))]);
        }
    }
}
