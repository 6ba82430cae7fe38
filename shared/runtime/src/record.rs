//! One received message, as a stage sees it.

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Attribute, Attributes, DeadLetter, Timestamp};

/// A record of an SQS batch.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    pub attributes: Attributes,
    /// At least 1: this receive included.
    pub receive_count: u32,
    pub sent_at: Option<Timestamp>,
    pub queue_arn: String,
    /// On a FIFO queue: its message group.
    pub group: Option<String>,
    /// On a standard queue: its message group, by which fair queues share; it orders nothing.
    pub fair_group: Option<String>,
    /// Who sent it, as SQS tells it; see [`Senders`](crate::Senders).
    pub sender: Option<String>,
    /// The queue that SQS itself moved it from, into the dead-letter queue where it was received.
    pub moved_from: Option<String>,
    /// Whether whoever sent it is not believed in what only Sluicegate's functions write.
    pub is_strangers: bool,
}

impl Record {
    #[must_use]
    pub fn new(message: SqsMessage) -> Self {
        let system = |name: &str| message.attributes.get(name);
        let number = |name: &str| system(name).and_then(|text| text.parse().ok());
        let queue_arn = message.event_source_arn.clone().unwrap_or_default();
        let group = system("MessageGroupId").cloned();
        let (group, fair_group) =
            if queue_arn.ends_with(".fifo") { (group, None) } else { (None, group) };
        Self {
            receive_count: number("ApproximateReceiveCount").unwrap_or(1),
            sent_at: system("SentTimestamp")
                .and_then(|text| text.parse().ok())
                .map(Timestamp::from_unix_ms),
            group,
            fair_group,
            sender: system("SenderId").cloned(),
            moved_from: system("DeadLetterQueueSourceArn").cloned(),
            is_strangers: false,
            message_id: message.message_id.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            attributes: message
                .message_attributes
                .into_iter()
                .map(|(name, attribute)| (name, read_attribute(attribute)))
                .collect(),
            queue_arn,
        }
    }

    /// A producer's attribute of type `String`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(|attribute| attribute.value.as_str())
    }

    /// What is known of an earlier life in which it failed; nothing of what a stranger says of one.
    #[must_use]
    pub fn earlier(&self) -> Option<DeadLetter> {
        if self.is_strangers { None } else { DeadLetter::read(&self.attributes) }
    }
}

fn read_attribute(attribute: SqsMessageAttribute) -> Attribute {
    let binary = attribute.binary_value.map(|bytes| STANDARD.encode(&bytes.0));
    Attribute {
        data_type: attribute.data_type.unwrap_or_else(|| "String".to_owned()),
        value: attribute.string_value.or(binary).unwrap_or_default(),
    }
}
