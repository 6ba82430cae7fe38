//! What is needed of SQS.

use std::future::Future;
use std::time::Duration;

use event::{Attributes, Code, Failure, REDRIVE_ATTRIBUTE, attributes_size};

/// Ten messages and 1 MiB a call: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
pub const MAX_BATCH_ENTRIES: usize = 10;
/// See [`MAX_BATCH_ENTRIES`]; one message may be as large.
pub const MAX_BATCH_BYTES: usize = 1_048_576;

/// What a message between stages leaves free, so that whichever stage it fails at can say why: a
/// failure has a reason of at most 1,000 characters, a place as long, and names.
const LETTER_ROOM_BYTES: usize = 32 * 1024;

/// What a message between stages may have, body and attributes, in bytes.
pub const MAX_STAGE_MESSAGE_BYTES: usize = MAX_BATCH_BYTES - LETTER_ROOM_BYTES;

/// A message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    pub attributes: Attributes,
    /// The message group: of a FIFO queue, where it is needed, or of a fair standard queue.
    pub group: Option<String>,
    /// For a FIFO queue alone, which needs it: the id by which SQS drops a second copy.
    pub deduplication_id: Option<String>,
    /// For a standard queue alone: how long nobody can receive it, at most 15 minutes. What is delayed is
    /// not in flight, of which a queue can have 120,000 messages, and so can be of any number.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>,
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
    pub delay: Option<Duration>,
}

impl Outgoing {
    /// A message for the next stage. What it says of a redrive counts to what comes on top: an event that has fitted once
    /// fits when it is brought back, too.
    ///
    /// # Errors
    /// [`Code::SizeExceeded`], permanent, if it left no room for a failure.
    pub fn for_stage(body: String, attributes: Attributes) -> Result<Self, Failure> {
        let mut own = attributes.clone();
        own.remove(REDRIVE_ATTRIBUTE);
        let size = body.len() + attributes_size(&own);
        if size <= MAX_STAGE_MESSAGE_BYTES {
            return Ok(Self { body, attributes, ..Self::default() });
        }
        let reason = format!(
            "{size} bytes with all that is added to it; between stages it may have \
             {MAX_STAGE_MESSAGE_BYTES}"
        );
        Err(Failure::permanent(Code::SizeExceeded, reason))
    }

    /// What SQS counts towards its limit: body, and name, type and value of each attribute.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + attributes_size(&self.attributes)
    }
}

/// Sending to queues, and hiding what was received from one.
pub trait Queue: Send + Sync {
    /// Sends up to ten messages, together at most 1 MiB, in one call; one result for each, in their
    /// order.
    fn send_batch(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Hides up to ten received messages, by receipt handle, for so long from now; says of each
    /// whether it worked. One that was not hidden comes back when its visibility timeout ends.
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

    /// However long a reason and a place are, and however they are written in JSON.
    #[test]
    fn a_message_for_a_stage_leaves_room_for_any_failure() {
        let attributes: Attributes = [("eventid".to_owned(), Attribute::string("e1:1"))].into();
        let rest = attributes_size(&attributes);
        let body = |bytes: usize| "x".repeat(bytes);
        let most = MAX_STAGE_MESSAGE_BYTES - rest;
        let refused = Outgoing::for_stage(body(most + 1), attributes.clone()).unwrap_err();
        assert_eq!(refused.code, Code::SizeExceeded);
        Outgoing::for_stage(body(most), attributes.clone()).unwrap();
        // It fits as well once a redrive has brought it back.
        let mut redriven = attributes;
        let until = Some(Timestamp::from_unix_ms(0));
        Redriven { run: "20261129T101500Z-4f2a9c".to_owned(), remembered_until: until }
            .write(&mut redriven);
        let message = Outgoing::for_stage(body(most), redriven).unwrap();
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
