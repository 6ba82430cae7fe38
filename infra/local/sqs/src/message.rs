//! A message in a queue, and a message as it is delivered to a consumer.
//!
//! The content that the producer sent is shared and never changes, so that a receive copies only a
//! pointer while it holds the queue's lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Outgoing;
use super::digest::Digest;
use super::{MessageAttribute, ReceivedMessage};

/// The part of a message that does not change when it is received or moved.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    pub(super) trace_header: Option<String>,
    pub(super) group_id: Option<Arc<str>>,
    pub(super) deduplication_id: Option<String>,
    /// The role session that first sent the message. It does not change when the message is moved.
    pub(super) sender: Option<String>,
    pub(super) md5_of_body: Digest,
}

impl From<Outgoing> for Content {
    fn from(outgoing: Outgoing) -> Self {
        Self {
            md5_of_body: Digest::of(&outgoing.body),
            body: outgoing.body,
            attributes: outgoing.attributes,
            trace_header: outgoing.trace_header,
            group_id: outgoing.group_id.map(Arc::from),
            deduplication_id: outgoing.deduplication_id,
            sender: outgoing.sender,
        }
    }
}

/// The state of a message. The crate's front page has the table of transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Can be received since the given time.
    Available { since_ms: u64 },
    /// Was sent with a delay that ends at the given time.
    Delayed { until_ms: u64 },
    /// Was received, and is hidden until the given time.
    InFlight { until_ms: u64 },
}

impl State {
    /// Returns whether a message may change from this state to `next`. This is the table of all legal
    /// transitions; a message leaves the queue from any state.
    pub(super) fn can_become(self, next: Self) -> bool {
        match (self, next) {
            // The delay ends, or a FIFO queue gets another delay.
            (Self::Delayed { .. }, Self::Available { .. } | Self::Delayed { .. }) => true,
            // A consumer receives the message.
            (Self::Available { .. }, Self::InFlight { .. }) => true,
            // The visibility timeout ends, or a consumer changes it.
            (Self::InFlight { .. }, Self::Available { .. } | Self::InFlight { .. }) => true,
            (Self::Delayed { .. }, Self::InFlight { .. })
            | (Self::Available { .. }, Self::Available { .. } | Self::Delayed { .. })
            | (Self::InFlight { .. }, Self::Delayed { .. }) => false,
        }
    }
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Arc<str>,
    pub(super) content: Arc<Content>,
    pub(super) sent_ms: u64,
    /// Set in FIFO queues only.
    pub(super) sequence_number: Option<u64>,
    pub(super) state: State,
    pub(super) first_received_ms: Option<u64>,
    pub(super) last_received_ms: u64,
    /// How often it was received, in this queue and in the queues it came from as a dead letter.
    pub(super) receive_count: u32,
    /// How often it was received in this queue. `maxReceiveCount` is compared with this number.
    pub(super) receives_here: u32,
    /// The number of its latest receive. A receipt with an older number is stale.
    pub(super) receive: u64,
    /// Whether its visibility timeout was changed since that receive.
    pub(super) is_touched: bool,
    /// The ARN of the queue that the message came from as a dead letter.
    pub(super) dead_letter_source: Option<Arc<str>>,
}

impl Message {
    /// Creates a message that is available at once.
    pub(super) fn new(id: Arc<str>, content: Arc<Content>, now_ms: u64) -> Self {
        Self {
            id,
            content,
            sent_ms: now_ms,
            sequence_number: None,
            state: State::Available { since_ms: now_ms },
            first_received_ms: None,
            last_received_ms: now_ms,
            receive_count: 0,
            receives_here: 0,
            receive: 0,
            is_touched: false,
            dead_letter_source: None,
        }
    }

    /// The message as a consumer sees it, with the handle of its latest receive.
    pub(super) fn delivery(&self, receipt_handle: String) -> Delivery {
        Delivery {
            id: Arc::clone(&self.id),
            receipt_handle,
            content: Arc::clone(&self.content),
            sent_ms: self.sent_ms,
            first_received_ms: self.first_received_ms,
            receive_count: self.receive_count,
            sequence_number: self.sequence_number,
            dead_letter_source: self.dead_letter_source.clone(),
        }
    }
}

/// One receive of a message.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) id: Arc<str>,
    pub(super) receipt_handle: String,
    pub(super) content: Arc<Content>,
    sent_ms: u64,
    first_received_ms: Option<u64>,
    receive_count: u32,
    sequence_number: Option<u64>,
    dead_letter_source: Option<Arc<str>>,
}

impl Delivery {
    /// All system attributes, by their names in
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
    pub(super) fn system_attributes(&self, sender: &str) -> BTreeMap<&'static str, String> {
        let content = &self.content;
        let optional = [
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received_ms.map(|received_ms| received_ms.to_string()),
            ),
            ("AWSTraceHeader", content.trace_header.clone()),
            ("DeadLetterQueueSourceArn", self.dead_letter_source.as_deref().map(str::to_owned)),
            ("MessageDeduplicationId", content.deduplication_id.clone()),
            ("MessageGroupId", content.group_id.as_deref().map(str::to_owned)),
            ("SequenceNumber", self.sequence_number.map(|number| number.to_string())),
        ];
        let mut attributes = BTreeMap::from([
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SenderId", content.sender.as_deref().unwrap_or(sender).to_owned()),
            ("SentTimestamp", self.sent_ms.to_string()),
        ]);
        attributes.extend(
            optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))),
        );
        attributes
    }

    /// Converts the delivery to the public type, with all attributes.
    pub(super) fn into_received(self, sender: &str) -> ReceivedMessage {
        let attributes = self.system_attributes(sender);
        let content = &self.content;
        let digest = Digest::of_attributes(content.attributes.iter().map(|(n, a)| (n.as_str(), a)));
        ReceivedMessage {
            message_id: self.id.to_string(),
            receipt_handle: self.receipt_handle,
            body: content.body.clone(),
            md5_of_body: content.md5_of_body.to_string(),
            attributes: attributes.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
            message_attributes: content.attributes.clone(),
            md5_of_message_attributes: digest.map(|digest| digest.to_string()),
        }
    }
}
