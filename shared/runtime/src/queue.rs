//! The port to SQS, and the limits of its messages.

use std::future::Future;
use std::time::Duration;

use event::{
    Attributes, Code, Failure, MAX_PAYLOAD_BYTES, REDRIVE_ATTRIBUTE, attributes_size, hex_sha256,
};

/// The most messages of one call:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
pub const MAX_BATCH_ENTRIES: usize = 10;
/// The most bytes of all messages of one call, and of a single message: 1 MiB, on the same page as
/// [`MAX_BATCH_ENTRIES`].
pub const MAX_BATCH_BYTES: usize = 1_048_576;

/// How many bytes a message between stages leaves free, so that a stage at which it fails can add why. A failure has a
/// reason of at most 1,000 characters, a place of the same length, and names.
const LETTER_ROOM_BYTES: usize = 32 * 1024;

/// The most bytes of a message between stages as SQS has it, its body and its attributes together. The body of a
/// larger one goes to the archive bucket ([`Claims::check_in`](crate::Claims::check_in)).
pub const MAX_STAGE_MESSAGE_BYTES: usize = MAX_BATCH_BYTES - LETTER_ROOM_BYTES;

/// The most bytes of an event between stages, with its envelope and its attributes, wherever its body is: 5 MiB. That
/// leaves 1 MiB for the envelope and the answers of enrichers.
pub const MAX_CLAIMED_BYTES: usize = MAX_PAYLOAD_BYTES + 1024 * 1024;

/// The longest message group id, in characters:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
const MAX_GROUP_CHARS: usize = 128;

/// The message group of an event: its dataset, and its tenant where its contract has tenants, as `dataset/tenant`.
///
/// A standard queue shares its consumers fairly between groups: while one has a backlog, messages of the others are
/// received first
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>). SQS takes up to
/// 128 ASCII letters, digits and punctuation characters. A group that is anything else is its SHA-256, in hexadecimal
/// digits.
#[must_use]
pub fn fair_group(dataset: &str, tenant: Option<&str>) -> String {
    let group = match tenant {
        Some(tenant) => format!("{dataset}/{tenant}"),
        None => dataset.to_owned(),
    };
    let is_taken =
        group.len() <= MAX_GROUP_CHARS && group.bytes().all(|byte| byte.is_ascii_graphic());
    if is_taken { group } else { hex_sha256(group.as_bytes()) }
}

/// A message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The body. SQS accepts only characters that XML 1.0 allows.
    pub body: String,
    /// The message attributes, at most ten.
    pub attributes: Attributes,
    /// The message group id. A FIFO queue needs it, and a standard queue shares its capacity fairly by it.
    pub group: Option<String>,
    /// The id by which a FIFO queue drops a second copy of a message. A FIFO queue needs it, and a standard queue must
    /// not have it.
    pub deduplication_id: Option<String>,
    /// For how long nobody can receive the message, at most 15 minutes and only in a standard queue. A delayed message
    /// is not in flight. A queue can have only 120,000 messages in flight, and any number of delayed ones.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>,
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
    pub delay: Option<Duration>,
}

impl Outgoing {
    /// A message for the next stage, which may be too large for SQS and has to be checked in before it is sent
    /// ([`Claims::check_in`](crate::Claims::check_in)). `group` is the [`fair_group`] of its event. The attribute that a redrive adds does not count, so that an
    /// event that has fitted once also fits when it is brought back.
    ///
    /// # Errors
    /// [`Code::SizeExceeded`], permanent, if it has more than [`MAX_CLAIMED_BYTES`].
    pub fn for_stage(body: String, attributes: Attributes, group: String) -> Result<Self, Failure> {
        let mut own = attributes.clone();
        own.remove(REDRIVE_ATTRIBUTE);
        let size = body.len() + attributes_size(&own);
        if size <= MAX_CLAIMED_BYTES {
            return Ok(Self { body, attributes, group: Some(group), ..Self::default() });
        }
        let reason = format!(
            "{size} bytes with all that is added to it; between stages it may have \
             {MAX_CLAIMED_BYTES}"
        );
        Err(Failure::permanent(Code::SizeExceeded, reason))
    }

