//! One queue: what sends, receives, deletes and changes of visibility do to its messages.
//!
//! A pure state machine. It is told the time with every call and knows of no other queue: dead
//! letters are handed to the caller, who knows where they go. Handles are checked to be this
//! queue's before they get here.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>

mod handover;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Depth;
use super::attributes::Attributes;
use super::content::Outgoing;
use super::errors::Fault;
use super::fifo::{Accepted, DuplicateKey, Fifo};
use super::limits;
use super::message::{Content, Delivery, Message, State};
use super::receipt::{Receipt, Unusable};
use super::store::{Cursor, Store};
use faults::Arrival;

/// How many dead letters one receive takes out at most, so that none lasts long.
const DEAD_LETTERS_AT_ONCE: usize = 1_000;

#[derive(Debug)]
pub(super) struct Queue {
    /// Tells this queue's receipts from all others'.
    number: u64,
    attributes: Attributes,
    store: Store,
    last_receive: u64,
}

/// An accepted message; for a duplicate, the first one's id and sequence number.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: Arc<str>,
    pub(super) sequence_number: Option<u64>,
    pub(super) content: Arc<Content>,
}

/// What a consumer asks for.
#[derive(Default)]
pub(super) struct Receive<'a> {
    pub(super) max: usize,
    /// The queue's, if not given.
    pub(super) visibility_seconds: Option<i64>,
    pub(super) attempt: Option<&'a str>,
    /// After how many receives a message is a dead letter; never, if not given.
    pub(super) max_receive_count: Option<u32>,
    /// Asked of each message that a standard queue hands out: in how many milliseconds it is
    /// delivered again, whatever becomes of it. AWS keeps copies on several servers, and one that was
    /// away does not hear of a delete:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    pub(super) again_after_ms: Option<&'a dyn Fn() -> Option<u64>>,
}

#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) deliveries: Vec<Delivery>,
    /// Taken out of this queue, for the dead-letter queue.
    pub(super) dead: Vec<Message>,
    /// There may be more to deliver behind so many dead letters.
    pub(super) is_cut_short: bool,
    /// Nothing more can be received before something in flight is deleted.
    pub(super) is_over_limit: bool,
}

impl Queue {
    pub(super) fn new(number: u64, attributes: Attributes) -> Self {
        let store = Store::new(attributes.fifo.is_some());
        Self { number, attributes, store, last_receive: 0 }
    }

    /// The queue that a snapshot was taken of.
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

    /// The number of its latest receive.
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

    /// Changes attributes. A FIFO queue's delay applies to messages sent before, a standard one's
    /// does not.
    pub(super) fn set_attributes(&mut self, attributes: Attributes, now_ms: u64) {
        let delay_changes = attributes.delay_seconds != self.attributes.delay_seconds;
        self.attributes = attributes;
        if delay_changes && self.is_fifo() {
            self.store.delay_anew(ms(self.attributes.delay_seconds));
        }
        self.settle(now_ms);
    }

    pub(super) fn depth(&mut self, now_ms: u64) -> Depth {
        self.settle(now_ms);
        self.store.depth()
    }

    /// When the oldest message was sent, whatever its state.
    pub(super) fn oldest_sent_ms(&mut self, now_ms: u64) -> Option<u64> {
        self.settle(now_ms);
        self.store.oldest_sent_ms()
    }

    /// When the next hidden message becomes available, if that is not now.
    pub(super) fn next_due_ms(&mut self, now_ms: u64) -> Option<u64> {
        self.settle(now_ms);
        self.store.next_due_ms()
    }

    /// All messages in the order of their arrival, without receiving them.
    pub(super) fn peek(&mut self, now_ms: u64) -> Vec<Delivery> {
        self.settle(now_ms);
        self.store.iter().map(|(_, message)| message.delivery(String::new())).collect()
    }

    pub(super) fn purge(&mut self) {
        self.store.purge();
    }

    /// Checks a message against what this queue requires of ids and delays.
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

    /// Takes a message whose content was checked.
    ///
    /// # Errors
    /// See [`Queue::check_ids`]; `InvalidParameterValue` for one larger than the queue allows.
    pub(super) fn send(
        &mut self,
        mut outgoing: Outgoing,
        arrival: Arrival,
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
            && let Some(first) = fifo.duplicate(key, now_ms)
        {
            return Ok(Sent { id: first.id, sequence_number: first.sequence_number, content });
        }

        let mut message = Message::new(new_id(), Arc::clone(&content), now_ms);
        // Only a standard queue may be late, or in another order.
        let arrival = if self.is_fifo() { Arrival::default() } else { arrival };
        let delay_ms = ms(delay_seconds).saturating_add(arrival.late_ms);
        message.state = if delay_ms > 0 {
            State::Delayed { until_ms: now_ms.saturating_add(delay_ms) }
        } else {
            State::Available { since_ms: now_ms.saturating_sub(arrival.displaced_ms) }
        };
        let sequence_number = self.store.fifo.as_mut().map(Fifo::sequence_number);
        message.sequence_number = sequence_number;
        let id = Arc::clone(&message.id);
        self.store.insert(message);
        if let (Some(fifo), Some(key)) = (&mut self.store.fifo, key) {
            fifo.remember(key, Accepted { id: Arc::clone(&id), sequence_number }, now_ms);
        }
        Ok(Sent { id, sequence_number, content })
    }

