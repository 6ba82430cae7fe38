//! Sending, receiving and releasing messages, with long polling.
//!
//! A receive that finds no message waits until one is sent or released, a hidden message becomes
//! available, a move task takes its next step, or the wait time ends. Dead letters are moved while both
//! queues are locked, so that the message counts are right at every moment.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>

use std::pin::pin;
use std::sync::Arc;

use super::content::Outgoing;
use super::errors::{Code, Fault};
use super::message::Delivery;
use super::queue::{Receive, Received, Sent};
use super::receipt::Receipt;
use super::service::Service;
use super::shared_queue::{SharedQueue, lock_both};

/// The parameters of a receive. The queue's attributes apply where a parameter is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceiveOptions {
    pub(super) max: usize,
    pub(super) visibility_seconds: Option<i64>,
    pub(super) wait_ms: Option<u64>,
    pub(super) attempt: Option<String>,
}

impl Service {
    /// Sends one message.
    ///
    /// # Errors
    /// As `SendMessage` documents.
    pub(super) fn send(&self, shared: &SharedQueue, outgoing: Outgoing) -> Result<Sent, Fault> {
        outgoing.check()?;
        let now_ms = self.now_ms();
        let send_faults = self.adversary.get().map(|adversary| adversary.send_faults(&shared.name));
        let send_faults = send_faults.unwrap_or_default();
        let sent =
            shared.lock_existing()?.queue.send(outgoing, send_faults, || self.new_id(), now_ms)?;
        shared.notify();
        Ok(sent)
    }

    /// Receives available messages, and waits if there are none.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, also when the queue is deleted during the wait; `OverLimit` when too many
    /// messages of a standard queue are in flight and the call does not wait.
    pub(super) async fn receive(
        &self,
        shared: &SharedQueue,
        options: &ReceiveOptions,
    ) -> Result<Vec<Delivery>, Fault> {
        if options.attempt.as_ref().is_some_and(|_| !shared.lock().queue.is_fifo()) {
            let attempt = options.attempt.as_deref().unwrap_or_default();
            return Err(Fault::not_for_this_queue_type("ReceiveRequestAttemptId", attempt));
        }
        let wait_ms = match options.wait_ms {
            Some(wait_ms) => wait_ms,
            None => {
                u64::try_from(shared.lock_existing()?.queue.attributes().wait_seconds).unwrap_or(0)
                    * 1_000
            }
        };
        let deadline_ms = self.clock.now_ms().saturating_add(wait_ms);
        loop {
            let mut changed = pin!(shared.changed.notified());
            changed.as_mut().enable();
            let now_ms = self.now_ms();
            let received = self.receive_now(shared, options, now_ms)?;
            if !received.deliveries.is_empty() {
                return Ok(received.deliveries);
            }
            if received.has_more {
                continue;
            }
            if now_ms >= deadline_ms {
                let is_fifo = shared.lock().queue.is_fifo();
                if received.is_over_limit && wait_ms == 0 && !is_fifo {
                    return Err(Fault::new(
                        Code::OverLimit,
                        "Too many messages in flight. Delete messages after they are processed.",
                    ));
                }
                return Ok(Vec::new());
            }
            let due_ms = shared.lock_existing()?.queue.next_due_ms(now_ms).unwrap_or(u64::MAX);
            let wake_ms = deadline_ms.min(due_ms).min(self.move_tasks.next_step_ms());
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep_until(wake_ms) => {}
            }
        }
    }

    /// Deletes a message by its receipt handle.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` for a handle that the queue never issued, `InvalidParameterValue`
    /// for an expired handle of a FIFO queue.
    pub(super) fn delete(&self, shared: &SharedQueue, handle: &str) -> Result<(), Fault> {
        let receipt = receipt(shared, handle)?;
        let now_ms = self.now_ms();
        let mut state = shared.lock_existing()?;
        state.queue.delete(receipt, now_ms).map_err(|unusable| unusable.fault(handle, 0))?;
        let is_fifo = state.queue.is_fifo();
        drop(state);
        if is_fifo {
            // The next message of the group may have become available.
            shared.notify();
        }
        Ok(())
    }

    /// Hides a message for the given number of seconds from now.
    ///
    /// # Errors
    /// As `ChangeMessageVisibility` documents.
    pub(super) fn change_visibility(
        &self,
        shared: &SharedQueue,
        handle: &str,
        seconds: i64,
    ) -> Result<(), Fault> {
        let receipt = receipt(shared, handle)?;
        if !(0..=super::limits::VISIBILITY_SECONDS).contains(&seconds) {
            return Err(Fault::invalid(
                "VisibilityTimeout",
                seconds,
                "VisibilityTimeout must be an integer between 0 and 43200.",
            ));
        }
        let now_ms = self.now_ms();
        shared
            .lock_existing()?
            .queue
            .change_visibility(receipt, seconds, now_ms)
            .map_err(|unusable| unusable.fault(handle, seconds))?;
        // Consumers that wait may now have a message, or a different time at which to look again.
        shared.notify();
        Ok(())
    }

    fn receive_now(
        &self,
        shared: &SharedQueue,
        options: &ReceiveOptions,
        now_ms: u64,
    ) -> Result<Received, Fault> {
        let adversary = self.adversary.get();
        let redelivery_after_ms =
            || adversary.and_then(|adversary| adversary.redelivery_after_ms(&shared.name));
        let mut request = Receive {
            max: adversary
                .map_or(options.max, |each| each.limit_receive(&shared.name, options.max)),
            visibility_seconds: options.visibility_seconds,
            attempt: options.attempt.as_deref(),
            max_receive_count: None,
            redelivery_after_ms: Some(&redelivery_after_ms),
        };
        let redrive = shared.lock_existing()?.queue.attributes().redrive.clone();
        let target = redrive
            .as_ref()
            .and_then(|policy| self.find_queue_by_arn(&policy.dead_letter_target_arn));
        let (Some(policy), Some(target)) = (redrive, target) else {
            return Ok(shared.lock_existing()?.queue.receive(&request, now_ms));
        };

        let mut received;
        if target.number == shared.number {
            request.max_receive_count = Some(policy.max_receive_count);
            let mut state = shared.lock_existing()?;
            received = state.queue.receive(&request, now_ms);
            for message in received.dead_letters.drain(..) {
                state.queue.accept_dead_letter(message, Arc::clone(&shared.arn), now_ms);
            }
            return Ok(received);
        }
        let has_dead;
        {
            let (mut source, mut target) = lock_both(shared, &target);
            if source.is_deleted {
                return Err(Fault::no_such_queue());
            }
            let allow = target.queue.attributes().redrive_allow.as_ref();
            let is_permitted = allow.is_none_or(|allow| allow.permits(&shared.arn));
            if is_permitted && !target.is_deleted {
                request.max_receive_count = Some(policy.max_receive_count);
            }
            received = source.queue.receive(&request, now_ms);
            has_dead = !received.dead_letters.is_empty();
            for message in received.dead_letters.drain(..) {
                target.queue.accept_dead_letter(message, Arc::clone(&shared.arn), now_ms);
            }
        }
        if has_dead {
            target.notify();
        }
        Ok(received)
    }
}

fn receipt(shared: &SharedQueue, handle: &str) -> Result<Receipt, Fault> {
    Receipt::parse(handle)
        .filter(|receipt| receipt.queue == shared.number)
        .ok_or_else(|| Fault::bad_handle(handle))
}
