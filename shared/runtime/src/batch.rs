//! The batch loop: it takes an SQS batch and answers with `batchItemFailures`.
//!
//! This is the only place where the kind of a failure becomes an action: [`wait`] decides and [`settle`] acts. Each
//! record ends in one of four ways. It is done (acknowledged), dead-lettered with its reason (acknowledged after the
//! dead letter was sent), parked (acknowledged after its copy was sent), or returned to its queue. A record that is not
//! acknowledged cannot be lost.

mod settle;
mod wait;
mod waves;

use std::borrow::Cow;
use std::time::Duration;

use breaker::polling::BatchSummary;
use event::{Code, Failure, FailureKind, MAX_LONGEST_WAIT, Timestamp};
use futures_util::stream::{self, StreamExt};
use metrics::Recorder;
use serde::Serialize;

use self::waves::waves;
use crate::claims::with_body;
use crate::panics::catch_panic;
use crate::{
    CancelledRedrives, Claims, DeadLetterQueue, Deadline, EventCounts, Queue, Record, Stage, Tally,
    TrustedSenders,
};

/// The answer to Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// The records that Lambda is to leave in their queue. It deletes all others.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchItemFailure>,
}

/// One record that stays in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchItemFailure {
    /// The message id under which Lambda received the record. For a parked copy it is the id of the copy.
    #[serde(rename = "itemIdentifier")]
    pub message_id: String,
}

impl BatchItemFailure {
    fn of(record: &Record) -> Self {
        Self { message_id: record.received_id().to_owned() }
    }
}

/// The limits and rules for the records of a batch.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The queue that the records come from. A record that waits for more than a minute is sent there again with a
    /// delay. Lambda takes that for a loop, so that the function needs `RecursiveLoop: Allow`.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
    pub queue_url: String,
    /// How often a record is tried, over all of its copies. A failure of the last attempt becomes a dead letter with its
    /// reason. It is the queue's `maxReceiveCount`: SQS itself moves a record that ends each of its receives without an
    /// answer, and gives no reason.
    pub max_receive_count: u32,
    /// How many records are prepared at a time.
    pub concurrency: usize,
    /// No record is started with less time than this left. Half of it is kept for the answer.
    pub reserve: Duration,
    /// The senders whose messages may carry an earlier failure. `None` trusts all senders, for a queue to which only
    /// functions may send.
    pub trusted_senders: Option<TrustedSenders>,
    /// Knows which runs of redrive were cancelled. With `None`, the messages of such a run are processed like all
    /// others.
    pub cancelled_redrives: Option<CancelledRedrives>,
    /// Fetches the events that are too large for a message. With `None`, their records are tried again until they
    /// become dead letters.
    pub claims: Option<Claims>,
}

impl Policy {
    /// Ten records at a time, two seconds in reserve, and all senders trusted.
    #[must_use]
    pub fn new(queue_url: String, max_receive_count: u32) -> Self {
        Self {
            queue_url,
            max_receive_count,
            concurrency: 10,
            reserve: Duration::from_secs(2),
            trusted_senders: None,
            cancelled_redrives: None,
            claims: None,
        }
    }
}

/// A stage, its queue, and what happens to records that fail.
pub struct Batches<S, Q> {
    /// What is done to each record.
    pub stage: S,
    /// Sends parked copies, and hides records in their queue.
    pub queue: Q,
    /// Where records go that are given up.
    pub dead_letters: DeadLetterQueue<Q>,
    /// The limits and rules for the records.
    pub policy: Policy,
    /// Counts the records that fail. The stage counts what it is done with.
    pub metrics: Recorder,
}

/// A record, and what became of it.
type Outcome = (Record, Result<EventCounts, Failure>);

impl<S: Stage, Q: Queue> Batches<S, Q> {
    /// Processes a batch. It never fails as a whole.
    pub async fn run(&self, mut records: Vec<Record>, deadline: &Deadline) -> BatchResponse {
        for record in &mut records {
            match &self.policy.trusted_senders {
                Some(trusted) => record.is_from_untrusted = !trusted.include(record),
                // Only functions send to the queue. Its copies and letters need not say which of them did.
                None => record.sender = None,
            }
            record.unpark();
        }
        let mut tally = Tally { received: records.len(), ..Tally::default() };
        let mut response = BatchResponse::default();
        // The records of a standard queue are one wave, unless there are too many large events among them. Those of a
        // FIFO queue are one wave for each position in a group.
        let mut waves = waves(records);
        while !waves.is_empty() {
            let wave = waves.remove(0);
            let returned = self.run_wave(wave, deadline, &mut tally).await;
            for record in returned {
                if let Some(group) = &record.group {
                    // The group stops at its first failure. The records after it are returned untouched.
                    for later in &mut waves {
                        for follower in later.extract_if(.., |r| r.group.as_ref() == Some(group)) {
                            tally.untouched += 1;
                            response.failures.push(BatchItemFailure::of(&follower));
                        }
                    }
                }
                response.failures.push(BatchItemFailure::of(&record));
            }
        }
        tally.failed = response.failures.len();
        tally.log(S::NAME);
        let summary = BatchSummary { records: tally.received, waiting: tally.waiting };
        self.end_invocation(&summary, deadline).await;
        response
    }

