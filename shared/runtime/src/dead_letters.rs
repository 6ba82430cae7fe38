//! The way to a dead-letter queue: sent before the original is let go.

use event::{Attributes, DeadLetter, Failure, Timestamp, TraceParent};

use crate::{Outgoing, Queue, Record, send_all};

/// What cannot be processed, on its way to a dead-letter queue.
#[derive(Clone, Debug)]
pub struct Refused {
    pub body: String,
    pub attributes: Attributes,
    pub letter: DeadLetter,
    pub group: Option<String>,
}

impl Refused {
    /// A received message, body and attributes as they came.
    #[must_use]
    pub fn message(stage: &str, record: &Record, failure: &Failure, now: Timestamp) -> Self {
        let earlier = DeadLetter::read(&record.attributes);
        let mut letter = DeadLetter::new(stage, failure, now, &record.message_id);
        letter.attempts = record.receive_count;
        letter.encoding = earlier.as_ref().map(|earlier| earlier.encoding).unwrap_or_default();
        letter.traceparent = record
            .attribute("traceparent")
            .and_then(TraceParent::parse)
            .map(|trace| trace.as_str().to_owned());
        Self {
            body: record.body.clone(),
            attributes: record.attributes.clone(),
            letter: letter.following(earlier.as_ref()),
            group: record.group.clone(),
        }
    }
}

/// One dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetters<Q> {
    queue: Q,
    url: String,
}

impl<Q: Queue> DeadLetters<Q> {
    pub fn new(queue: Q, url: String) -> Self {
        Self { queue, url }
    }

    /// One result for each, in their order; a failed one is still where it was.
    pub async fn send(&self, refused: Vec<Refused>) -> Vec<Result<(), Failure>> {
        let fifo = self.url.ends_with(".fifo");
        let outgoing = |refused: Refused| {
            let id = refused.letter.message_id.clone();
            let group = refused.group.unwrap_or_else(|| id.clone());
            Outgoing {
                body: refused.body,
                fifo: fifo.then_some((group, id)),
                attributes: refused.letter.write(refused.attributes),
            }
        };
        let messages: Vec<Outgoing> = refused.into_iter().map(outgoing).collect();
        send_all(&self.queue, &self.url, &messages, CONCURRENCY).await
    }
}

/// Calls at a time.
const CONCURRENCY: usize = 4;
