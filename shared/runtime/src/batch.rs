//! The batch loop: an SQS batch in, `batchItemFailures` out.
//!
//! The one place where a failure's kind becomes an action. Every record ends in one of three ways:
//! done (acknowledged), dead-lettered with its reason (acknowledged after the dead letter was
//! sent), or returned to its queue. What is not acknowledged cannot be lost.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use event::{Code, Failure, FailureKind, Timestamp};
use futures_util::FutureExt;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use crate::{DeadLetters, Deadline, Done, Queue, Record, Refused, Senders, Stage, Tally, backoff};

/// What Lambda is told: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<Failed>,
}

/// One record that stays in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    #[serde(rename = "itemIdentifier")]
    pub message_id: String,
}

/// How records are tried.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The queue that the records come from.
    pub queue_url: String,
    /// The queue's `maxReceiveCount`: a failure on the last receive is a dead letter with its
    /// reason, where SQS's own move would have none.
    pub max_receive_count: u32,
    /// Records prepared at a time.
    pub concurrency: usize,
    /// No record is started with less than this left, and half of it is kept for the answer.
    pub reserve: Duration,
    /// Whose messages may say that they failed before. Not given, all: where only functions may send.
    pub trusted_senders: Option<Senders>,
}

impl Policy {
    /// Ten at a time, two seconds in reserve, every sender believed.
    #[must_use]
    pub fn new(queue_url: String, max_receive_count: u32) -> Self {
        let reserve = Duration::from_secs(2);
        Self { queue_url, max_receive_count, concurrency: 10, reserve, trusted_senders: None }
    }
}

/// A stage, its queue, and what to do with what fails.
pub struct Batches<S, Q> {
    pub stage: S,
    pub queue: Q,
    pub dead_letters: DeadLetters<Q>,
    pub policy: Policy,
}

/// A record, and what became of it.
type Outcome = (Record, Result<Done, Failure>);

impl<S: Stage, Q: Queue> Batches<S, Q> {
    /// Works off a batch; never fails as a whole.
    pub async fn run(&self, mut records: Vec<Record>, deadline: &Deadline) -> BatchResponse {
        if let Some(trusted) = &self.policy.trusted_senders {
            for record in &mut records {
                record.is_strangers = !trusted.include(record);
            }
        }
        let mut tally = Tally { received: records.len(), ..Tally::default() };
        let mut response = BatchResponse::default();
        // A standard queue is one wave; a FIFO queue has one for each place in its groups.
        let mut waves = waves(records);
        while !waves.is_empty() {
            let wave = waves.remove(0);
            let returned = self.run_wave(wave, deadline, &mut tally).await;
            for record in returned {
                if let Some(group) = &record.group {
                    // The group stops at its first failure: what follows is returned untouched.
                    for later in &mut waves {
                        for follower in later.extract_if(.., |r| r.group.as_ref() == Some(group)) {
                            tally.untouched += 1;
                            response.failures.push(Failed { message_id: follower.message_id });
                        }
                    }
                }
                response.failures.push(Failed { message_id: record.message_id });
            }
        }
        tally.failed = response.failures.len();
        tally.log(S::NAME);
        response
    }

    /// Returns the records that stay in their queue.
    async fn run_wave(
        &self,
        records: Vec<Record>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<Record> {
        let attempts: Vec<_> = stream::iter(records)
            .map(|record| async move {
                let remaining = deadline.remaining();
                if remaining < self.policy.reserve {
                    return (record, None);
                }
                // Half of what is left, and half for those after it and for the commit: a record
                // that hangs costs itself alone, and so do several in a row.
                let prepared = self.prepare(&record, deadline, remaining / 2).await;
                (record, Some(prepared))
            })
            .buffered(self.policy.concurrency)
            .collect()
            .await;
        let mut returned = Vec::new();
        let (mut ready, mut prepared, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for (record, attempt) in attempts {
            match attempt {
                None => {
                    tally.untouched += 1;
                    returned.push(record);
                }
                Some(Ok(item)) => {
                    ready.push(record);
                    prepared.push(item);
                }
                Some(Err(failure)) => outcomes.push((record, Err(failure))),
            }
        }
        let committed = self.commit(prepared, deadline).await;
        outcomes.extend(ready.into_iter().zip(committed));
        returned.extend(self.settle(outcomes, deadline, tally).await);
        returned
    }

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
        limit: Duration,
    ) -> Result<S::Prepared, Failure> {
        let attempt = AssertUnwindSafe(self.stage.prepare(record, deadline)).catch_unwind();
        match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(Failure::permanent(
                Code::RecordPanicked,
                "the record's processing panicked; the log of its invocation says where",
            )),
            Err(_elapsed) => {
                let reason = format!("not processed within {} ms", limit.as_millis());
                Err(Failure::transient(Code::RecordTimedOut, reason))
            }
        }
    }

