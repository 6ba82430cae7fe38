//! Processes a batch: invokes the function and retries failures, until every record is done or discarded.
//! Records are delivered in order. No record is attempted before all earlier ones are finished.

use std::collections::HashSet;

use bytes::Bytes;

use super::super::super::environment::millis;
use super::super::super::outcome::InvokeError;
use super::super::super::work::Work;
use super::super::Target;
use super::super::event;
use super::super::mode::Mode;
use super::super::response::{BatchResult, classify};
use super::batch::{Answer, AttemptResult, Batch, NextStep};
use super::engine::{Engine, RETENTION_MS};
use super::failure_record::{FailureCondition, failure_record};
use super::record::EventRecord;
use super::{FailureDestination, StreamSource};

/// The order of delivery: a stack whose top is the batch that comes next.
type PendingBatches = Vec<Batch>;

impl<S: StreamSource, T: Target, L: FailureDestination> Engine<S, T, L> {
    /// Delivers the records. Returns false if the mapping was stopped or the emulation shuts down before
    /// all records were finished.
    pub(super) async fn deliver(&self, entries: Vec<EventRecord>, work: &mut Option<Work>) -> bool {
        let mut first = entries.first().map(|entry| entry.sequence_number.clone());
        let mut pending: PendingBatches = vec![Batch::new(entries)];
        while let Some(batch) = pending.pop() {
            self.advance_checkpoint(&batch, &mut first).await;
            if !self.wait_while_paused(work).await {
                return false;
            }
            let Some(batch) = self.discard_expired(batch) else { continue };
            let (mut batch, rest) = batch.split_to_fit(self.settings.payload_limit);
            pending.extend(rest);
            let Some(attempt) = self.attempt(&mut batch).await else { return false };
            let before = batch.records.len();
            match attempt {
                AttemptResult::Done => self.count_finished(before),
                AttemptResult::FailedFrom(first) => self.count_finished(first),
                AttemptResult::NotInvoked | AttemptResult::Failed => {}
            }
            match batch.next_step(attempt, &self.settings.retry_rules) {
                NextStep::Done => {}
                NextStep::RetryNow(batches) => pending.extend(batches.into_iter().rev()),
                NextStep::RetryAfter { delay_ms, batch } => {
                    self.advance_checkpoint(&batch, &mut first).await;
                    let due_ms = self.clock.now_ms().saturating_add(delay_ms);
                    if let Some(work) = work.as_ref() {
                        tokio::select! {
                            () = work.sleep_until(&self.clock, due_ms) => {}
                            _ = self.switch.wait_for_mode(|mode| mode != Mode::Running) => {}
                        }
                    }
                    pending.push(batch);
                }
                NextStep::Discard(batch) => {
                    self.discard(&batch, FailureCondition::RetryAttemptsExhausted)
                }
            }
        }
        true
    }

    /// Moves the checkpoint to the start of the next batch, unless it is already there.
    async fn advance_checkpoint(&self, next: &Batch, first: &mut Option<String>) {
        let Some(next) = next.records.first().map(|record| &record.sequence_number) else { return };
        if first.as_ref() == Some(next) {
            return;
        }
        *first = Some(next.clone());
        // If the stream cannot be read, the checkpoint stays where it is.
        if let Ok(position) = self.source.position_before(next).await {
            self.checkpoint.set_position(position);
        }
    }

    /// Waits while the mapping is paused, and counts as idle during that time. Returns false if the
    /// mapping is stopped.
    async fn wait_while_paused(&self, work: &mut Option<Work>) -> bool {
        if self.switch.mode() == Mode::Paused {
            *work = None;
        }
        let mode = self.switch.wait_for_mode(|mode| mode != Mode::Paused).await;
        work.get_or_insert_with(|| self.tracker.start());
        mode == Mode::Running
    }

