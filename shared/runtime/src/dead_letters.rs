//! Sends dead letters. A dead letter is sent before the original message is acknowledged.

use event::{
    Attributes, ContractRef, DeadLetter, Failure, Timestamp, TraceParent, attributes_size,
};

use crate::{MAX_BATCH_BYTES, MAX_STAGE_MESSAGE_BYTES, Outgoing, Queue, Record, send_all};

/// A message or an event that cannot be processed, with its dead letter.
#[derive(Clone, Debug)]
pub struct RejectedMessage {
    /// The body as it was received, or the part of a file that is rejected.
    pub body: String,
    /// The attributes as they were received, without the failure.
    pub attributes: Attributes,
    /// Why it was rejected.
    pub letter: DeadLetter,
    /// The message group that it came with. A FIFO dead-letter queue uses the id if there is none.
    pub group: Option<String>,
    /// The id for deduplication in a FIFO queue, which drops a message with the same id for five minutes. An event that
    /// was redriven and fails again gets another id: its second dead letter is not a copy of the first one.
    pub id: String,
}

impl RejectedMessage {
    /// The dead letter of a received message, with its body and attributes as they came.
    #[must_use]
    pub fn message(
        stage: &str,
        record: &Record,
        contract: Option<ContractRef>,
        failure: &Failure,
        now: Timestamp,
    ) -> Self {
        let earlier = record.earlier();
        let mut letter = DeadLetter::new(stage, failure, now, &record.message_id).held_to(contract);
        letter.attempts = record.attempts(failure);
        letter.sender.clone_from(&record.sender);
        if let Some(parked) = &record.parked {
            letter.first_failed_at = parked.first_failed_at;
            letter.parks = parked.parks;
            letter.unavailable_since = parked.unavailable_since;
        }
        // An earlier receive may have had an effect. No effect is older than the message.
        letter.taken_in_at = Some(record.sent_at.map_or(now, |sent_at| sent_at.min(now)));
        letter.traceparent = record
            .attribute("traceparent")
            .and_then(TraceParent::parse)
            .map(|trace| trace.as_str().to_owned());
        Self {
            body: record.body.clone(),
            attributes: record.attributes.clone(),
            letter: letter.following(earlier.as_ref()),
            group: record.group.clone().or_else(|| record.fair_group.clone()),
            id: record.message_id.clone(),
        }
    }

    /// The bytes of the body and the attributes, without the failure.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + attributes_size(&self.attributes)
    }

    /// Whether one message has room for the body and the failure, which may be shortened.
    #[must_use]
    pub fn fits(&self) -> bool {
        // One attribute may be moved into the failure. There it is JSON, where a character takes at most two bytes.
        let most = self.body.len() + 2 * attributes_size(&self.attributes);
        most <= MAX_STAGE_MESSAGE_BYTES
            || self.clone().outgoing(Kind::Standard).size() <= MAX_BATCH_BYTES
    }

    fn outgoing(self, kind: Kind) -> Outgoing {
        let room = MAX_BATCH_BYTES.saturating_sub(self.body.len());
        let attributes = self.letter.write_within(self.attributes, room);
        let (group, deduplication_id) = match kind {
            Kind::Standard => (self.group, None),
            Kind::Fifo => (Some(self.group.unwrap_or_else(|| self.id.clone())), Some(self.id)),
        };
        Outgoing { body: self.body, attributes, group, deduplication_id, delay: None }
    }
}

/// The kind of an SQS queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Standard,
    Fifo,
}

/// One dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetterQueue<Q> {
    queue: Q,
    url: String,
}

impl<Q: Queue> DeadLetterQueue<Q> {
    /// The queue with this URL. It is a FIFO queue if the URL ends with `.fifo`.
    pub fn new(queue: Q, url: String) -> Self {
        Self { queue, url }
    }

    /// Sends dead letters. Answers with one result for each, in their order.
    pub async fn send(&self, refused: Vec<RejectedMessage>) -> Vec<Result<(), Failure>> {
        let kind = if self.url.ends_with(".fifo") { Kind::Fifo } else { Kind::Standard };
        let messages: Vec<Outgoing> =
            refused.into_iter().map(|refused| refused.outgoing(kind)).collect();
        send_all(&self.queue, &self.url, &messages, CONCURRENCY).await
    }
}

/// How many calls are under way at a time.
const CONCURRENCY: usize = 4;
