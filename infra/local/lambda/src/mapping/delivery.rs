//! What becomes of a batch: invocation, verdict, deletion.
//!
//! A message is deleted when its function is done with it, and otherwise left alone: it returns
//! when its visibility timeout ends
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>). Where the mapping was
//! stopped meanwhile, nobody is left to wait for that: a batch that failed is then given back at once.

use bytes::Bytes;

use super::super::environment::millis;
use super::super::lineage;
use super::super::outcome::InvokeError;
use super::mode::Mode;
use super::poller::{Batch, Engine, Message};
use super::response::{Verdict, classify};
use super::{MessageSource, Target, event};

const THROTTLE_DELAY_MS: u64 = 100;
const THROTTLE_DELAY_LIMIT_MS: u64 = 5_000;

impl<S: MessageSource, T: Target> Engine<S, T> {
    /// Invokes the function, once for as much as fits into a payload; false when any of it failed.
    pub(super) async fn process(&self, batch: &Batch) -> bool {
        let groups = batch.messages.iter().filter_map(|message| message.group.clone()).collect();
        let _held = self.groups.hold(groups).await;
        let mut rest = batch.messages.as_slice();
        let mut all_done = true;
        while !rest.is_empty() {
            let lengths = rest.iter().map(|message| message.record.len());
            let (now, later) = rest.split_at(event::fitting(lengths, self.plan.payload_limit));
            if self.plan.fifo && !all_done {
                // What comes after a failure must not overtake it.
                self.count(|counters| counters.failures += count(now));
                self.give_back_if_stopped(now);
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
        let verdict = self.verdict(Bytes::from(payload), messages, batch).await;
        let failed = match &verdict {
            Verdict::Done => 0,
            Verdict::DoneUnsaid => {
                self.unsaid.note(&self.plan.name, &self.plan.function);
                0
            }
            Verdict::Partial(ids) => count_where(messages, |message| ids.contains(&message.id)),
            Verdict::Failed(_) if self.mode() == Mode::Stopped => {
                self.give_back_if_stopped(messages);
                count(messages)
            }
            Verdict::Failed(reason) => {
                tracing::warn!(
                    mapping.name = self.plan.name,
                    function.name = self.plan.function,
                    batch.messages = messages.len(),
                    "a batch failed, its messages return when their visibility ends: {reason}",
                );
                count(messages)
            }
        };
        self.count(|counters| {
            counters.failures += failed;
            counters.failed_invocations += u64::from(matches!(verdict, Verdict::Failed(_)));
        });
        let done = messages.iter().filter(|message| match &verdict {
            Verdict::Done | Verdict::DoneUnsaid => true,
            Verdict::Partial(failed) => !failed.contains(&message.id),
            Verdict::Failed(_) => false,
        });
        done.for_each(|message| self.delete(&message.receipt_handle));
        failed == 0
    }

    /// Makes messages visible again that a stopped mapping did not finish.
    fn give_back_if_stopped(&self, messages: &[Message]) {
        if self.mode() != Mode::Stopped {
            return;
        }
        // The first one last: a FIFO queue's group goes on with the first that is visible.
        for message in messages.iter().rev() {
            self.give_back(&message.receipt_handle);
        }
    }

    /// Invokes until the function was not throttled, or the messages are no longer ours.
    async fn verdict(&self, payload: Bytes, messages: &[Message], batch: &Batch) -> Verdict {
        let ends_ms = batch.received_ms.saturating_add(millis(self.plan.visibility));
        let mut delay_ms = THROTTLE_DELAY_MS;
        let trace = lineage::shared(messages.iter().filter_map(|each| each.trace.as_deref()));
        loop {
            let invoked =
                self.target.invoke(&self.plan.function, payload.clone(), trace.clone()).await;
            let error = match invoked {
                Ok(invocation) => {
                    self.count(|counters| {
                        counters.invocations += 1;
                        counters.records += count(messages);
                    });
                    if invocation.function_error.is_some() {
                        return Verdict::Failed("the function failed");
                    }
                    if !self.plan.report_batch_item_failures {
                        return Verdict::Done;
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
                InvokeError::NotFound { .. } => return Verdict::Failed("the function is unknown"),
                InvokeError::PayloadTooLarge { .. } => {
                    return Verdict::Failed("the event is too large");
                }
                InvokeError::RecursiveLoop { .. } => {
                    return Verdict::Failed("the function is in a recursive loop");
                }
                InvokeError::ShuttingDown => return Verdict::Failed("everything shuts down"),
            }
            let next_ms = self.clock.now_ms().saturating_add(delay_ms);
            if next_ms >= ends_ms {
                return Verdict::Failed("throttled until the visibility timeout");
            }
            tokio::select! {
                () = batch.under_way.sleep_until(&self.clock, next_ms) => {}
                _ = self.until(|mode| mode == Mode::Stopped) => {
                    return Verdict::Failed("throttled when the mapping was stopped");
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
