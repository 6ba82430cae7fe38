//! Sends events on, and those that are refused to the dead-letter queue, many at a time.

use contracts::Contract;
use event::{ContractRef, DeadLetter, Encoding, Failure, Form, Timestamp, TraceParent};
use runtime::{DeadLetterQueue, Outgoing, Queue, RejectedMessage, send_all};

use crate::backlog::{Depths, FullBacklog, KnownDepth};
use crate::wrap::Origin;

/// The most calls to a queue at the same time.
const SENDS: usize = 8;

/// The next stage's queue, and the dead-letter queue for lines of files. (The runtime sends the dead letters of whole
/// messages.)
#[derive(Debug)]
pub(crate) struct Emit<Q> {
    queue: Q,
    enrich_queue_url: String,
    depth: KnownDepth,
    dead_letters: DeadLetterQueue<Q>,
}

impl<Q: Queue> Emit<Q> {
    pub(crate) fn new(
        queue: Q,
        enrich_queue_url: String,
        dead_letters: DeadLetterQueue<Q>,
    ) -> Self {
        Self { queue, enrich_queue_url, depth: KnownDepth::default(), dead_letters }
    }

    /// Sends events to the next stage: one result for each, in their order.
    pub(crate) async fn pass_on(&self, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        send_all(&self.queue, &self.enrich_queue_url, messages, SENDS).await
    }

    /// Logs dead letters and sends them to the dead-letter queue.
    ///
    /// # Errors
    /// The failure of the first that could not be sent.
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

impl<Q: Depths> Emit<Q> {
    /// Checks that the next stage's queue has room for more of a dataset.
    ///
    /// # Errors
    /// If more messages wait there than the contract allows.
    pub(crate) async fn check_backlog(
        &self,
        contract: &Contract,
        now: Timestamp,
    ) -> Result<(), FullBacklog> {
        self.depth.check(&self.queue, &self.enrich_queue_url, contract.backlog, now).await
    }
}

/// The dead letter of a line of a file. `form` says whether `bytes` are the line itself, or only where it is: a redrive
/// reads the former again and leaves the latter as it is.
pub(crate) fn dead_letter(
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