    /// Runs the stage's end of the invocation. The batch is decided by now, and an error here does not change it.
    async fn end_invocation(&self, summary: &BatchSummary, deadline: &Deadline) {
        let ending = catch_panic(self.stage.end_invocation(summary));
        let limit = deadline.remaining().saturating_sub(self.policy.reserve / 4);
        if !matches!(tokio::time::timeout(limit, ending).await, Ok(Ok(()))) {
            tracing::warn!(stage = S::NAME, "the end of the invocation was cut short");
        }
    }

    /// Returns the records that stay in their queue.
    async fn run_wave(
        &self,
        records: Vec<Record>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<Record> {
        let (due, mut outcomes) = self.take_due(records, deadline).await;
        let (large, small): (Vec<Record>, Vec<Record>) =
            due.into_iter().partition(|record| record.claim.is_some());
        let mut attempts = self.attempt(small, deadline, self.policy.concurrency).await;
        // A large event is in memory as its text and, much larger, as its values. So there is one at a time.
        attempts.extend(self.attempt(large, deadline, 1).await);
        let mut returned = Vec::new();
        let (mut ready, mut prepared) = (Vec::new(), Vec::new());
        for (record, attempt) in attempts {
            match attempt {
                None if record.claim.is_some() && record.can_be_parked() => {
                    outcomes.push((record, Err(no_time_left(deadline.now()))));
                }
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

    /// Prepares records, `concurrency` at a time. A record that was not started, because too little time is left, has
    /// no result.
    async fn attempt(
        &self,
        records: Vec<Record>,
        deadline: &Deadline,
        concurrency: usize,
    ) -> Vec<(Record, Option<Result<S::Prepared, Failure>>)> {
        stream::iter(records)
            .map(|record| async move {
                if deadline.remaining() < self.policy.reserve {
                    return (record, None);
                }
                // A record that hangs harms only itself, even if several do in a row.
                let limit = deadline.of_record().remaining();
                let prepared = self.prepare(&record, deadline, limit).await;
                (record, Some(prepared))
            })
            .buffered(concurrency)
            .collect()
            .await
    }

    /// The records that are to be tried now, and what becomes of the others.
    async fn take_due(
        &self,
        records: Vec<Record>,
        deadline: &Deadline,
    ) -> (Vec<Record>, Vec<Outcome>) {
        let mut outcomes = Vec::new();
        let mut due = Vec::with_capacity(records.len());
        for record in records {
            match wait::before_due(&record, deadline.now()) {
                None => due.push(record),
                Some(failure) => outcomes.push((record, Err(failure))),
            }
        }
        let Some(cancelled) = &self.policy.cancelled_redrives else { return (due, outcomes) };
        let limit = deadline.remaining() / 4;
        let checked = cancelled.check(&due, deadline.now(), limit).await;
        let mut going_on = Vec::with_capacity(due.len());
        for (record, checked) in due.into_iter().zip(checked) {
            match checked {
                Ok(()) => going_on.push(record),
                Err(failure) => outcomes.push((record, Err(failure))),
            }
        }
        (going_on, outcomes)
    }

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
        limit: Duration,
    ) -> Result<S::Prepared, Failure> {
        let attempt = catch_panic(self.prepare_whole(record, deadline));
        match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(panicked)) => {
                let reason = "the record's processing panicked";
                Err(panicked.locate(Failure::permanent(Code::RecordPanicked, reason)))
            }
            Err(_elapsed) => {
                let reason = format!("not processed within {} ms", limit.as_millis());
                Err(Failure::transient(Code::RecordTimedOut, reason))
            }
        }
    }

    /// Has the stage prepare a record, with the body that a reference stands for.
    async fn prepare_whole(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<S::Prepared, Failure> {
        match &record.claim {
            None => self.stage.prepare(record, deadline).await,
            Some(claim) => {
                let whole = with_body(record, claim, self.policy.claims.as_ref()).await?;
                self.stage.prepare(&whole, deadline).await
            }
        }
    }

    async fn commit(
        &self,
        prepared: Vec<S::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<EventCounts, Failure>> {
        let count = prepared.len();
        if count == 0 {
            return Vec::new();
        }
        let attempt = catch_panic(self.stage.commit(prepared, deadline));
        // The rest of the time is for the answer to Lambda and for the calls to the queues.
        let limit = deadline.remaining().saturating_sub(self.policy.reserve / 2);
        let failure = match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(results)) if results.len() == count => return results,
            Ok(Ok(results)) => {
                unknown_commit(format!("{} results for {count} records", results.len()))
            }
            Ok(Err(panicked)) => panicked.locate(unknown_commit("the batch's commit panicked")),
            Err(_elapsed) => unknown_commit("the batch's commit did not end in time"),
        };
        vec![Err(failure); count]
    }
}

/// How long a large event waits for which an invocation had no time left.
const NEXT_TURN: Duration = Duration::from_secs(30);

/// The failure of a large event that was not tried. A batch can stand for more of them than one invocation can process,
/// however long their queue is. So this is a wait, and not an attempt.
fn no_time_left(now: Timestamp) -> Failure {
    let reason = "the invocation had no time left for this large event, and it waits for its turn";
    let kind =
        FailureKind::Unavailable { until: now.plus(NEXT_TURN), longest_wait: MAX_LONGEST_WAIT };
    Failure { kind, ..Failure::transient(Code::RecordTimedOut, reason) }
}

/// The failure of a commit of which it is not known what it wrote. Each record is tried again, and the sink
/// recognizes its key.
fn unknown_commit(reason: impl Into<Cow<'static, str>>) -> Failure {
    Failure::transient(Code::RecordTimedOut, reason)
}

#[cfg(test)]
mod tests;
