//! Passing events on and refusing others, many at a time.

use contracts::Contract;
use event::{ContractRef, DeadLetter, Encoding, Failure, Form, Timestamp, TraceParent};
use runtime::{DeadLetterQueue, Outgoing, Queue, RejectedMessage, send_all};

use crate::wrap::Origin;

/// Calls to a queue at a time.
const SENDS: usize = 8;

/// The next queue, and the dead-letter queue of what came in no message of its own.
#[derive(Clone, Debug)]
pub(crate) struct Emit<Q> {
    queue: Q,
    enrich_queue_url: String,
    dead_letters: DeadLetterQueue<Q>,
}

impl<Q: Queue> Emit<Q> {
    pub(crate) fn new(
        queue: Q,
        enrich_queue_url: String,
        dead_letters: DeadLetterQueue<Q>,
    ) -> Self {
        Self { queue, enrich_queue_url, dead_letters }
    }

    /// One result for each, in their order.
    pub(crate) async fn pass_on(&self, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        send_all(&self.queue, &self.enrich_queue_url, messages, SENDS).await
    }

    /// # Errors
    /// The first that could not be sent.
    pub(crate) async fn refuse(&self, refused: Vec<RejectedMessage>) -> Result<(), Failure> {
        for refused in &refused {
            tracing::warn!(
                stage = "ingest",
                event.id = refused.letter.message_id,
                failure.code = %refused.letter.code,
                failure.at = refused.letter.at,
                failure.reason = refused.letter.reason,
                "event dead-lettered"
            );
        }
        self.dead_letters.send(refused).await.into_iter().collect()
    }
}

/// A dead letter of something that came in no message of its own: a line of a file. `form` says what the
/// bytes are: what cannot be read again without its file is not read again, and keeps this failure.
pub(crate) fn refused(
    bytes: &[u8],
    form: Form,
    contract: &Contract,
    origin: &Origin,
    failure: &Failure,
    now: Timestamp,
) -> RejectedMessage {
    let (encoding, body) = Encoding::of(bytes);
    let Contract { dataset, version, .. } = contract;
    let held_to = ContractRef { dataset: dataset.clone(), version: Some(*version) };
    let mut letter = DeadLetter::new("ingest", failure, now, &origin.id).held_to(Some(held_to));
    letter.taken_in_at = Some(origin.taken_in);
    let trace = TraceParent::of_event(&origin.source, &origin.id);
    letter.traceparent = Some(trace.as_str().to_owned());
    letter.encoding = encoding;
    letter.form = form;
    RejectedMessage {
        body,
        attributes: origin.attributes(dataset),
        letter,
        group: None,
        id: origin.id.clone(),
    }
}
