//! The work of each minute: looks at each queue, and enables or disables its mapping where that is due.
//!
//! A decision is written before Lambda is asked, and only over the version that was read. So of two invocations at the
//! same time only one decides, and after a crash the next invocation finds what was begun.

use std::collections::BTreeMap;

use aws::NotUpdated;
use breaker::polling::{
    ChangeOutcome, KnownBreakers, Pause, Phase, Polling, PollingRecord, PollingStore, Step,
    next_step,
};
use breaker::{Settings, Store, StoreUnavailable};
use runtime::Clock;

use crate::mappings::Mappings;

/// Decides which queues are polled.
pub(crate) struct QueuePolling<S, M, C> {
    pub(crate) store: S,
    pub(crate) mappings: M,
    /// The UUIDs of the mappings that may be disabled, by their stages.
    pub(crate) uuids: BTreeMap<String, String>,
    /// The settings of the breakers of declared dependencies, by their names. All others have the defaults.
    pub(crate) settings: BTreeMap<String, Settings>,
    pub(crate) clock: C,
}

impl<S: Store + PollingStore, M: Mappings, C: Clock> QueuePolling<S, M, C> {
    /// Looks at each queue once. A failure is logged, and the next invocation tries again.
    pub(crate) async fn tick(&self) {
        if let Err(StoreUnavailable { reason }) = self.look_at_all().await {
            tracing::warn!(failure.reason = reason, "nothing is known of the queues");
        }
    }

    async fn look_at_all(&self) -> Result<(), StoreUnavailable> {
        let records = self.store.read_polling().await?;
        let now = self.clock.now();
        let mut waiting = Vec::new();
        for (stage, uuid) in &self.uuids {
            if let Some(record) = records.get(stage).filter(|record| record.needs_attention(now)) {
                waiting.push((stage, uuid, record));
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let snapshots = &self.store.read().await?;
        let known = KnownBreakers { snapshots, settings: &self.settings, now };
        for (stage, uuid, record) in waiting {
            match self.mappings.describe(uuid).await {
                Ok(mapping) => {
                    let step = next_step(record, mapping, &known, now);
                    self.take(stage, uuid, record, step).await;
                }
                Err(reason) => {
                    tracing::warn!(stage, failure.reason = reason, "its mapping is not known");
                }
            }
        }
        Ok(())
    }

    async fn take(&self, stage: &str, uuid: &str, record: &PollingRecord, step: Step) {
        let version = record.version;
        match step {
            Step::Leave => {}
            Step::Write(polling) => {
                if self.write(stage, version, &polling).await {
                    log_decision(stage, &polling);
                }
            }
            Step::WriteAndDisable(pause) => {
                if self.write(stage, version, &Polling::Paused(pause.clone())).await {
                    self.disable(stage, uuid, record, pause).await;
                }
            }
            Step::WriteAndEnable(pause) => {
                if self.write(stage, version, &Polling::Paused(pause)).await {
                    match self.mappings.enable(uuid).await {
                        Ok(()) => tracing::info!(stage, "polling is to go on"),
                        Err(error) => log_not_updated(stage, &error),
                    }
                }
            }
        }
    }

    /// Asks Lambda to disable the mapping, after that decision has been written, and writes the outcome.
    async fn disable(&self, stage: &str, uuid: &str, before: &PollingRecord, pause: Pause) {
        let written = before.version + 1;
        match self.mappings.disable(uuid).await {
            Ok(()) => {
                let waits_for: Vec<&str> = pause.waits_for.iter().map(String::as_str).collect();
                let waits_for = waits_for.join(", ");
                tracing::warn!(stage, breaker.names = waits_for, "polling is to pause");
                let disabled = Polling::Paused(Pause { phase: Phase::Disabled, ..pause });
                self.write(stage, written, &disabled).await;
            }
            Err(error) => {
                log_not_updated(stage, &error);
                // Lambda refuses while another change is under way. No change of this function is, so somebody else
                // may be disabling the mapping, which this function must not undo later.
                let is_first = !matches!(before.polling, Polling::Paused(_));
                if is_first && matches!(error, NotUpdated::Refused(_)) {
                    self.write(stage, written, &Polling::Running).await;
                }
            }
        }
    }

    /// Writes a decision. Returns whether it is known to be written.
    async fn write(&self, stage: &str, version: u64, polling: &Polling) -> bool {
        match self.store.change(stage, version, polling).await {
            ChangeOutcome::Written => true,
            ChangeOutcome::Conflict => {
                tracing::info!(stage, "another invocation decided first");
                false
            }
            ChangeOutcome::Unknown(StoreUnavailable { reason }) => {
                tracing::warn!(stage, failure.reason = reason, "the decision may not be written");
                false
            }
        }
    }
}

fn log_decision(stage: &str, polling: &Polling) {
    match polling {
        Polling::Running => tracing::info!(stage, "polling goes on"),
        Polling::Paused(pause) => {
            tracing::info!(stage, polling.phase = pause.phase.as_str(), "polling is paused");
        }
        Polling::LeftAlone { until } => {
            tracing::warn!(
                stage,
                polling.left_alone_until = %until,
                "somebody enabled the mapping during the pause: it is left alone"
            );
        }
    }
}

fn log_not_updated(stage: &str, error: &NotUpdated) {
    tracing::warn!(stage, failure.reason = %error, "the mapping is not changed yet");
}

#[cfg(test)]
mod tests;
