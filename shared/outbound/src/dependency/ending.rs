//! The end of an invocation: the environment publishes what it saw for the fleet, and logs the breakers that are not
//! closed.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use breaker::polling::{BatchSummary, EvidenceStore};
use breaker::{Host, StateName, Status, Store};

use super::{DependencyClient, evidence};

impl<A, K, B, W> DependencyClient<A, K, B, W>
where
    B: Store + EvidenceStore,
    W: Host,
{
    /// Must be called at the end of each invocation of a stage. Publishes the environment's counts for the fleet, and
    /// logs each breaker of a called dependency that is not closed. While a breaker lets no call through, it also writes whether all records
    /// of the batch waited, which decides whether the stage's queue is polled. For that, an environment that made no
    /// call reads the state of the breakers first.
    pub async fn end_invocation(&self, stage: &str, batch: &BatchSummary) {
        self.breakers.end_invocation().await;
        if batch.records > 0 && !batch.all_wait() {
            self.breakers
                .refresh(evidence::INTERVAL, |dependency| self.dependencies.of(dependency).breaker)
                .await;
        }
        let now = self.host.now();
        let mut unavailable = BTreeSet::new();
        let unusual = self.breakers.unusual_status();
        self.measure_breakers(&unusual);
        for (name, status) in unusual {
            if is_worth_a_line(&status) && self.has_called(&name) {
                log_status(&name, &status);
            }
            if status.wait.is_some_and(|wait| now < wait.until) {
                unavailable.insert(name);
            }
        }
        for observation in self.evidence.end_invocation(batch, &unavailable, now) {
            if let Err(error) = self.breakers.store().add(stage, &observation, now).await {
                tracing::warn!(stage, failure.reason = %error, "what became of a batch was not told");
            }
        }
    }

    fn has_called(&self, dependency: &str) -> bool {
        let guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        guards.contains_key(dependency)
    }
}

fn is_worth_a_line(status: &Status) -> bool {
    let is_as_usual = matches!(status.state, StateName::Closed | StateName::Disabled)
        || (status.state == StateName::MetricsOnly && !status.would_trip);
    !is_as_usual || status.is_store_away
}

fn log_status(name: &str, status: &Status) {
    tracing::warn!(
        breaker.name = name,
        breaker.state = status.state.as_str(),
        breaker.store_away = status.is_store_away,
        breaker.would_trip = status.would_trip,
        breaker.calls = status.recent.calls,
        breaker.failures = status.recent.failures,
        breaker.slow = status.recent.slow,
        breaker.absent = status.recent.absent,
        "breaker not closed"
    );
}
