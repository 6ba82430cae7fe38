//! What becomes of a batch: invocation, and whatever follows a failure, until every record is done or
//! given up. Order is kept: nothing is tried before what comes before it is dealt with.

use std::collections::HashSet;

use bytes::Bytes;

use super::super::super::environment::millis;
use super::super::super::outcome::InvokeError;
use super::super::super::waits::UnderWay;
use super::super::Target;
use super::super::event;
use super::super::mode::Mode;
use super::super::response::{Verdict, classify};
use super::batch::{Answer, Attempt, Batch, Next};
use super::engine::{Engine, RETENTION_MS};
use super::letter::{Condition, letter};
use super::record::Entry;
use super::{Letters, StreamSource};

impl<S: StreamSource, T: Target, L: Letters> Engine<S, T, L> {
    /// Whether all is dealt with: it is not when the mapping is stopped, or everything shuts down.
    pub(super) async fn deliver(
        &self,
        entries: Vec<Entry>,
        under_way: &mut Option<UnderWay>,
    ) -> bool {
        let mut first = entries.first().map(|entry| entry.sequence_number.clone());
        // The last comes first.
        let mut left = vec![Batch::new(entries)];
        while let Some(batch) = left.pop() {
            self.reach(&batch, &mut first).await;
            if !self.may_go_on(under_way).await {
                return false;
            }
            let Some(batch) = self.without_expired(batch) else { continue };
            let (mut batch, rest) = batch.fitting(self.plan.payload_limit);
            left.extend(rest);
            let Some(attempt) = self.attempt(&mut batch).await else { return false };
            let before = batch.records.len();
            match attempt {
                Attempt::Done => self.leave(before),
                Attempt::FailedFrom(first) => self.leave(first),
                Attempt::NotInvoked | Attempt::Failed => {}
            }
            match batch.next(attempt, &self.plan.rules) {
                Next::Nothing => {}
                Next::AtOnce(batches) => left.extend(batches.into_iter().rev()),
                Next::After { delay_ms, batch } => {
                    self.reach(&batch, &mut first).await;
                    let due_ms = self.clock.now_ms().saturating_add(delay_ms);
                    if let Some(under_way) = under_way.as_ref() {
                        tokio::select! {
                            () = under_way.sleep_until(&self.clock, due_ms) => {}
                            _ = self.switch.until(|mode| mode != Mode::Running) => {}
                        }
                    }
                    left.push(batch);
                }
                Next::GiveUp(batch) => self.give_up(&batch, Condition::RetryAttemptsExhausted),
            }
        }
        true
    }

    /// Moves the checkpoint to a batch that comes next, if it begins later than the one before.
    async fn reach(&self, next: &Batch, first: &mut Option<String>) {
        let Some(next) = next.records.first().map(|record| &record.sequence_number) else { return };
        if first.as_ref() == Some(next) {
            return;
        }
        *first = Some(next.clone());
        // Where the stream does not tell, the checkpoint stays behind.
        if let Ok(position) = self.source.at(next).await {
            self.checkpoint.reach(position);
        }
    }

    /// Waits while the mapping is paused, at rest; false once it is stopped.
    async fn may_go_on(&self, under_way: &mut Option<UnderWay>) -> bool {
        if self.switch.mode() == Mode::Paused {
            *under_way = None;
        }
        let mode = self.switch.until(|mode| mode != Mode::Paused).await;
        under_way.get_or_insert_with(|| self.waits.enter());
        mode == Mode::Running
    }

    /// Gives up what is older than it may be; the rest, if there is any.
    fn without_expired(&self, batch: Batch) -> Option<Batch> {
        let most_ms = self.plan.maximum_record_age.map_or(RETENTION_MS, millis).min(RETENTION_MS);
        let (old, rest) = batch.expired(self.clock.now_ms().saturating_sub(most_ms));
        if let Some(old) = old {
            self.give_up(&old, Condition::RecordAgeExceeded);
        }
        rest
    }

    /// Invokes the function once; `None` when everything shuts down.
    async fn attempt(&self, batch: &mut Batch) -> Option<Attempt> {
        let payload = event::event(batch.records.iter().map(|record| record.text.as_str()));
        let invoked = self.target.invoke(&self.plan.function, Bytes::from(payload), None).await;
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
                    match self.verdict(&invocation.payload, batch) {
                        Ok(attempt) => return Some(attempt),
                        Err(reason) => reason,
                    }
                }
            }
            Err(InvokeError::Throttled { .. } | InvokeError::QueueFull { .. }) => {
                self.count(|counters| counters.throttles += 1);
                return Some(Attempt::NotInvoked);
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
            mapping.name = self.plan.name,
            function.name = self.plan.function,
            batch.records = records,
            "a batch failed, and holds up its stream: {reason}",
        );
        Some(Attempt::Failed)
    }

    /// What an answer says; the error is why the whole batch failed.
    fn verdict(&self, answer: &[u8], batch: &Batch) -> Result<Attempt, &'static str> {
        if !self.plan.report_batch_item_failures {
            return Ok(Attempt::Done);
        }
        let numbers = batch.records.iter().map(|record| record.sequence_number.as_str());
        match classify(answer, &numbers.collect::<HashSet<_>>()) {
            Verdict::Done => Ok(Attempt::Done),
            Verdict::DoneUnsaid => {
                self.unsaid.note(&self.plan.name, &self.plan.function);
                Ok(Attempt::Done)
            }
            Verdict::Partial(failed) => {
                // Whatever comes after the first failure is tried again with it.
                let is_failed = |record: &Entry| failed.contains(&record.sequence_number);
                let first = batch.records.iter().position(is_failed).unwrap_or(0);
                self.count(|counters| counters.failures += count(batch.records.len() - first));
                Ok(Attempt::FailedFrom(first))
            }
            Verdict::Failed(reason) => Err(reason),
        }
    }

    fn give_up(&self, batch: &Batch, condition: Condition) {
        let records = count(batch.records.len());
        tracing::error!(
            mapping.name = self.plan.name,
            batch.records = records,
            "records of a stream are given up: {}",
            condition.name(),
        );
        self.count(|counters| counters.discarded += records);
        self.leave(batch.records.len());
        let Some(queue) = &self.plan.on_failure else { return };
        let (shard, now_ms) = (self.source.shard_id(), self.clock.now_ms());
        let letter = letter(batch, condition, &self.plan, &shard, now_ms);
        if let Err(error) = self.letters.send(queue, letter) {
            tracing::error!(queue.arn = queue, "records given up are told to nobody: {error}");
        }
    }

    /// So many records are dealt with.
    fn leave(&self, records: usize) {
        self.count(|counters| counters.in_flight -= count(records));
    }
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}
