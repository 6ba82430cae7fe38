//! Moving dead letters: received, sent to where they failed, then deleted. A copy that is sent twice
//! is absorbed by the sink; a message is never between two places.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use event::{
    Attributes, Code, ContractRef, DeadLetter, FAILURE_ATTRIBUTE, Failure, attributes_size,
};
use lambda_runtime::Diagnostic;
use runtime::{Deadline, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue, Record, Senders};
use serde::{Deserialize, Serialize};

use crate::config::Route;

/// `{"stage": "sink", "limit": 100}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Whose dead letters: `ingest`, `enrich`, `sink`, `lake`, `deliver` or a sink of one's own.
    pub(crate) stage: String,
    /// Messages at most, 1 to 100,000.
    #[serde(default = "default_limit")]
    pub(crate) limit: u64,
}

fn default_limit() -> u64 {
    1_000
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) stage: String,
    /// Sent back and deleted from the dead-letter queue.
    pub(crate) moved: u64,
    /// Still in the dead-letter queue: not sent, or sent and not deleted.
    pub(crate) failed: u64,
    /// Failed again after they were moved, and left where they are.
    pub(crate) came_back: u64,
    /// Whether the queue had no more to give, and nothing is hidden in it from this run; if not, invoke
    /// again.
    pub(crate) drained: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedriveError {
    #[error("no stage `{stage}`; there are: {known}")]
    UnknownStage { stage: String, known: String },
    #[error("limit is {limit}; expected 1 to {MAX_LIMIT}")]
    Limit { limit: u64 },
    #[error("the dead-letter queue of `{stage}` could not be read: {reason}")]
    Unreadable { stage: String, reason: String },
}

/// As Lambda answers it to whoever invoked.
impl From<RedriveError> for Diagnostic {
    fn from(error: RedriveError) -> Self {
        let kind = match &error {
            RedriveError::UnknownStage { .. } => "Redrive.UnknownStage",
            RedriveError::Limit { .. } => "Redrive.Limit",
            RedriveError::Unreadable { .. } => "Redrive.Unreadable",
        };
        Self { error_type: kind.to_owned(), error_message: error.to_string() }
    }
}

const MAX_LIMIT: u64 = 100_000;

/// A long poll of a second asks all of SQS's servers, so that empty means empty:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>.
const WAIT: Duration = Duration::from_secs(1);

/// While a message is being moved, nobody else sees it.
const HIDDEN: Duration = Duration::from_secs(60);

/// What must be left of the invocation to take ten more.
const RESERVE: Duration = Duration::from_secs(5);

/// What is done with a dead-letter queue besides sending and hiding.
pub(crate) trait Letters: Queue {
    async fn take(&self, url: &str) -> Result<Vec<Record>, String>;
    async fn delete(&self, url: &str, receipts: &[String]) -> Vec<bool>;
    /// How many messages nobody can receive now.
    async fn hidden(&self, url: &str) -> Result<u64, String>;
}

impl Letters for aws::Queues {
    async fn take(&self, url: &str) -> Result<Vec<Record>, String> {
        self.receive(url, WAIT, HIDDEN).await.map_err(|failure| failure.to_string())
    }

    async fn delete(&self, url: &str, receipts: &[String]) -> Vec<bool> {
        self.delete_batch(url, receipts).await
    }

    async fn hidden(&self, url: &str) -> Result<u64, String> {
        self.hidden_messages(url).await.map_err(|failure| failure.to_string())
    }
}

pub(crate) struct Redrive<Q> {
    routes: BTreeMap<String, Route>,
    trusted_senders: Senders,
    queues: Q,
}

/// What one run knows of the letters that it has seen.
#[derive(Default)]
struct Seen {
    /// By origin, how often it had been redriven when it was moved.
    moved: HashMap<String, u32>,
    /// The receipts of what was received and is still in the dead-letter queue.
    kept: Vec<String>,
}

impl<Q: Letters> Redrive<Q> {
    pub(crate) fn new(
        routes: BTreeMap<String, Route>,
        trusted_senders: Senders,
        queues: Q,
    ) -> Self {
        Self { routes, trusted_senders, queues }
    }