    /// The bytes that SQS counts towards its limit: the body, and the name, type and value of each attribute.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + attributes_size(&self.attributes)
    }
}

/// Sends messages to queues, and hides messages that were received from one.
pub trait Queue: Send + Sync {
    /// Sends up to ten messages, of 1 MiB together, in one call. Answers with one result for each, in their order.
    fn send_batch(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Hides up to ten received messages, given by their receipt handles, for a time from now on. Answers for each
    /// whether it worked. A message that was not hidden comes back when its visibility timeout ends.
    fn hide_batch(
        &self,
        queue_url: &str,
        messages: &[(&str, Duration)],
    ) -> impl Future<Output = Vec<bool>> + Send;
}

impl<Q: Queue> Queue for std::sync::Arc<Q> {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        self.as_ref().send_batch(url, messages).await
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        self.as_ref().hide_batch(url, messages).await
    }
}

#[cfg(test)]
mod tests {
    use event::{Attribute, DeadLetter, Redriven, Timestamp};

    use super::*;

    fn group() -> String {
        "orders".to_owned()
    }

    #[test]
    fn a_group_is_the_dataset_and_the_tenant_in_what_sqs_takes() {
        assert_eq!(fair_group("orders", None), "orders");
        assert_eq!(fair_group("orders", Some("acme")), "orders/acme");
        let longest = "x".repeat(128 - "orders/".len());
        assert_eq!(fair_group("orders", Some(&longest)), format!("orders/{longest}"));
        let mut hashed = std::collections::BTreeSet::new();
        for tenant in ["a b", "Zürich", "\u{7f}", "a\n", &format!("{longest}x")] {
            let group = fair_group("orders", Some(tenant));
            assert!(group.len() == 64 && group.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(hashed.insert(group), "{tenant:?}");
        }
    }

    #[test]
    fn an_event_that_is_too_large_with_all_that_was_added_to_it_is_refused() {
        let attributes: Attributes = [("eventid".to_owned(), Attribute::string("e1:1"))].into();
        let largest = "x".repeat(MAX_CLAIMED_BYTES - attributes_size(&attributes));
        let refused =
            Outgoing::for_stage(format!("{largest}x"), attributes.clone(), group()).unwrap_err();
        assert_eq!(refused.code, Code::SizeExceeded);
        Outgoing::for_stage(largest, attributes, group()).unwrap();
    }

    /// The reason and the place may be of any length, and any characters of them may need escaping in JSON.
    #[test]
    fn a_message_that_is_not_checked_in_leaves_room_for_any_failure() {
        let attributes: Attributes = [("eventid".to_owned(), Attribute::string("e1:1"))].into();
        let rest = attributes_size(&attributes);
        let largest = "x".repeat(MAX_STAGE_MESSAGE_BYTES - rest);
        // It also fits after a redrive has brought it back.
        let mut redriven = attributes;
        let until = Some(Timestamp::from_unix_ms(0));
        Redriven { run: "20261129T101500Z-4f2a9c".to_owned(), remembered_until: until }
            .write(&mut redriven);
        let message = Outgoing::for_stage(largest, redriven, group()).unwrap();
        for worst in ["\u{1}", "\u{1f525}", "\""] {
            let failure = Failure::permanent(Code::ContractViolation, worst.repeat(5_000));
            let failure = failure.at(worst.repeat(5_000));
            let id = worst.repeat(300);
            let letter = DeadLetter::new("enrich", &failure, Timestamp::from_unix_ms(0), &id);
            let attributes = letter.write(message.attributes.clone());
            let dead = Outgoing { attributes, ..message.clone() };
            assert!(dead.size() <= MAX_BATCH_BYTES, "{worst:?}: {} bytes", dead.size());
        }
    }
}
