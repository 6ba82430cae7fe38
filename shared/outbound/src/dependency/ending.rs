//! What an environment tells at the end of an invocation: the fleet what it saw, and the log which breakers are
//! not closed.

use std::collections::BTreeSet;

use breaker::polling::{BatchSummary, EvidenceStore};
use breaker::{Host, StateName, Status, Store};

use super::{DependencyClient, evidence};

impl<A, K, B, W> DependencyClient<A, K, B, W>
where
    B: Store + EvidenceStore,
    W: Host,
{
    /// To be called at the end of each invocation of a stage: tells the fleet what it is to know, and logs
    /// each breaker that is not closed. While one of them lets no call through, it also tells what became of
    /// the batch, which decides whether the stage's queue is polled. An environment whose events wait for
    /// nothing, and that calls nothing, asks for that how the breakers are.
    pub async fn end_invocation(&self, stage: &str, batch: &BatchSummary) {
        self.breakers.end_invocation().await;
        if batch.records > 0 && !batch.all_wait() {
            self.breakers.refresh(evidence::INTERVAL).await;
        }
        let now = self.host.now();
        let mut unavailable = BTreeSet::new();
        for (name, status) in self.breakers.unusual_status() {
            if is_worth_a_line(&status) {
                log_status(&name, &status);
            }
            if status.wait.is_some_and(|wait| now < wait.until) {
                unavailable.insert(name);
            }
        }
        for observation in self.witness.end_invocation(batch, &unavailable, now) {
            if let Err(error) = self.breakers.store().add(stage, &observation, now).await {
                tracing::warn!(stage, failure.reason = %error, "what became of a batch was not told");
            }
        }
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
