//! A message in a queue, and a message as handed to a consumer.
//!
//! What the producer wrote is shared and never changes, so that a receive copies a pointer under
//! the queue's lock, not a megabyte.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Outgoing;
use super::digest::Digest;
use super::{MessageAttribute, ReceivedMessage};

/// The part of a message that no receive and no move changes.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    pub(super) trace_header: Option<String>,
    pub(super) group_id: Option<Arc<str>>,
    pub(super) deduplication_id: Option<String>,
    /// Whoever first sent it, a role's session; kept when it is moved.
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

/// Where a message stands with the consumers of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// May be received, and could be since then.
    Available { since_ms: u64 },
    /// Sent with a delay that ends then.
    Delayed { until_ms: u64 },
    /// Received, and hidden until then.
    InFlight { until_ms: u64 },
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Arc<str>,
    pub(super) content: Arc<Content>,
    pub(super) sent_ms: u64,
    /// FIFO queues only.
    pub(super) sequence_number: Option<u64>,
    pub(super) state: State,
    pub(super) first_received_ms: Option<u64>,
    pub(super) last_received_ms: u64,
    /// How often it was received in this queue and those it came from as a dead letter.
    pub(super) receive_count: u32,
    /// How often it was received in this queue: what `maxReceiveCount` is compared with.
    pub(super) receives_here: u32,
    /// The number of its latest receive; an older receipt is stale.
    pub(super) receive: u64,
    /// Whether its visibility was changed since that receive.
    pub(super) is_touched: bool,
    /// The ARN of the queue that it came from as a dead letter.
    pub(super) dead_letter_source: Option<Arc<str>>,
}

impl Message {
    /// A message that was just sent.
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

    /// As a consumer sees it, with the handle of its latest receive.
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
    /// All system attributes, as
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
    /// names them.
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

    /// With all of its attributes.
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
