//! The way to a dead-letter queue: sent before the original is let go.

use event::{
    Attributes, ContractRef, DeadLetter, Failure, Timestamp, TraceParent, attributes_size,
};

use crate::{MAX_BATCH_BYTES, MAX_STAGE_MESSAGE_BYTES, Outgoing, Queue, Record, send_all};

/// What cannot be processed, on its way to a dead-letter queue.
#[derive(Clone, Debug)]
pub struct RejectedMessage {
    pub body: String,
    pub attributes: Attributes,
    pub letter: DeadLetter,
    pub group: Option<String>,
    /// Of this life alone. A FIFO queue drops what has the same id as another within five minutes, and an event that was
    /// brought back and fails again in that time is no copy of its first letter.
    pub id: String,
}

impl RejectedMessage {
    /// A received message, body and attributes as they came, of an event that is held to this contract.
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
        if let Some(parked) = &record.parked {
            letter.first_failed_at = parked.first_failed_at;
            letter.parks = parked.parks;
            letter.unavailable_since = parked.unavailable_since;
        }
        // An earlier receive may have had an effect, and none came before the message was sent.
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

    /// Whether one message has room for it and for why, be it shortened.
    #[must_use]
    pub fn fits(&self) -> bool {
        // One attribute may go into the failure, which is JSON: a character of it takes two bytes at most.
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

/// Which of SQS's two kinds a queue is of.
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
    pub fn new(queue: Q, url: String) -> Self {
        Self { queue, url }
    }

    /// One result for each, in their order; a failed one is still where it was.
    pub async fn send(&self, refused: Vec<RejectedMessage>) -> Vec<Result<(), Failure>> {
        let kind = if self.url.ends_with(".fifo") { Kind::Fifo } else { Kind::Standard };
        let messages: Vec<Outgoing> =
            refused.into_iter().map(|refused| refused.outgoing(kind)).collect();
        send_all(&self.queue, &self.url, &messages, CONCURRENCY).await
    }
}

/// Calls at a time.
const CONCURRENCY: usize = 4;
