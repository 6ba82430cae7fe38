//! Sends events on, and those that are refused to the dead-letter queue, many at a time.

use std::collections::BTreeMap;

use contracts::Contract;
use event::{Code, ContractRef, DeadLetter, Encoding, Failure, Form, Timestamp, TraceParent};
use futures_util::stream::{self, StreamExt as _};
use runtime::{
    Claims, DeadLetterQueue, EventCounts, Outgoing, Queue, Recorder, RejectedMessage,
    count_dead_letter, count_done, send_all,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::backlog::{Depths, FullBacklog, KnownDepth};
use crate::wrap::{Accepted, Origin, Route};

/// The name of the stage.
pub(crate) const STAGE: &str = "ingest";

/// The most calls to a queue at the same time.
const SENDS: usize = 8;

/// The most bytes of messages that are being sent at the same time, by all files of a batch together. A message takes
/// several times its size while it is sent.
const SENDING_KIB: u32 = 4 * 1024;
/// The most large events that are written to the archive bucket at the same time.
const CHECK_INS: usize = 4;

/// The next stage's queue, the queue for late events, and the dead-letter queue for lines of files. (The runtime sends
/// the dead letters of whole messages.)
#[derive(Debug)]
pub(crate) struct Emit<Q> {
    queue: Q,
    urls: QueueUrls,
    depth: KnownDepth,
    /// A permit for each KiB that may be sent at the same time.
    room: Semaphore,
    dead_letters: DeadLetterQueue<Q>,
    /// Where events are kept that are too large for a message.
    pub(crate) claims: Claims,
    pub(crate) metrics: Recorder,
}

/// The URLs of the queues that accepted events go to, and the rest of long files.
#[derive(Clone, Debug)]
pub(crate) struct QueueUrls {
    pub(crate) enrich: String,
    /// Ingest's own queue, for files that are read in slices.
    pub(crate) inbox: String,
    /// `None` if the function was given none.
    pub(crate) late: Option<String>,
}

/// The messages for one queue, and the place of each among all that are sent.
#[derive(Default)]
struct Sending {
    messages: Vec<Outgoing>,
    places: Vec<usize>,
}

impl<Q: Queue> Emit<Q> {
    pub(crate) fn new(
        queue: Q,
        urls: QueueUrls,
        dead_letters: DeadLetterQueue<Q>,
        claims: Claims,
        metrics: Recorder,
    ) -> Self {
        let room = Semaphore::new(SENDING_KIB as usize);
        Self { queue, urls, depth: KnownDepth::default(), room, dead_letters, claims, metrics }
    }

    /// Checks that there is a queue for each event that the contract may accept.
    ///
    /// # Errors
    /// [`Code::ContractBroken`], transient, if the contract diverts events and there is no late queue. The next
    /// deployment may bring it.
    pub(crate) fn check_queues(&self, contract: &Contract) -> Result<(), Failure> {
        match &self.urls.late {
            None if contract.may_divert() => Err(no_late_queue()),
            _ => Ok(()),
        }
    }

    /// Sends events to the next stage or to the late queue. Answers for each with how it counts, in their order.
    pub(crate) async fn pass_on(&self, events: Vec<Accepted>) -> Vec<Result<EventCounts, Failure>> {
        let _room = self.room_for(events.iter().map(|event| event.message.size()).sum()).await;
        let mut results = Vec::with_capacity(events.len());
        let datasets: Vec<String> = events.iter().map(|event| event.dataset.clone()).collect();
        let (mut to_enrich, mut to_late) = (Sending::default(), Sending::default());
        for (place, event) in self.check_in(events).await.into_iter().enumerate() {
            let event = match event {
                Ok(event) => event,
                Err(failure) => {
                    results.push(Err(failure));
                    continue;
                }
            };
            results.push(Ok(event.counts()));
            let sending = match event.route {
                Route::Enrich => &mut to_enrich,
                Route::Late => &mut to_late,
            };
            sending.messages.push(event.message);
            sending.places.push(place);
        }
        for (url, sending) in
            [(Some(&self.urls.enrich), to_enrich), (self.urls.late.as_ref(), to_late)]
        {
            let sent = match url {
                Some(url) => send_all(&self.queue, url, &sending.messages, SENDS).await,
                None => vec![Err(no_late_queue()); sending.messages.len()],
            };
            for (place, sent) in sending.places.into_iter().zip(sent) {
                if let Err(failure) = sent {
                    results[place] = Err(failure);
                }
            }
        }
        self.count_sent(datasets, &results);
        results
    }

    fn count_sent(&self, datasets: Vec<String>, results: &[Result<EventCounts, Failure>]) {
        let mut sent: BTreeMap<String, EventCounts> = BTreeMap::new();
        for (dataset, result) in datasets.into_iter().zip(results) {
            if let Ok(counts) = result {
                *sent.entry(dataset).or_default() += *counts;
            }
        }
        for (dataset, counts) in &sent {
            count_done(&self.metrics, STAGE, dataset, counts);
        }
    }

    /// Waits until so many bytes may be sent. The room is never closed, so that there is a permit.
    async fn room_for(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes / 1024).unwrap_or(SENDING_KIB).min(SENDING_KIB);
        self.room.acquire_many(kib).await.ok()
    }

    /// Sends a message to the inbox.
    ///
    /// # Errors
    /// When SQS does not confirm it.
    pub(crate) async fn send_to_inbox(&self, message: Outgoing) -> Result<(), Failure> {
        send_all(&self.queue, &self.urls.inbox, &[message], 1).await.into_iter().collect()
    }

    /// The events as they can be sent, in their order: what is too large for a message is in the archive bucket.
    async fn check_in(&self, events: Vec<Accepted>) -> Vec<Result<Accepted, Failure>> {
        stream::iter(events)
            .map(|event| async move {
                let message = self.claims.check_in(event.message).await?;
                Ok(Accepted { message, ..event })
            })
            .buffered(CHECK_INS)
            .collect()
            .await
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
        let _room = self.room_for(refused.iter().map(RejectedMessage::size).sum()).await;
        let mut counted = Vec::with_capacity(refused.len());
        for RejectedMessage { letter, .. } in &refused {
            let dataset = letter.dataset.clone();
            let contract =
                dataset.map(|dataset| ContractRef { dataset, version: letter.contract_version });
            counted.push((contract, letter.code));
        }
        let sent = self.dead_letters.send(refused).await;
        for ((contract, code), _) in counted.iter().zip(&sent).filter(|(_, sent)| sent.is_ok()) {
            count_dead_letter(&self.metrics, STAGE, contract.as_ref(), *code);
        }
        sent.into_iter().collect()
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
        self.depth.check(&self.queue, &self.urls.enrich, contract.backlog, now).await
    }
}

fn no_late_queue() -> Failure {
    let reason = "the contract diverts events by their time, and the environment variable LATE_QUEUE_URL is not set; \
                  expected the URL of a queue";
    Failure::transient(Code::ContractBroken, reason)
}

/// The dead letter of a line of a file, or of a record of a stream. `form` says whether `bytes` are the line itself, or
/// only where it is: a redrive reads the former again and leaves the latter as it is.
pub(crate) fn dead_letter(
    bytes: &[u8],
    form: Form,
    held_to: Option<ContractRef>,
    origin: &Origin,
    failure: &Failure,
    now: Timestamp,
) -> RejectedMessage {
    let (encoding, body) = Encoding::of(bytes);
    let attributes = origin.attributes(held_to.as_ref().map(|it| it.dataset.as_str()));
    let mut letter = DeadLetter::new("ingest", failure, now, &origin.id).held_to(held_to);
    letter.taken_in_at = Some(origin.taken_in);
    let trace = TraceParent::of_event(&origin.source, &origin.id);
    letter.traceparent = Some(trace.as_str().to_owned());
    letter.encoding = encoding;
    letter.form = form;
    RejectedMessage { body, attributes, letter, group: None, id: origin.id.clone() }
}
