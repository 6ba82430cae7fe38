//! Stages that write to sinks. An envelope becomes one write for each of its dataset's sinks that belong
//! to the function, and the writes of a batch are made once.
//!
//! A custom sink implements one of two traits: [`TransactionalSink`] if its effects can share a transaction
//! with their dedupe records, or else [`LeasedSink`]. [`TransactionalStage`] and [`LeasedStage`] make a
//! [`Stage`](crate::Stage) of it.

mod leased;
mod measures;
mod transactional;
mod verdict;

use std::time::Duration;

use contracts::{Catalog, Contract, SinkKind, is_still_remembered};
use dedupe::{Lease, Limits, Outcome, RecordId};
use event::{Code, Envelope, Failure, FailureKind, Fingerprint, Timestamp, json_problem};
use serde_json::Value;

pub use self::leased::{DeliveryContext, LeasedSink, LeasedStage};
pub use self::measures::{MeasuredEvent, SinkMeasures};
pub use self::transactional::{SizedEffect, TransactionalSink, TransactionalStage};
use self::verdict::{counts_of, verdict_of};
use crate::{Deadline, EventCounts, Record};

/// An event that is to be written to a function's sinks.
pub struct Event<'a> {
    /// The envelope as it was received.
    pub envelope: Envelope,
    /// The contract of its dataset.
    pub contract: &'a Contract,
    /// The data of the envelope, parsed.
    pub payload: Value,
    /// When its record was prepared.
    pub now: Timestamp,
    /// Until when its key is remembered.
    pub expires_at: Timestamp,
}

impl Event<'_> {
    /// The id under which the event takes effect once in a sink.
    #[must_use]
    pub fn id(&self, sink: &contracts::Sink) -> RecordId {
        RecordId { sink: sink.name.clone(), key: self.envelope.idempotencykey.clone() }
    }
}

/// An event that may still be written.
pub struct Accepted<'a> {
    /// The envelope as it was received.
    pub envelope: Envelope,
    /// The contract of its dataset.
    pub contract: &'a Contract,
    /// Until when its key is remembered once it is written.
    pub expires_at: Timestamp,
}

/// Checks that the keys of an event are still remembered.
///
/// A dead letter lives for 14 days, and a redrive makes a new one of an event that fails again. So an event
/// may be of any age. None of its keys was written before it was taken in, and so none is forgotten
/// earlier than this check allows. A redrive extends the time for which they are remembered, and passes it
/// on as `extended_to`.
///
/// # Errors
/// [`Code::Forgotten`], permanent, if a key may be forgotten.
fn check_remembered(
    taken_in: Timestamp,
    extended_to: Option<Timestamp>,
    contract: &Contract,
    now: Timestamp,
) -> Result<(), Failure> {
    if is_still_remembered(contract.surely_remembered_until(taken_in, extended_to), now) {
        return Ok(());
    }
    let days = contract.retention_days;
    let reason = format!(
        "taken in at {taken_in}; what became of it is remembered for {days} days, and it could take \
         effect twice"
    );
    Err(Failure::permanent(Code::Forgotten, reason))
}

/// Reads the envelope of a record, looks up its contract, and checks that the event may still be written.
///
/// # Errors
/// Permanent if the record is not an envelope, or if a key of the event may be forgotten
/// ([`Code::Forgotten`]). Transient if there is no contract, see [`retry_during_deployment`].
pub fn accept<'a>(
    contracts: &'a Catalog,
    record: &Record,
    now: Timestamp,
) -> Result<Accepted<'a>, Failure> {
    let envelope = Envelope::from_json(&record.body)?;
    let contract = contracts.get(&envelope.dataset).map_err(retry_during_deployment)?;
    let extended_to = record.redriven().and_then(|redriven| redriven.remembered_until);
    check_remembered(envelope.ingesttime, extended_to, contract, now)?;
    // A copy of the message may be written until then. If the contract has a shorter retention by now, a
    // record that expired earlier would let the copy take effect again.
    let expires_at = contract.surely_remembered_until(now, extended_to);
    Ok(Accepted { envelope, contract, expires_at })
}

/// Makes a failure transient that a newer deployment would not have.
///
/// An earlier stage may know a dataset or a sink that this one does not, while functions are replaced one
/// after another. This function will be replaced too. If it still fails at the last receive, the event
/// becomes a dead letter like any other.
#[must_use]
pub fn retry_during_deployment(failure: Failure) -> Failure {
    Failure { kind: FailureKind::Transient, ..failure }
}

