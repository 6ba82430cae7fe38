//! The way of a message through the service: sent, waited for, received, released.
//!
//! A receive that finds nothing waits for whatever comes first: a message sent or released, a
//! hidden one that becomes available, a move task's next step, its own time-out. Dead letters
//! change queues under the locks of both, so that no count ever misses one.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>

use std::pin::pin;
use std::sync::Arc;

use super::cell::{Cell, lock_both};
use super::content::Outgoing;
use super::errors::{Code, Fault};
use super::message::Delivery;
use super::queue::{Receive, Received, Sent};
use super::receipt::Receipt;
use super::service::Service;

/// What a consumer asks for; the queue's own settings apply where nothing is given.
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
    pub(super) fn send(&self, cell: &Cell, outgoing: Outgoing) -> Result<Sent, Fault> {
        outgoing.check()?;
        let now_ms = self.now_ms();
        let arrival = self.adversary.get().map(|adversary| adversary.arrival(&cell.name));
        let arrival = arrival.unwrap_or_default();
        let sent = cell.open()?.queue.send(outgoing, arrival, || self.new_id(), now_ms)?;
        cell.ring();
        Ok(sent)
    }

    /// Receives what is available, or waits for it.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, also when the queue is deleted meanwhile; `OverLimit` when too much is
    /// in flight in a standard queue and the call does not wait.
    pub(super) async fn receive(
        &self,
        cell: &Cell,
        options: &ReceiveOptions,
    ) -> Result<Vec<Delivery>, Fault> {
        if options.attempt.as_ref().is_some_and(|_| !cell.lock().queue.is_fifo()) {
            let attempt = options.attempt.as_deref().unwrap_or_default();
            return Err(Fault::not_for_this_queue_type("ReceiveRequestAttemptId", attempt));
        }
        let wait_ms = match options.wait_ms {
            Some(wait_ms) => wait_ms,
            None => {
                u64::try_from(cell.open()?.queue.attributes().wait_seconds).unwrap_or(0) * 1_000
            }
        };
        let deadline_ms = self.clock.now_ms().saturating_add(wait_ms);
        loop {
            let mut changed = pin!(cell.changed.notified());
            changed.as_mut().enable();
            let now_ms = self.now_ms();
            let received = self.receive_now(cell, options, now_ms)?;
            if !received.deliveries.is_empty() {
                return Ok(received.deliveries);
            }
            if received.is_cut_short {
                continue;
            }
            if now_ms >= deadline_ms {
                let is_fifo = cell.lock().queue.is_fifo();
                if received.is_over_limit && wait_ms == 0 && !is_fifo {
                    return Err(Fault::new(
                        Code::OverLimit,
                        "Too many messages in flight. Delete messages after they are processed.",
                    ));
                }
                return Ok(Vec::new());
            }
            let due_ms = cell.open()?.queue.next_due_ms(now_ms).unwrap_or(u64::MAX);
            let wake_ms = deadline_ms.min(due_ms).min(self.moves.next_step_ms());
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep_until(wake_ms) => {}
            }
        }
    }

    /// Deletes a message by its receipt handle.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` for a handle that the queue never gave out, `InvalidParameterValue`
    /// for an expired one of a FIFO queue.
    pub(super) fn delete(&self, cell: &Cell, handle: &str) -> Result<(), Fault> {
        let receipt = receipt(cell, handle)?;
        let now_ms = self.now_ms();
        let mut state = cell.open()?;
        state.queue.delete(receipt, now_ms).map_err(|unusable| unusable.fault(handle, 0))?;
        let is_fifo = state.queue.is_fifo();
        drop(state);
        if is_fifo {
            // Its group may go on.
            cell.ring();
        }
        Ok(())
    }

    /// Hides a message for so many seconds from now.
    ///
    /// # Errors
    /// As `ChangeMessageVisibility` documents.
    pub(super) fn change_visibility(
        &self,
        cell: &Cell,
        handle: &str,
        seconds: i64,
    ) -> Result<(), Fault> {
        let receipt = receipt(cell, handle)?;
        if !(0..=super::limits::VISIBILITY_SECONDS).contains(&seconds) {
            return Err(Fault::invalid(
                "VisibilityTimeout",
                seconds,
                "VisibilityTimeout must be an integer between 0 and 43200.",
            ));
        }
        let now_ms = self.now_ms();
        cell.open()?
            .queue
            .change_visibility(receipt, seconds, now_ms)
            .map_err(|unusable| unusable.fault(handle, seconds))?;
        // Whoever waits may have a message now, or another time to wait for.
        cell.ring();
        Ok(())
    }

    fn receive_now(
        &self,
        cell: &Cell,
        options: &ReceiveOptions,
        now_ms: u64,
    ) -> Result<Received, Fault> {
        let adversary = self.adversary.get();
        let again = || adversary.and_then(|adversary| adversary.again_after_ms(&cell.name));
        let mut request = Receive {
            max: adversary.map_or(options.max, |each| each.at_most(&cell.name, options.max)),
            visibility_seconds: options.visibility_seconds,
            attempt: options.attempt.as_deref(),
            max_receive_count: None,
            again_after_ms: Some(&again),
        };
        let redrive = cell.open()?.queue.attributes().redrive.clone();
        let target =
            redrive.as_ref().and_then(|policy| self.cell_of_arn(&policy.dead_letter_target_arn));
        let (Some(policy), Some(target)) = (redrive, target) else {
            return Ok(cell.open()?.queue.receive(&request, now_ms));
        };

        let mut received;
        if target.number == cell.number {
            request.max_receive_count = Some(policy.max_receive_count);
            let mut state = cell.open()?;
            received = state.queue.receive(&request, now_ms);
            for message in received.dead.drain(..) {
                state.queue.accept_dead_letter(message, Arc::clone(&cell.arn), now_ms);
            }
            return Ok(received);
        }
        let has_dead;
        {
            let (mut source, mut target) = lock_both(cell, &target);
            if source.is_deleted {
                return Err(Fault::no_such_queue());
            }
            let allow = target.queue.attributes().redrive_allow.as_ref();
            let is_permitted = allow.is_none_or(|allow| allow.permits(&cell.arn));
            if is_permitted && !target.is_deleted {
                request.max_receive_count = Some(policy.max_receive_count);
            }
            received = source.queue.receive(&request, now_ms);
            has_dead = !received.dead.is_empty();
            for message in received.dead.drain(..) {
                target.queue.accept_dead_letter(message, Arc::clone(&cell.arn), now_ms);
            }
        }
        if has_dead {
            target.ring();
        }
        Ok(received)
    }
}

fn receipt(cell: &Cell, handle: &str) -> Result<Receipt, Fault> {
    Receipt::parse(handle)
        .filter(|receipt| receipt.queue == cell.number)
        .ok_or_else(|| Fault::bad_handle(handle))
}