    /// Discards the records that are too old, and returns the others if there are any.
    fn discard_expired(&self, batch: Batch) -> Option<Batch> {
        let max_age_ms =
            self.settings.maximum_record_age.map_or(RETENTION_MS, millis).min(RETENTION_MS);
        let (old, rest) = batch.split_expired(self.clock.now_ms().saturating_sub(max_age_ms));
        if let Some(old) = old {
            self.discard(&old, FailureCondition::RecordAgeExceeded);
        }
        rest
    }

    /// Invokes the function once. Returns `None` if the emulation shuts down.
    async fn attempt(&self, batch: &mut Batch) -> Option<AttemptResult> {
        let payload = event::event(batch.records.iter().map(|record| record.text.as_str()));
        let invoked = self.target.invoke(&self.settings.function, Bytes::from(payload), None).await;
        let records = count(batch.records.len());
        let reason = match invoked {
            Ok(invocation) => {
                batch.invocations += 1;
                batch.answer = Some(Answer {
                    request_id: invocation.request_id,
                    function_error: invocation.function_error,
                });
                self.count(|counters| {
                    counters.invocations += 1;
                    counters.records += records;
                });
                if invocation.function_error.is_some() {
                    "the function failed"
                } else {
                    match self.read_response(&invocation.payload, batch) {
                        Ok(attempt) => return Some(attempt),
                        Err(reason) => reason,
                    }
                }
            }
            Err(InvokeError::Throttled { .. } | InvokeError::QueueFull { .. }) => {
                self.count(|counters| counters.throttles += 1);
                return Some(AttemptResult::NotInvoked);
            }
            Err(InvokeError::ShuttingDown) => return None,
            Err(InvokeError::NotFound { .. }) => "the function is unknown",
            Err(InvokeError::RecursiveLoop { .. }) => "the function is in a recursive loop",
            Err(InvokeError::PayloadTooLarge { .. }) => "the event is too large",
        };
        self.count(|counters| {
            counters.failed_invocations += 1;
            counters.failures += records;
        });
        tracing::warn!(
            mapping.name = self.settings.name,
            function.name = self.settings.function,
            batch.records = records,
            "a batch failed and holds up its stream: {reason}",
        );
        Some(AttemptResult::Failed)
    }

    /// Reads the response of the function. The error says why the whole batch failed.
    fn read_response(&self, answer: &[u8], batch: &Batch) -> Result<AttemptResult, &'static str> {
        if !self.settings.report_batch_item_failures {
            return Ok(AttemptResult::Done);
        }
        let numbers = batch.records.iter().map(|record| record.sequence_number.as_str());
        match classify(answer, &numbers.collect::<HashSet<_>>()) {
            BatchResult::Done => Ok(AttemptResult::Done),
            BatchResult::DoneWithoutReport => {
                self.missing_report_warning.log_once(&self.settings.name, &self.settings.function);
                Ok(AttemptResult::Done)
            }
            BatchResult::Partial(failed) => {
                // All records after the first failure are retried with it.
                let first = batch
                    .records
                    .iter()
                    .position(|record| failed.contains(&record.sequence_number))
                    .unwrap_or(0);
                self.count(|counters| counters.failures += count(batch.records.len() - first));
                Ok(AttemptResult::FailedFrom(first))
            }
            BatchResult::Failed(reason) => Err(reason),
        }
    }

    fn discard(&self, batch: &Batch, condition: FailureCondition) {
        let records = count(batch.records.len());
        tracing::error!(
            mapping.name = self.settings.name,
            batch.records = records,
            "records of a stream were discarded: {}",
            condition.name(),
        );
        self.count(|counters| counters.discarded += records);
        self.count_finished(batch.records.len());
        let Some(queue) = &self.settings.on_failure else { return };
        let (shard, now_ms) = (self.source.shard_id(), self.clock.now_ms());
        let letter = failure_record(batch, condition, &self.settings, &shard, now_ms);
        if let Err(error) = self.failures.send(queue, letter) {
            tracing::error!(
                queue.arn = queue,
                "the description of discarded records was not sent: {error}"
            );
        }
    }

    /// Counts records as finished.
    fn count_finished(&self, records: usize) {
        self.count(|counters| counters.in_flight -= count(records));
    }
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}