/// Reads the event of a record, and finds the sinks of its dataset that it is written to.
fn read_event<'a>(
    contracts: &'a Catalog,
    stage: &str,
    is_own: impl Fn(&contracts::Sink) -> bool,
    record: &Record,
    now: Timestamp,
) -> Result<(Event<'a>, Vec<&'a contracts::Sink>), Failure> {
    let Accepted { envelope, contract, expires_at } = accept(contracts, record, now)?;
    let own: Vec<&contracts::Sink> = contract.sinks.iter().filter(|sink| is_own(sink)).collect();
    if own.is_empty() {
        let reason = format!("`{}` has no sink that {stage} writes to", contract.dataset);
        let failure = Failure::permanent(Code::ContractViolation, reason);
        return Err(retry_during_deployment(failure));
    }
    let payload = serde_json::from_str(envelope.data.get())
        .map_err(|error| Failure::permanent(Code::DecodeEnvelope, json_problem(&error)))?;
    Ok((Event { envelope, contract, payload, now, expires_at }, own))
}

/// Whether a sink is a custom sink of the function with this name.
fn is_custom(sink: &contracts::Sink, name: &str) -> bool {
    matches!(sink.kind(), SinkKind::Custom(by) if by == name)
}

/// The writes of one event, one for each of its sinks. One sink may refuse what another accepts.
pub struct Prepared<W> {
    /// What is measured when the event is written.
    pub measured: MeasuredEvent,
    /// The writes.
    pub writes: Vec<Result<W, Failure>>,
}

/// The key under which an event is written to a sink, and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKey {
    /// The sink and the event's idempotency key.
    pub id: RecordId,
    /// The fingerprint of the payload.
    pub fingerprint: Fingerprint,
}

/// The writes of each event of a batch, whose outcomes are not known yet.
pub struct PendingEvents(Vec<Prepared<WriteKey>>);

/// Collects the writes of a batch, and which event each belongs to.
pub fn collect_writes<W>(
    prepared: Vec<Prepared<W>>,
    key: impl Fn(&W) -> WriteKey,
) -> (Vec<W>, PendingEvents) {
    let mut writes = Vec::new();
    let mut events = Vec::with_capacity(prepared.len());
    for event in prepared {
        let mut keys = Vec::with_capacity(event.writes.len());
        for write in event.writes {
            keys.push(write.as_ref().map(&key).map_err(Clone::clone));
            writes.extend(write);
        }
        events.push(Prepared { measured: event.measured, writes: keys });
    }
    (writes, PendingEvents(events))
}

impl PendingEvents {
    /// The result of each event, from the outcome of each write, in their order. What was written is measured.
    #[must_use]
    pub fn settle(
        self,
        outcomes: Vec<Outcome>,
        measures: &SinkMeasures<'_>,
    ) -> Vec<Result<EventCounts, Failure>> {
        let mut outcomes = outcomes.into_iter();
        let mut results = Vec::with_capacity(self.0.len());
        for Prepared { measured, writes } in self.0 {
            let mut verdicts = Vec::with_capacity(writes.len());
            for key in writes {
                let key = match key {
                    Ok(key) => key,
                    Err(failure) => {
                        verdicts.push(Err(failure));
                        continue;
                    }
                };
                let outcome = outcomes.next().unwrap_or_else(missing_outcome);
                measures.count_write(&measured, &key.id.sink, &outcome);
                verdicts.push(verdict_of(outcome, &key));
            }
            let counts = counts_of(verdicts);
            if let Ok(counts) = &counts {
                measures.count_event(&measured, counts);
            }
            results.push(counts);
        }
        results
    }
}

fn missing_outcome() -> Outcome {
    Err(Failure::transient(Code::DependencyUnavailable, "a write without an outcome"))
}

/// How many keys an environment remembers. That takes half a megabyte, and covers about the last minute,
/// in which duplicates arrive.
const RECENT_KEYS: usize = 2_000;

/// How often a call is made if its outcome stays unknown. The SDK tries each call three times by itself.
const TRIES: u32 = 3;

/// The longest time that a batch waits for the keys that another invocation has claimed.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The lease of an invocation's claims: it lasts as long as the invocation.
#[must_use]
pub fn lease_for(deadline: &Deadline) -> Lease {
    let (now, left) = (deadline.now(), deadline.remaining());
    Lease {
        ends_at: now.plus(left),
        wait_until: now.plus((left / 10).min(LONGEST_WAIT)),
        limits: Limits::DYNAMODB,
        tries: TRIES,
    }
}