    async fn commit(
        &self,
        prepared: Vec<S::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let count = prepared.len();
        if count == 0 {
            return Vec::new();
        }
        let attempt = AssertUnwindSafe(self.stage.commit(prepared, deadline)).catch_unwind();
        // What is left over is for telling Lambda and the queues what became of the batch.
        let limit = deadline.remaining().saturating_sub(self.policy.reserve / 2);
        let reason = match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(results)) if results.len() == count => return results,
            Ok(Ok(results)) => format!("{} results for {count} records", results.len()),
            Ok(Err(_panic)) => "the batch's commit panicked; the log says where".to_owned(),
            Err(_elapsed) => "the batch's commit did not end in time".to_owned(),
        };
        // What was written is not known: each record is tried again, and the sink knows its key.
        let failure = Failure::transient(Code::RecordTimedOut, reason);
        vec![Err(failure); count]
    }

    /// Acts on the outcomes; returns the records that stay in their queue.
    async fn settle(
        &self,
        outcomes: Vec<Outcome>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<Record> {
        let (mut dead, mut retries) = (Vec::new(), Vec::new());
        for (record, outcome) in outcomes {
            match outcome {
                Ok(done) => tally.add(done),
                Err(failure) if self.is_final(&record, &failure) => dead.push((record, failure)),
                Err(failure) => retries.push((record, failure)),
            }
        }
        retries.extend(self.dead_letter(dead, deadline, tally).await);
        self.hide(&retries, deadline.now()).await;
        tally.retried += retries.len() as u64;
        let mut returned = Vec::with_capacity(retries.len());
        for (record, failure) in retries {
            log_failure("record will be retried", S::NAME, &record, &failure);
            returned.push(record);
        }
        returned
    }

    fn is_final(&self, record: &Record, failure: &Failure) -> bool {
        match failure.kind {
            FailureKind::Permanent => true,
            FailureKind::Transient | FailureKind::Throttled { .. } => {
                record.receive_count >= self.policy.max_receive_count
            }
            FailureKind::Unavailable { .. } => false,
        }
    }

    /// Returns those whose dead letter could not be sent.
    async fn dead_letter(
        &self,
        dead: Vec<(Record, Failure)>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<(Record, Failure)> {
        if dead.is_empty() {
            return Vec::new();
        }
        let now = deadline.now();
        let mut refused: Vec<Refused> =
            dead.iter().map(|(record, why)| Refused::message(S::NAME, record, why, now)).collect();
        for refused in refused.iter_mut().filter(|refused| !refused.fits()) {
            if let Err(error) = self.stage.keep_elsewhere(refused, deadline).await {
                // It is not sent, then: no message could hold it.
                tracing::warn!(stage = S::NAME, failure.reason = %error, "body not kept elsewhere");
            }
        }
        let sent = self.dead_letters.send(refused).await;
        let mut kept = Vec::new();
        for ((record, failure), sent) in dead.into_iter().zip(sent) {
            match sent {
                Ok(()) => {
                    tally.add_dead_letter(&failure);
                    log_failure("record dead-lettered", S::NAME, &record, &failure);
                }
                Err(error) => {
                    log_failure("dead letter not sent", S::NAME, &record, &error);
                    kept.push((record, failure));
                }
            }
        }
        kept
    }

    /// Each waits as long as its failure asks, or by its receive count.
    async fn hide(&self, retries: &[(Record, Failure)], now: Timestamp) {
        let waits: Vec<(&str, Duration)> = retries
            .iter()
            .map(|(record, failure)| (record.receipt_handle.as_str(), wait(record, failure, now)))
            .collect();
        for several in waits.chunks(HIDES * crate::MAX_BATCH_ENTRIES) {
            let mut calls = Vec::with_capacity(HIDES);
            for chunk in several.chunks(crate::MAX_BATCH_ENTRIES) {
                calls.push(self.queue.hide_batch(&self.policy.queue_url, chunk));
            }
            let hidden = join_all(calls).await;
            let failed = hidden.iter().flatten().filter(|hidden| !**hidden).count();
            if failed > 0 {
                tracing::warn!(stage = S::NAME, batch.unhidden = failed, "retries not delayed");
            }
        }
    }
}

/// Calls that hide messages at a time: a batch of thousands takes as many as hundreds.
const HIDES: usize = 8;

/// The longest that a message can be hidden, counted from its receive, is 12 hours:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
const LONGEST_WAIT: Duration = Duration::from_secs(11 * 60 * 60);

fn wait(record: &Record, failure: &Failure, now: Timestamp) -> Duration {
    let usual = backoff(record.receive_count, &record.message_id);
    match failure.kind {
        FailureKind::Throttled { retry_after: Some(asked) } => asked.max(usual).min(LONGEST_WAIT),
        FailureKind::Unavailable { until, .. } => until.since(now).max(usual).min(LONGEST_WAIT),
        FailureKind::Permanent | FailureKind::Transient | FailureKind::Throttled { .. } => usual,
    }
}

/// Splits a batch so that a wave holds at most one record of each FIFO group, in their order.
fn waves(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut waves: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let place = match &record.group {
            None => 0,
            Some(group) => waves
                .iter()
                .rposition(|wave| wave.iter().any(|r| r.group.as_ref() == Some(group)))
                .map_or(0, |last| last + 1),
        };
        match waves.get_mut(place) {
            Some(wave) => wave.push(record),
            None => waves.push(vec![record]),
        }
    }
    waves
}

/// What is known of a failed record, without its payload.
fn log_failure(message: &'static str, stage: &str, record: &Record, failure: &Failure) {
    tracing::warn!(
        stage,
        message.id = record.message_id,
        message.receive_count = record.receive_count,
        event.id = record.attribute("eventid"),
        trace.parent = record.attribute("traceparent"),
        failure.code = %failure.code,
        failure.kind = failure.kind.name(),
        failure.at = failure.at.as_deref(),
        failure.reason = %failure.reason,
        "{message}"
    );
}

#[cfg(test)]
mod tests;
