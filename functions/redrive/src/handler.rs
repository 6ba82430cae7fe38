//! Moving dead letters: received, sent to where they failed, then deleted. A copy that is sent twice
//! is absorbed by the sink; a message is never between two places.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use event::DeadLetter;
use lambda_runtime::Diagnostic;
use runtime::{Deadline, Outgoing, Queue, Record};
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
    /// Whether the queue had no more to give; if not, invoke again.
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

/// What is done with a dead-letter queue besides sending.
pub(crate) trait Letters: Queue {
    async fn take(&self, url: &str) -> Result<Vec<Record>, String>;
    async fn delete(&self, url: &str, receipts: &[String]) -> Vec<bool>;
}

impl Letters for aws::Queues {
    async fn take(&self, url: &str) -> Result<Vec<Record>, String> {
        self.receive(url, WAIT, HIDDEN).await.map_err(|failure| failure.to_string())
    }

    async fn delete(&self, url: &str, receipts: &[String]) -> Vec<bool> {
        self.delete_batch(url, receipts).await
    }
}

pub(crate) struct Redrive<Q> {
    routes: BTreeMap<String, Route>,
    queues: Q,
}

impl<Q: Letters> Redrive<Q> {
    pub(crate) fn new(routes: BTreeMap<String, Route>, queues: Q) -> Self {
        Self { routes, queues }
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
        let mut moved = HashMap::new();
        while report.moved + report.failed < limit && deadline.remaining() > RESERVE {
            let mut records = match self.queues.take(&route.dlq).await {
                Ok(records) => records,
                Err(reason) if report.moved + report.failed == 0 => {
                    return Err(RedriveError::Unreadable { stage: report.stage, reason });
                }
                Err(reason) => {
                    tracing::warn!(stage = report.stage, failure.reason = reason, "not read on");
                    break;
                }
            };
            if records.is_empty() {
                report.drained = true;
                break;
            }
            // What fails again at once is in the queue again: it is not to go round until the limit.
            let taken = records.len();
            records.retain(|record| !has_come_back(record, &mut moved));
            report.came_back += (taken - records.len()) as u64;
            if records.is_empty() {
                break;
            }
            let left = usize::try_from(limit - report.moved - report.failed).unwrap_or(usize::MAX);
            // What is beyond the limit comes back by itself when its time is up.
            records.truncate(left);
            self.move_back(route, records, &mut report).await;
        }
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

    async fn move_back(&self, route: &Route, records: Vec<Record>, report: &mut Report) {
        let mut receipts = Vec::with_capacity(records.len());
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            receipts.push(record.receipt_handle);
            messages.push(Outgoing {
                body: record.body,
                attributes: DeadLetter::revive(record.attributes),
                fifo: record.group.map(|group| (group, record.message_id)),
            });
        }
        let sent = runtime::send_all(&self.queues, &route.queue, &messages, 1).await;
        let delivered: Vec<String> = receipts
            .into_iter()
            .zip(&sent)
            .filter_map(|(receipt, sent)| sent.is_ok().then_some(receipt))
            .collect();
        if let Some(failure) = sent.iter().find_map(|sent| sent.as_ref().err()) {
            tracing::warn!(stage = report.stage, failure.reason = %failure.reason, "not moved");
        }
        report.failed += (sent.len() - delivered.len()) as u64;
        if !delivered.is_empty() {
            let gone = self.queues.delete(&route.dlq, &delivered).await;
            let moved = gone.iter().filter(|gone| **gone).count() as u64;
            report.moved += moved;
            report.failed += gone.len() as u64 - moved;
        }
    }
}

/// Whether it was moved before in this run, which `moved` tells: how often what has the same origin had
/// been redriven then. Copies of one message have one origin, and are moved each; what comes back has
/// been redriven once more.
fn has_come_back(record: &Record, moved: &mut HashMap<String, u32>) -> bool {
    let letter = DeadLetter::read(&record.attributes);
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
