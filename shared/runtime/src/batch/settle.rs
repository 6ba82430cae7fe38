//! Acts on the outcome of each record: sends dead letters and parked copies, and hides the other failed records.
//!
//! A message is sent first, and the received one is acknowledged afterwards. A failure in between leaves two copies
//! of a message, and never none.

use std::collections::BTreeMap;
use std::time::Duration;

use event::{ClaimCheck, Code, ContractRef, Failure, FailureKind, Parked};
use futures_util::future::join_all;
use metrics::Metric;

use super::wait::{Next, Parking, after_failure};
use super::{Batches, Outcome};
use crate::backoff::retry_delay;
use crate::measure::{count_again, count_dead_letter};
use crate::{
    Deadline, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue, Record, RejectedMessage, Stage,
    Tally, send_all,
};

/// How many calls send or hide messages at a time. A batch of thousands of records takes hundreds of calls.
const CALLS: usize = 8;

/// A record that failed, and why.
struct FailedRecord {
    record: Record,
    failure: Failure,
}

/// A record whose copy is to be sent.
struct ToPark {
    failed: FailedRecord,
    parking: Parking,
}

/// A record that stays in its queue, hidden for so long.
struct ToHide {
    failed: FailedRecord,
    wait: Duration,
}

impl<S: Stage, Q: Queue> Batches<S, Q> {
    /// Acts on the outcomes; returns the records that stay in their queue.
    pub(super) async fn settle(
        &self,
        outcomes: Vec<Outcome>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<Record> {
        let (mut dead, mut parks, mut hides) = (Vec::new(), Vec::new(), Vec::new());
        let now = deadline.now();
        for (record, outcome) in outcomes {
            let failure = match outcome {
                Ok(done) => {
                    tally.done += done;
                    continue;
                }
                Err(failure) => failure,
            };
            let next = after_failure(&record, &failure, self.policy.max_receive_count, now);
            let is_unavailable = matches!(failure.kind, FailureKind::Unavailable { .. });
            if is_unavailable && !matches!(next, Next::GiveUp(_)) {
                tally.waiting += 1;
            }
            match next {
                Next::GiveUp(failure) => dead.push(FailedRecord { record, failure }),
                Next::Park(parking) => {
                    parks.push(ToPark { failed: FailedRecord { record, failure }, parking });
                }
                Next::Hide(wait) => {
                    hides.push(ToHide { failed: FailedRecord { record, failure }, wait })
                }
            }
        }
        hides.extend(self.dead_letter(dead, deadline, tally).await);
        hides.extend(self.park(parks, deadline, tally).await);
        self.hide(&hides).await;
        tally.retried += hides.len() as u64;
        let mut returned = Vec::with_capacity(hides.len());
        for ToHide { failed, .. } in hides {
            log_failure("record will be retried", S::NAME, &failed.record, &failed.failure);
            self.count_again(&failed.record, Metric::EventsRetried);
            returned.push(failed.record);
        }
        returned
    }

    /// Sends dead letters. Returns the records whose dead letter could not be sent. They are hidden and not parked: if
    /// sending never works, SQS moves them by their receive count.
    async fn dead_letter(
        &self,
        dead: Vec<FailedRecord>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<ToHide> {
        if dead.is_empty() {
            return Vec::new();
        }
        let now = deadline.now();
        let mut refused = Vec::with_capacity(dead.len());
        let mut contracts = Vec::with_capacity(dead.len());
        for FailedRecord { record, failure } in &dead {
            let contract = self.contract_of(record);
            contracts.push(contract.clone());
            refused.push(RejectedMessage::message(S::NAME, record, contract, failure, now));
        }
        for refused in refused.iter_mut().filter(|refused| !refused.fits()) {
            if let Err(error) = self.stage.store_oversized(refused, deadline).await {
                // The dead letter is not sent, because no message has room for it.
                tracing::warn!(stage = S::NAME, failure.reason = %error, "body not kept elsewhere");
            }
        }
        let sent = self.dead_letters.send(refused).await;
        let mut kept = Vec::new();
        for ((failed, contract), sent) in dead.into_iter().zip(contracts).zip(sent) {
            let FailedRecord { record, failure } = &failed;
            match sent {
                Ok(()) => {
                    tally.add_dead_letter(failure);
                    count_dead_letter(&self.metrics, S::NAME, contract.as_ref(), failure.code);
                    log_failure("record dead-lettered", S::NAME, record, failure);
                }
                Err(error) => {
                    log_failure("dead letter not sent", S::NAME, record, &error);
                    let wait = retry_delay(record.receive_count, &record.message_id);
                    kept.push(ToHide { failed, wait });
                }
            }
        }
        kept
    }

    /// Sends a copy of each record to its own queue. Returns the records whose copy could not be sent.
    async fn park(
        &self,
        parks: Vec<ToPark>,
        deadline: &Deadline,
        tally: &mut Tally,
    ) -> Vec<ToHide> {
        if parks.is_empty() {
            return Vec::new();
        }
        let copies: Vec<Outgoing> = parks.iter().map(|park| copy_of(park, deadline)).collect();
        let sent = send_all(&self.queue, &self.policy.queue_url, &copies, CALLS).await;
        let mut parked = ParkedRecords::default();
        let mut kept = Vec::new();
        let mut first_error = None;
        for (ToPark { failed, parking }, sent) in parks.into_iter().zip(sent) {
            match sent {
                Ok(()) => {
                    tally.parked += 1;
                    parked.add(&failed, parking.delay);
                    self.count_again(&failed.record, Metric::EventsParked);
                    log_parked(S::NAME, &failed, &parking);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                    kept.push(ToHide { failed, wait: parking.delay });
                }
            }
        }
        parked.log(S::NAME);
        if let Some(error) = first_error {
            let unsent = kept.len();
            tracing::warn!(stage = S::NAME, batch.unparked = unsent, failure.reason = %error, "copies not sent");
        }
        kept
    }

    /// The contract of a record's event, as far as it is known.
    fn contract_of(&self, record: &Record) -> Option<ContractRef> {
        let of_claim = record.claim.as_ref().and_then(ClaimCheck::contract);
        of_claim.or_else(|| self.stage.contract_of(record))
    }

    fn count_again(&self, record: &Record, metric: Metric) {
        count_again(&self.metrics, S::NAME, self.contract_of(record).as_ref(), metric);
    }

    async fn hide(&self, hides: &[ToHide]) {
        let mut waits: Vec<(&str, Duration)> = Vec::with_capacity(hides.len());
        for ToHide { failed, wait } in hides {
            waits.push((failed.record.receipt_handle.as_str(), *wait));
        }
        for several in waits.chunks(CALLS * MAX_BATCH_ENTRIES) {
            let mut calls = Vec::with_capacity(CALLS);
            for chunk in several.chunks(MAX_BATCH_ENTRIES) {
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

/// The copy that waits: the message as it was first sent, and what is known of its tries.
fn copy_of(park: &ToPark, deadline: &Deadline) -> Outgoing {
    let ToPark { failed: FailedRecord { record, failure }, parking } = park;
    let mut parked = Parked::new(&record.message_id, record.sent_at, failure, deadline.now())
        .following(record.parked.as_ref());
    parked.sender.clone_from(&record.sender);
    parked.attempts = parking.attempts;
    parked.unavailable_since = parking.unavailable_since;
    parked.not_before = parking.not_before;
    let room = MAX_BATCH_BYTES.saturating_sub(record.body.len());
    Outgoing {
        body: record.body.clone(),
        attributes: parked.write_within(record.trusted_attributes(), room),
        group: record.fair_group.clone(),
        deduplication_id: None,
        delay: Some(parking.delay),
    }
}

/// The parked records of a batch, grouped by the code of their failure. Each group is one log line. In an outage,
/// thousands of events wait for one reason.
#[derive(Default)]
struct ParkedRecords(BTreeMap<Code, SameReason>);

struct SameReason {
    count: u64,
    first: Failure,
    longest_delay: Duration,
}

impl ParkedRecords {
    fn add(&mut self, failed: &FailedRecord, delay: Duration) {
        let same = self.0.entry(failed.failure.code).or_insert_with(|| SameReason {
            count: 0,
            first: failed.failure.clone(),
            longest_delay: Duration::ZERO,
        });
        same.count += 1;
        same.longest_delay = same.longest_delay.max(delay);
    }

    fn log(&self, stage: &str) {
        for SameReason { count, first, longest_delay } in self.0.values() {
            tracing::warn!(
                stage,
                batch.parked = count,
                batch.longest_delay_s = longest_delay.as_secs(),
                failure.code = %first.code,
                failure.kind = first.kind.name(),
                failure.reason = %first.reason,
                "records parked"
            );
        }
    }
}

fn log_parked(stage: &str, failed: &FailedRecord, parking: &Parking) {
    let FailedRecord { record, failure } = failed;
    tracing::debug!(
        stage,
        message.id = record.message_id,
        message.attempts = parking.attempts,
        message.parks = record.parked.as_ref().map_or(1, |parked| parked.parks + 1),
        message.delay_s = parking.delay.as_secs(),
        event.id = record.attribute("eventid"),
        trace.parent = record.attribute("traceparent"),
        failure.code = %failure.code,
        failure.kind = failure.kind.name(),
        failure.at = failure.at.as_deref(),
        failure.reason = %failure.reason,
        "record parked"
    );
}

/// Logs a failed record, without its payload.
fn log_failure(message: &'static str, stage: &str, record: &Record, failure: &Failure) {
    tracing::warn!(
        stage,
        message.id = record.message_id,
        message.receive_count = record.receive_count,
        message.parks = record.parked.as_ref().map(|parked| parked.parks),
        event.id = record.attribute("eventid"),
        trace.parent = record.attribute("traceparent"),
        failure.code = %failure.code,
        failure.kind = failure.kind.name(),
        failure.at = failure.at.as_deref(),
        failure.reason = %failure.reason,
        "{message}"
    );
}
