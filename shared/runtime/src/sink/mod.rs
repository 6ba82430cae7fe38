//! What every function does that writes to sinks: an envelope becomes something for each of its
//! dataset's sinks that are the function's, and a batch of that is written once.
//!
//! A function of one's own implements one of two traits: [`TransactionalSink`], where dedupe record and
//! effect share a transaction, or [`LeasedSink`], where the effect is somewhere else. [`Transactional`]
//! and [`Leased`] make stages of them.

mod leased;
mod transactional;

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::{Catalog, Contract, SinkKind, is_still_remembered};
use dedupe::{Lease, Limits, Outcome, RecordId};
use event::{Code, Envelope, Failure, FailureKind, Fingerprint, Timestamp, json_problem};
use serde_json::Value;

pub use self::leased::{Leased, LeasedSink};
pub use self::transactional::{Transactional, TransactionalSink};
use crate::verdict::{joined, settled};
use crate::{Deadline, Done, Record};

/// An event on its way into a function's sinks.
pub struct Event<'a> {
    pub envelope: Envelope,
    pub contract: &'a Contract,
    /// What the envelope carries, parsed.
    pub payload: Value,
    pub now: Timestamp,
    /// Until when its key is remembered.
    pub expires_at: Timestamp,
}

impl Event<'_> {
    /// What happens once.
    #[must_use]
    pub fn id(&self, sink: &contracts::Sink) -> RecordId {
        RecordId { sink: sink.name.clone(), key: self.envelope.idempotencykey.clone() }
    }
}

/// An event that may be written now.
pub struct Accepted<'a> {
    pub envelope: Envelope,
    pub contract: &'a Contract,
    /// Until when its key is remembered once it is written.
    pub expires_at: Timestamp,
}

/// A letter lives 14 days, and a redrive makes a new one of what fails again: there is no end to how old
/// an event may be. No key of it is forgotten sooner than this allows, for none was written before it
/// was taken in. A redrive sees to it that they are remembered for longer, and says until when (`extended_to`).
///
/// # Errors
/// [`Code::Forgotten`], permanent, where one may be.
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

/// A record's envelope, of an event that may still be written, and its dataset's contract.
///
/// # Errors
/// Permanent: it is no envelope, or its key may be forgotten ([`Code::Forgotten`]). Transient: it has no
/// contract here, as [`known_later`] says.
pub fn accept<'a>(
    contracts: &'a Catalog,
    record: &Record,
    now: Timestamp,
) -> Result<Accepted<'a>, Failure> {
    let envelope = Envelope::from_json(&record.body)?;
    let contract = contracts.get(&envelope.dataset).map_err(known_later)?;
    let extended_to = record.redriven().and_then(|redriven| redriven.remembered_until);
    check_remembered(envelope.ingesttime, extended_to, contract, now)?;
    // A copy of the message is written until then: a record that is forgotten before, since the contract says less by
    // now, would let it take effect again.
    let expires_at = contract.surely_remembered_until(now, extended_to);
    Ok(Accepted { envelope, contract, expires_at })
}

/// Of what an earlier stage knew and this one does not: it is of a newer deployment, as there is one
/// while functions are replaced one after another. This one will be replaced too; if it still does not
/// know on the last receive, the event is a dead letter like any other.
#[must_use]
pub fn known_later(failure: Failure) -> Failure {
    Failure { kind: FailureKind::Transient, ..failure }
}

/// The sinks of all datasets that are one function's.
struct Own {
    contracts: Catalog,
    /// Their places in their contracts.
    of_dataset: BTreeMap<String, Vec<usize>>,
}

impl Own {
    fn of(contracts: Catalog, is_own: impl Fn(&contracts::Sink) -> bool) -> Self {
        let own = |contract: &Contract| {
            let sinks = contract.sinks.iter().enumerate();
            let own = sinks.filter(|(_, sink)| is_own(sink)).map(|(at, _)| at).collect();
            (contract.dataset.clone(), own)
        };
        let of_dataset = contracts.iter().map(own).collect();
        Self { contracts, of_dataset }
    }

    /// A record's event, with the sinks that it is for.
    fn read(
        &self,
        stage: &str,
        record: &Record,
        now: Timestamp,
    ) -> Result<(Event<'_>, impl Iterator<Item = &contracts::Sink>), Failure> {
        let Accepted { envelope, contract, expires_at } = accept(&self.contracts, record, now)?;
        let own = self.of_dataset.get(&envelope.dataset).filter(|own| !own.is_empty());
        let own = own.ok_or_else(|| {
            let reason = format!("`{}` has no sink that {stage} writes to", contract.dataset);
            known_later(Failure::permanent(Code::ContractViolation, reason))
        })?;
        let payload = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, json_problem(&error)))?;
        let event = Event { envelope, contract, payload, now, expires_at };
        Ok((event, own.iter().map(|&at| &contract.sinks[at])))
    }
}

/// Whether a sink is that of a function of one's own.
fn is_custom(sink: &contracts::Sink, name: &str) -> bool {
    matches!(sink.kind(), SinkKind::Custom(by) if by == name)
}

/// What one event is for each of its sinks. What one sink cannot take, another can.
pub type Prepared<W> = Vec<Result<W, Failure>>;

/// A sink and a key, and the payload that came under it.
pub type Delivered = (RecordId, Fingerprint);

/// What is to be written of a batch, and for each event and sink which, or why it is not.
pub fn to_write<W>(
    prepared: Vec<Prepared<W>>,
    delivered: impl Fn(&W) -> Delivered,
) -> (Vec<W>, Vec<Vec<Result<Delivered, Failure>>>) {
    let mut writes = Vec::new();
    let mut events = Vec::with_capacity(prepared.len());
    for sinks in prepared {
        let mut of_event = Vec::with_capacity(sinks.len());
        for sink in sinks {
            of_event.push(sink.as_ref().map(&delivered).map_err(Clone::clone));
            writes.extend(sink);
        }
        events.push(of_event);
    }
    (writes, events)
}

/// What became of each event, from one outcome for each write.
#[must_use]
pub fn settle_events(
    events: Vec<Vec<Result<Delivered, Failure>>>,
    outcomes: Vec<Outcome>,
) -> Vec<Result<Done, Failure>> {
    let mut outcomes = outcomes.into_iter();
    let unknown =
        || Err(Failure::transient(Code::DependencyUnavailable, "a write without an outcome"));
    let settle = |of_event: Vec<Result<Delivered, Failure>>| {
        let of_sink = |sink: Result<Delivered, Failure>| {
            let (id, fingerprint) = sink?;
            settled(outcomes.next().unwrap_or_else(unknown), &id, &fingerprint)
        };
        joined(of_event.into_iter().map(of_sink).collect())
    };
    events.into_iter().map(settle).collect()
}

/// Half a megabyte: what came within the last minute or so is where duplicates are.
const RECENT_KEYS: usize = 2_000;

/// How often a call is made whose outcome is not known; the SDK has tried each three times.
const TRIES: u32 = 3;

/// The rest of a batch waits no longer than this for the keys that another invocation has claimed.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A claim lasts as long as its invocation.
#[must_use]
pub fn lease(deadline: &Deadline) -> Lease {
    let (now, left) = (deadline.now(), deadline.remaining());
    Lease {
        ends_at: now.plus(left),
        wait_until: now.plus((left / 10).min(LONGEST_WAIT)),
        limits: Limits::DYNAMODB,
        tries: TRIES,
    }
}