    /// Takes a dead letter. A standard queue keeps the time at which it was first sent, a FIFO queue
    /// counts it from now, and neither takes it for a duplicate.
    pub(super) fn accept_dead_letter(
        &mut self,
        mut message: Message,
        source: Arc<str>,
        now_ms: u64,
    ) {
        if let Some(fifo) = &mut self.store.fifo {
            message.sent_ms = now_ms;
            message.sequence_number = Some(fifo.sequence_number());
        }
        message.state = State::Available { since_ms: now_ms };
        message.receives_here = 0;
        message.receive = 0;
        message.is_touched = false;
        message.dead_letter_source = Some(source);
        self.store.insert(message);
    }

    /// Takes a message that a move task brings back: a new message, with a new id.
    pub(super) fn accept_moved(&mut self, content: Arc<Content>, id: Arc<str>, now_ms: u64) {
        let mut message = Message::new(id, content, now_ms);
        message.sequence_number = self.store.fifo.as_mut().map(Fifo::sequence_number);
        self.store.insert(message);
    }

    /// The message that a move task would take next.
    pub(super) fn first_available(&mut self, now_ms: u64) -> Option<&Message> {
        self.settle(now_ms);
        let number = self.store.next_available(&mut Cursor::default())?;
        self.store.get(number)
    }

    pub(super) fn take_first_available(&mut self, now_ms: u64) -> Option<Message> {
        self.settle(now_ms);
        let number = self.store.next_available(&mut Cursor::default())?;
        self.store.remove(number)
    }

    /// Hands out available messages, and sorts out those that were received often enough.
    pub(super) fn receive(&mut self, request: &Receive<'_>, now_ms: u64) -> Received {
        self.settle(now_ms);
        let visibility_seconds =
            request.visibility_seconds.unwrap_or(self.attributes.visibility_seconds);
        let until_ms = now_ms.saturating_add(ms(visibility_seconds));
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
                received.dead.extend(self.store.remove(number));
                if received.dead.len() >= DEAD_LETTERS_AT_ONCE {
                    received.is_cut_short = true;
                    break;
                }
                continue;
            }
            handed_out.push(self.hand_out(number, until_ms, now_ms));
            self.deliver_again(number, request, now_ms);
            received.deliveries.extend(self.delivery(number));
        }
        if let (Some(fifo), Some(attempt)) = (&mut self.store.fifo, request.attempt)
            && !handed_out.is_empty()
        {
            fifo.remember_attempt(attempt.to_owned(), handed_out, now_ms);
        }
        received
    }

    /// Deletes the message that a receipt stands for, if it was not received again since.
    ///
    /// # Errors
    /// [`Unusable::Expired`], in a FIFO queue only: a standard one answers any receipt of its own
    /// with success.
    pub(super) fn delete(&mut self, receipt: Receipt, now_ms: u64) -> Result<(), Unusable> {
        self.settle(now_ms);
        let Some(message) = self.store.get(receipt.message) else { return Ok(()) };
        let is_latest = message.receive == receipt.receive;
        let is_in_flight = matches!(message.state, State::InFlight { .. });
        if self.is_fifo() && !(is_latest && is_in_flight) {
            return Err(Unusable::Expired);
        }
        if is_latest {
            self.store.remove(receipt.message);
        }
        Ok(())
    }

    /// Hides a message in flight for so many seconds from now; 0 makes it available.
    ///
    /// # Errors
    /// [`Unusable`], each of them.
    pub(super) fn change_visibility(
        &mut self,
        receipt: Receipt,
        seconds: i64,
        now_ms: u64,
    ) -> Result<(), Unusable> {
        self.settle(now_ms);
        let message = self
            .store
            .get(receipt.message)
            .filter(|message| message.receive == receipt.receive)
            .ok_or(Unusable::Gone)?;
        if !matches!(message.state, State::InFlight { .. }) {
            return Err(Unusable::NotInFlight);
        }
        let hidden_seconds = now_ms.saturating_sub(message.last_received_ms) / 1_000;
        let most = u64::try_from(limits::VISIBILITY_SECONDS).unwrap_or(0);
        if hidden_seconds.saturating_add(seconds.unsigned_abs()) > most {
            return Err(Unusable::TooLong);
        }
        let state = if seconds == 0 {
            State::Available { since_ms: now_ms }
        } else {
            State::InFlight { until_ms: now_ms.saturating_add(ms(seconds)) }
        };
        self.store.transition(receipt.message, state, |message| message.is_touched = true);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn check_consistency(&self) {
        self.store.check_consistency();
    }

    fn settle(&mut self, now_ms: u64) {
        self.store.settle(now_ms, ms(self.attributes.retention_seconds));
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

/// Milliseconds, of seconds that were checked to be no fewer than none.
fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}
