//! One queue: how sends, receives, deletes and visibility changes affect its messages.
//!
//! A queue is a pure state machine. Every call passes the current time. A queue knows no other queue:
//! it returns dead letters to its caller, which moves them. Callers also check that a receipt handle
//! belongs to this queue.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>

mod delivery;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Depth;
use super::attributes::Attributes;
use super::content::Outgoing;
use super::errors::Fault;
use super::fifo::{Accepted, DuplicateKey, Fifo};
use super::limits;
use super::message::{Content, Delivery, Message, State};
use super::receipt::{Receipt, ReceiptError};
use super::store::{Cursor, Store};
use faults::SendFaults;

/// The maximum number of dead letters that one receive removes, so that it does not take too long.
const DEAD_LETTERS_AT_ONCE: usize = 1_000;

#[derive(Debug)]
pub(super) struct Queue {
    /// Part of each receipt, to distinguish the receipts of this queue from those of others.
    number: u64,
    attributes: Attributes,
    store: Store,
    last_receive: u64,
}

/// An accepted message. A duplicate has the id and the sequence number of the first message.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: Arc<str>,
    pub(super) sequence_number: Option<u64>,
    pub(super) content: Arc<Content>,
}

/// The parameters of a receive.
#[derive(Default)]
pub(super) struct Receive<'a> {
    pub(super) max: usize,
    /// `None` uses the queue's visibility timeout.
    pub(super) visibility_seconds: Option<i64>,
    pub(super) attempt: Option<&'a str>,
    /// The number of receives after which a message is a dead letter; `None` means never.
    pub(super) max_receive_count: Option<u32>,
    /// Called for each message that a standard queue delivers. It returns after how many milliseconds
    /// the message is delivered a second time, even if it is deleted. AWS stores copies on several
    /// servers, and a server that was unavailable misses a delete:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    pub(super) redelivery_after_ms: Option<&'a dyn Fn() -> Option<u64>>,
}

#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) deliveries: Vec<Delivery>,
    /// Messages that were removed from this queue and belong in its dead-letter queue.
    pub(super) dead_letters: Vec<Message>,
    /// The receive stopped at the maximum number of dead letters, and more messages may be available.
    pub(super) has_more: bool,
    /// No more messages can be received until one that is in flight is deleted.
    pub(super) is_over_limit: bool,
}

impl Queue {
    pub(super) fn new(number: u64, attributes: Attributes) -> Self {
        let store = Store::new(attributes.fifo.is_some());
        Self { number, attributes, store, last_receive: 0 }
    }

    /// Restores a queue from a snapshot.
    pub(super) fn restored(
        number: u64,
        attributes: Attributes,
        last_receive: u64,
        store: Store,
    ) -> Self {
        Self { number, attributes, store, last_receive }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The number of the latest receive.
    pub(super) fn last_receive(&self) -> u64 {
        self.last_receive
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.attributes.fifo.is_some()
    }

    /// Changes the attributes. A new delay also applies to the delayed messages of a FIFO queue, but not
    /// to those of a standard queue.
    pub(super) fn set_attributes(&mut self, attributes: Attributes, now_ms: u64) {
        let delay_changes = attributes.delay_seconds != self.attributes.delay_seconds;
        self.attributes = attributes;
        if delay_changes && self.is_fifo() {
            self.store.change_delays(to_millis(self.attributes.delay_seconds));
        }
        self.advance_to(now_ms);
    }

    pub(super) fn depth(&mut self, now_ms: u64) -> Depth {
        self.advance_to(now_ms);
        self.store.depth()
    }

    /// When the oldest message was sent, whatever its state.
    pub(super) fn oldest_sent_ms(&mut self, now_ms: u64) -> Option<u64> {
        self.advance_to(now_ms);
        self.store.oldest_sent_ms()
    }

    /// When the next hidden message becomes available; `None` if no message is hidden.
    pub(super) fn next_due_ms(&mut self, now_ms: u64) -> Option<u64> {
        self.advance_to(now_ms);
        self.store.next_due_ms()
    }

    /// Returns all messages in the order of their arrival, without receiving them.
    pub(super) fn peek(&mut self, now_ms: u64) -> Vec<Delivery> {
        self.advance_to(now_ms);
        self.store.iter().map(|(_, message)| message.delivery(String::new())).collect()
    }

    pub(super) fn purge(&mut self) {
        self.store.purge();
    }

    /// Checks that a message has the ids and the delay that this type of queue requires or allows.
    ///
    /// # Errors
    /// `MissingParameter` or `InvalidParameterValue`.
    pub(super) fn check_ids(&self, outgoing: &Outgoing) -> Result<(), Fault> {
        let Some(fifo) = self.attributes.fifo else {
            return match &outgoing.deduplication_id {
                Some(id) => Err(Fault::not_for_this_queue_type("MessageDeduplicationId", id)),
                None => Ok(()),
            };
        };
        if outgoing.group_id.is_none() {
            return Err(Fault::missing("MessageGroupId"));
        }
        if outgoing.deduplication_id.is_none() && !fifo.content_based_deduplication {
            return Err(Fault::invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or \
                 MessageDeduplicationId provided explicitly",
            ));
        }
        match outgoing.delay_seconds {
            Some(delay) if delay != 0 => Err(Fault::not_for_this_queue_type("DelaySeconds", delay)),
            _ => Ok(()),
        }
    }