    /// Moves until the limit, the end of the queue, or the end of the invocation's time.
    ///
    /// # Errors
    /// Before anything was moved.
    pub(crate) async fn run(
        &self,
        request: Request,
        deadline: &Deadline,
    ) -> Result<Report, RedriveError> {
        let Request { stage, limit } = request;
        let Some(route) = self.routes.get(&stage) else {
            let known = self.routes.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(RedriveError::UnknownStage { stage, known });
        };
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(RedriveError::Limit { limit });
        }
        let mut report = Report { stage, moved: 0, failed: 0, came_back: 0, drained: false };
        let mut seen = Seen::default();
        let is_empty = self.move_all(route, limit, deadline, &mut report, &mut seen).await?;
        self.release(route, &seen.kept).await;
        // Only now: what this run has kept is not hidden any more.
        report.drained = is_empty && self.hides_nothing(route, &report.stage).await;
        tracing::info!(
            stage = report.stage,
            redrive.moved = report.moved,
            redrive.failed = report.failed,
            redrive.came_back = report.came_back,
            redrive.drained = report.drained,
            "redrive done"
        );
        Ok(report)
    }

    /// Whether the queue gave no more.
    async fn move_all(
        &self,
        route: &Route,
        limit: u64,
        deadline: &Deadline,
        report: &mut Report,
        seen: &mut Seen,
    ) -> Result<bool, RedriveError> {
        while report.moved + report.failed < limit && deadline.remaining() > RESERVE {
            let mut records = match self.queues.take(&route.dlq).await {
                Ok(records) => records,
                Err(reason) if report.moved + report.failed == 0 && seen.kept.is_empty() => {
                    return Err(RedriveError::Unreadable { stage: report.stage.clone(), reason });
                }
                Err(reason) => {
                    tracing::warn!(stage = report.stage, failure.reason = reason, "not read on");
                    return Ok(false);
                }
            };
            if records.is_empty() {
                return Ok(true);
            }
            for record in &mut records {
                record.is_strangers = self.is_strangers(record);
                record.unpark();
            }
            // What fails again at once is in the queue again: it is not to go round until the limit.
            let (back, mut records): (Vec<Record>, Vec<Record>) =
                records.into_iter().partition(|record| has_come_back(record, &mut seen.moved));
            report.came_back += back.len() as u64;
            seen.kept.extend(back.into_iter().map(|record| record.receipt_handle));
            let left = usize::try_from(limit - report.moved - report.failed).unwrap_or(usize::MAX);
            let beyond = records.split_off(left.min(records.len()));
            seen.kept.extend(beyond.into_iter().map(|record| record.receipt_handle));
            if records.is_empty() {
                return Ok(false);
            }
            let moved_before = report.moved;
            seen.kept.extend(self.move_back(route, records, report).await);
            if report.moved == moved_before {
                // Neither will the rest be taken now.
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Whether what a letter says of its failure may be a stranger's word: SQS moved it as it came. What
    /// a function wrote into the dead-letter queue is the function's, since nobody else may send there.
    fn is_strangers(&self, record: &Record) -> bool {
        record.moved_from.is_some() && !self.trusted_senders.include(record)
    }

    /// Returns the receipts of what is still in the dead-letter queue.
    async fn move_back(
        &self,
        route: &Route,
        records: Vec<Record>,
        report: &mut Report,
    ) -> Vec<String> {
        let mut receipts = Vec::with_capacity(records.len());
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            receipts.push(record.receipt_handle.clone());
            messages.push(revived(record, &report.stage, &route.queue));
        }
        let sent = runtime::send_all(&self.queues, &route.queue, &messages, 1).await;
        if let Some(failure) = sent.iter().find_map(|sent| sent.as_ref().err()) {
            tracing::warn!(stage = report.stage, failure.reason = %failure.reason, "not moved");
        }
        let (mut delivered, mut kept) = (Vec::new(), Vec::new());
        for (receipt, sent) in receipts.into_iter().zip(&sent) {
            if sent.is_ok() { delivered.push(receipt) } else { kept.push(receipt) }
        }
        if !delivered.is_empty() {
            let gone = self.queues.delete(&route.dlq, &delivered).await;
            report.moved += gone.iter().filter(|gone| **gone).count() as u64;
            let left = delivered.into_iter().zip(gone).filter(|(_, gone)| !gone);
            kept.extend(left.map(|(receipt, _)| receipt));
        }
        report.failed += kept.len() as u64;
        kept
    }

    /// Makes visible again what stays in the dead-letter queue, for the next run and for people. What
    /// fails here comes back when its time is up.
    async fn release(&self, route: &Route, receipts: &[String]) {
        for receipts in receipts.chunks(MAX_BATCH_ENTRIES) {
            let now: Vec<(&str, Duration)> =
                receipts.iter().map(|receipt| (receipt.as_str(), Duration::ZERO)).collect();
            let released = self.queues.hide_batch(&route.dlq, &now).await;
            let hidden = released.iter().filter(|released| !**released).count();
            if hidden > 0 {
                tracing::warn!(redrive.hidden = hidden, "letters stay hidden for a minute");
            }
        }
    }

    /// What another run, or whoever else receives, has hidden is still to be moved.
    async fn hides_nothing(&self, route: &Route, stage: &str) -> bool {
        match self.queues.hidden(&route.dlq).await {
            Ok(hidden) => hidden == 0,
            Err(reason) => {
                tracing::warn!(stage, failure.reason = reason, "not known whether it is drained");
                false
            }
        }
    }
}

/// The message as it goes back: its body as it was, and with it why it was here.
fn revived(record: Record, stage: &str, queue: &str) -> Outgoing {
    let room = MAX_BATCH_BYTES.saturating_sub(record.body.len());
    let attributes = match record.earlier() {
        Some(_) => DeadLetter::revive(record.attributes, room, None),
        None => abandoned(&record, stage, room),
    };
    // A fair queue takes a group too, and no other id.
    let deduplication_id = queue.ends_with(".fifo").then_some(record.message_id);
    let (body, group) = (record.body, record.group);
    Outgoing { body, attributes, group, deduplication_id, delay: None }
}

/// The attributes of a message that SQS moved, with what is known of its life: its stage keeps its id and
/// the time since which it may have had an effect. Where they do not fit, it goes as it is.
fn abandoned(record: &Record, stage: &str, room: usize) -> Attributes {
    let mut attributes = record.attributes.clone();
    attributes.remove(FAILURE_ATTRIBUTE);
    let Some(sent_at) = record.sent_at else { return attributes };
    let reason = "SQS moved it: each receive ended without an answer, by a crash or a time-out";
    let failure = Failure::permanent(Code::RecordAbandoned, reason);
    let mut letter =
        DeadLetter::new(stage, &failure, sent_at, &record.message_id).held_to(contract_of(record));
    letter.taken_in_at = Some(sent_at);
    letter.attempts = record.receive_count;
    letter.redrives = 1;
    if let Some(parked) = &record.parked {
        letter.first_failed_at = parked.first_failed_at;
        letter.parks = parked.parks;
        letter.unavailable_since = parked.unavailable_since;
    }
    let with_letter = letter.write_within(attributes.clone(), room);
    if attributes_size(&with_letter) <= room { with_letter } else { attributes }
}

/// The contract of what SQS moved, as far as it says: a message in the inbox names its dataset, and an envelope
/// its contract.
fn contract_of(record: &Record) -> Option<ContractRef> {
    match record.attribute("dataset") {
        Some(dataset) => Some(ContractRef::of_dataset(dataset)),
        None => ContractRef::of_envelope(&record.body),
    }
}

/// Whether it was moved before in this run, which `moved` tells: how often what has the same origin had
/// been redriven then. Copies of one message have one origin, and are moved each; what comes back has
/// been redriven once more.
fn has_come_back(record: &Record, moved: &mut HashMap<String, u32>) -> bool {
    let letter = record.earlier();
    let redrives = letter.as_ref().map_or(0, |letter| letter.redrives);
    // What stays the same when a message fails again: the id that it had when it first did.
    let origin = letter.map_or_else(|| record.message_id.clone(), |letter| letter.message_id);
    let fewest = moved.entry(origin).or_insert(redrives);
    let is_back = redrives > *fewest;
    *fewest = redrives.min(*fewest);
    is_back
}

#[cfg(test)]
mod tests;
