//! Processes a batch: invokes the function, reads its response, and deletes the messages that succeeded.
//!
//! A failed message is left alone and becomes visible when its visibility timeout ends
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>). If the mapping was
//! stopped in the meantime, a batch that failed is made visible at once.

use bytes::Bytes;

use super::super::environment::millis;
use super::super::lineage;
use super::super::outcome::InvokeError;
use super::mode::Mode;
use super::poller::{Batch, Engine, Message};
use super::response::{BatchResult, classify};
use super::{MessageSource, Target, event};

const THROTTLE_DELAY_MS: u64 = 100;
const THROTTLE_DELAY_LIMIT_MS: u64 = 5_000;

impl<S: MessageSource, T: Target> Engine<S, T> {
    /// Invokes the function with as many messages at a time as fit into a payload. Returns false if any
    /// message failed.
    pub(super) async fn process(&self, batch: &Batch) -> bool {
        let groups = batch.messages.iter().filter_map(|message| message.group.clone()).collect();
        let _held = self.groups.lock(groups).await;
        let mut rest = batch.messages.as_slice();
        let mut all_done = true;
        while !rest.is_empty() {
            let lengths = rest.iter().map(|message| message.record.len());
            let (now, later) =
                rest.split_at(event::count_that_fit(lengths, self.settings.payload_limit));
            if self.settings.fifo && !all_done {
                // A message must not overtake an earlier one that failed.
                self.count(|counters| counters.failures += count(now));
                self.release_if_stopped(now);
            } else {
                all_done &= self.invoke(now, batch).await;
            }
            self.count(|counters| counters.in_flight -= count(now));
            rest = later;
        }
        all_done
    }

    async fn invoke(&self, messages: &[Message], batch: &Batch) -> bool {
        let payload = event::event(messages.iter().map(|message| message.record.as_str()));
        let result = self.invoke_with_backoff(Bytes::from(payload), messages, batch).await;
        let failed = match &result {
            BatchResult::Done => 0,
            BatchResult::DoneWithoutReport => {
                self.missing_report_warning.log_once(&self.settings.name, &self.settings.function);
                0
            }
            BatchResult::Partial(ids) => count_where(messages, |message| ids.contains(&message.id)),
            BatchResult::Failed(_) if self.switch.mode() == Mode::Stopped => {
                self.release_if_stopped(messages);
                count(messages)
            }
            BatchResult::Failed(reason) => {
                tracing::warn!(
                    mapping.name = self.settings.name,
                    function.name = self.settings.function,
                    batch.messages = messages.len(),
                    "a batch failed, its messages are visible again after their visibility timeout: {reason}",
                );
                count(messages)
            }
        };
        self.count(|counters| {
            counters.failures += failed;
            counters.failed_invocations += u64::from(matches!(result, BatchResult::Failed(_)));
        });
        for message in messages {
            let is_done = match &result {
                BatchResult::Done | BatchResult::DoneWithoutReport => true,
                BatchResult::Partial(failed) => !failed.contains(&message.id),
                BatchResult::Failed(_) => false,
            };
            if is_done {
                self.delete(&message.receipt_handle);
            }
        }
        failed == 0
    }

    /// Makes messages visible again if the mapping was stopped before they succeeded.
    fn release_if_stopped(&self, messages: &[Message]) {
        if self.switch.mode() != Mode::Stopped {
            return;
        }
        // The order is reversed because a FIFO queue delivers the first message of a group once it is
        // visible, and the others must be visible by then.
        for message in messages.iter().rev() {
            self.release(&message.receipt_handle);
        }
    }

    /// Invokes the function, and retries while it is throttled, until the visibility timeout ends.
    async fn invoke_with_backoff(
        &self,
        payload: Bytes,
        messages: &[Message],
        batch: &Batch,
    ) -> BatchResult {
        let ends_ms = batch.received_ms.saturating_add(millis(self.settings.visibility));
        let mut delay_ms = THROTTLE_DELAY_MS;
        let trace = lineage::merge(messages.iter().filter_map(|each| each.trace.as_deref()));
        loop {
            let invoked =
                self.target.invoke(&self.settings.function, payload.clone(), trace.clone()).await;
            let error = match invoked {
                Ok(invocation) => {
                    self.count(|counters| {
                        counters.invocations += 1;
                        counters.records += count(messages);
                    });
                    if invocation.function_error.is_some() {
                        return BatchResult::Failed("the function failed");
                    }
                    if !self.settings.report_batch_item_failures {
                        return BatchResult::Done;
                    }
                    let ids = messages.iter().map(|message| message.id.as_str()).collect();
                    return classify(&invocation.payload, &ids);
                }
                Err(error) => error,
            };
            match error {
                InvokeError::Throttled { .. } | InvokeError::QueueFull { .. } => {
                    self.count(|counters| counters.throttles += 1);
                }
                InvokeError::NotFound { .. } => {
                    return BatchResult::Failed("the function is unknown");
                }
                InvokeError::PayloadTooLarge { .. } => {
                    return BatchResult::Failed("the event is too large");
                }
                InvokeError::RecursiveLoop { .. } => {
                    return BatchResult::Failed("the function is in a recursive loop");
                }
                InvokeError::ShuttingDown => {
                    return BatchResult::Failed("the emulation is shutting down");
                }
            }
            let next_ms = self.clock.now_ms().saturating_add(delay_ms);
            if next_ms >= ends_ms {
                return BatchResult::Failed("throttled until the visibility timeout");
            }
            tokio::select! {
                () = batch.work.sleep_until(&self.clock, next_ms) => {}
                _ = self.wait_for_mode(|mode| mode == Mode::Stopped) => {
                    return BatchResult::Failed("throttled when the mapping was stopped");
                }
            }
            delay_ms = (delay_ms * 2).min(THROTTLE_DELAY_LIMIT_MS);
        }
    }
}

fn count(messages: &[Message]) -> u64 {
    u64::try_from(messages.len()).unwrap_or(u64::MAX)
}

fn count_where(messages: &[Message], wanted: impl Fn(&Message) -> bool) -> u64 {
    u64::try_from(messages.iter().filter(|message| wanted(message)).count()).unwrap_or(u64::MAX)
}