    /// Adds a message whose content was checked.
    ///
    /// # Errors
    /// See [`Queue::check_ids`]; `InvalidParameterValue` for a message larger than the queue allows.
    pub(super) fn send(
        &mut self,
        mut outgoing: Outgoing,
        send_faults: SendFaults,
        new_id: impl FnOnce() -> Arc<str>,
        now_ms: u64,
    ) -> Result<Sent, Fault> {
        self.check_ids(&outgoing)?;
        let max = self.attributes.maximum_message_size;
        if i64::try_from(outgoing.size()).is_ok_and(|size| size > max) {
            return Err(Fault::invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {max} bytes."
            )));
        }
        let delay_seconds = match outgoing.delay_seconds {
            Some(delay) if !self.is_fifo() => delay,
            _ => self.attributes.delay_seconds,
        };
        if self.is_fifo() && outgoing.deduplication_id.is_none() {
            outgoing.deduplication_id = Some(sha256(&outgoing.body));
        }
        let content = Arc::new(Content::from(outgoing));
        let key = self.duplicate_key(&content);
        if let (Some(fifo), Some(key)) = (&mut self.store.fifo, &key)
            && let Some(first) = fifo.find_duplicate(key, now_ms)
        {
            return Ok(Sent { id: first.id, sequence_number: first.sequence_number, content });
        }

        let mut message = Message::new(new_id(), Arc::clone(&content), now_ms);
        // Only a standard queue may deliver messages late or out of order.
        let send_faults = if self.is_fifo() { SendFaults::default() } else { send_faults };
        let delay_ms = to_millis(delay_seconds).saturating_add(send_faults.late_ms);
        message.state = if delay_ms > 0 {
            State::Delayed { until_ms: now_ms.saturating_add(delay_ms) }
        } else {
            State::Available { since_ms: now_ms.saturating_sub(send_faults.displaced_ms) }
        };
        let sequence_number = self.store.fifo.as_mut().map(Fifo::next_sequence_number);
        message.sequence_number = sequence_number;
        let id = Arc::clone(&message.id);
        self.store.insert(message);
        if let (Some(fifo), Some(key)) = (&mut self.store.fifo, key) {
            fifo.remember_duplicate(key, Accepted { id: Arc::clone(&id), sequence_number }, now_ms);
        }
        Ok(Sent { id, sequence_number, content })
    }

    /// Adds a dead letter, without deduplication. In a standard queue the retention period still counts
    /// from when the message was first sent, in a FIFO queue it counts from now.
    pub(super) fn accept_dead_letter(
        &mut self,
        mut message: Message,
        source: Arc<str>,
        now_ms: u64,
    ) {
        if let Some(fifo) = &mut self.store.fifo {
            message.sent_ms = now_ms;
            message.sequence_number = Some(fifo.next_sequence_number());
        }
        message.state = State::Available { since_ms: now_ms };
        message.receives_here = 0;
        message.receive = 0;
        message.is_touched = false;
        message.dead_letter_source = Some(source);
        self.store.insert(message);
    }

    /// Adds a message that a move task brings back, as a new message with a new id.
    pub(super) fn accept_moved(&mut self, content: Arc<Content>, id: Arc<str>, now_ms: u64) {
        let mut message = Message::new(id, content, now_ms);
        message.sequence_number = self.store.fifo.as_mut().map(Fifo::next_sequence_number);
        self.store.insert(message);
    }

    /// The message that a move task would take next.
    pub(super) fn first_available(&mut self, now_ms: u64) -> Option<&Message> {
        self.advance_to(now_ms);
        let number = self.store.next_available(&mut Cursor::default())?;
        self.store.get(number)
    }

    pub(super) fn take_first_available(&mut self, now_ms: u64) -> Option<Message> {
        self.advance_to(now_ms);
        let number = self.store.next_available(&mut Cursor::default())?;
        self.store.remove(number)
    }

    /// Delivers available messages, and removes those that have become dead letters.
    pub(super) fn receive(&mut self, request: &Receive<'_>, now_ms: u64) -> Received {
        self.advance_to(now_ms);
        let visibility_seconds =
            request.visibility_seconds.unwrap_or(self.attributes.visibility_seconds);
        let until_ms = now_ms.saturating_add(to_millis(visibility_seconds));
        if let Some(deliveries) = self.repeat_attempt(request.attempt, until_ms, now_ms) {
            return Received { deliveries, ..Received::default() };
        }

        let mut received = Received::default();
        let mut handed_out = Vec::new();
        let mut cursor = Cursor::default();
        while received.deliveries.len() < request.max {
            if self.store.depth().in_flight >= limits::IN_FLIGHT {
                received.is_over_limit = true;
                break;
            }
            let Some(number) = self.store.next_available(&mut cursor) else { break };
            let receives = self.store.get(number).map_or(0, |message| message.receives_here);
            if request.max_receive_count.is_some_and(|max| receives >= max) {
                received.dead_letters.extend(self.store.remove(number));
                if received.dead_letters.len() >= DEAD_LETTERS_AT_ONCE {
                    received.has_more = true;
                    break;
                }
                continue;
            }
            handed_out.push(self.hand_out(number, until_ms, now_ms));
            self.schedule_redelivery(number, request, now_ms);
            received.deliveries.extend(self.delivery(number));
        }
        if let (Some(fifo), Some(attempt)) = (&mut self.store.fifo, request.attempt)
            && !handed_out.is_empty()
        {
            fifo.remember_attempt(attempt.to_owned(), handed_out, now_ms);
        }
        received
    }

    /// Deletes the message of a receipt, unless it was received again since.
    ///
    /// # Errors
    /// [`ReceiptError::Expired`] in a FIFO queue. A standard queue accepts any receipt of its own.
    pub(super) fn delete(&mut self, receipt: Receipt, now_ms: u64) -> Result<(), ReceiptError> {
        self.advance_to(now_ms);
        let Some(message) = self.store.get(receipt.message) else { return Ok(()) };
        let is_latest = message.receive == receipt.receive;
        let is_in_flight = matches!(message.state, State::InFlight { .. });
        if self.is_fifo() && !(is_latest && is_in_flight) {
            return Err(ReceiptError::Expired);
        }
        if is_latest {
            self.store.remove(receipt.message);
        }
        Ok(())
    }

    /// Hides a message in flight for the given number of seconds from now; 0 makes it available.
    ///
    /// # Errors
    /// Any [`ReceiptError`].
    pub(super) fn change_visibility(
        &mut self,
        receipt: Receipt,
        seconds: i64,
        now_ms: u64,
    ) -> Result<(), ReceiptError> {
        self.advance_to(now_ms);
        let message = self
            .store
            .get(receipt.message)
            .filter(|message| message.receive == receipt.receive)
            .ok_or(ReceiptError::Gone)?;
        if !matches!(message.state, State::InFlight { .. }) {
            return Err(ReceiptError::NotInFlight);
        }
        let hidden_seconds = now_ms.saturating_sub(message.last_received_ms) / 1_000;
        let max_seconds = u64::try_from(limits::VISIBILITY_SECONDS).unwrap_or(0);
        if hidden_seconds.saturating_add(seconds.unsigned_abs()) > max_seconds {
            return Err(ReceiptError::TooLong);
        }
        let state = if seconds == 0 {
            State::Available { since_ms: now_ms }
        } else {
            State::InFlight { until_ms: now_ms.saturating_add(to_millis(seconds)) }
        };
        self.store.transition(receipt.message, state, |message| message.is_touched = true);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn check_consistency(&self) {
        self.store.check_consistency();
    }

    fn advance_to(&mut self, now_ms: u64) {
        self.store.advance_to(now_ms, to_millis(self.attributes.retention_seconds));
    }

    fn duplicate_key(&self, content: &Content) -> Option<DuplicateKey> {
        let fifo = self.attributes.fifo?;
        let group = content.group_id.clone().filter(|_| fifo.deduplicates_by_group);
        Some(DuplicateKey { group, id: content.deduplication_id.clone()? })
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Converts seconds to milliseconds. Callers have checked that the number is not negative.
fn to_millis(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}
