//! What became of an event that was sent on: whether each of its sinks has it.
//!
//! A sink that has written an event has left a dedupe record of it, or a row that is its own dedupe record. What holds
//! another payload under the event's key, or is only claimed yet, is no evidence. A sink of one's own may keep its records
//! anywhere: it cannot be seen.

use std::future::Future;

use contracts::{Catalog, Contract, Sink, SinkKind, TableMode, Target};
use event::{Attributes, Envelope, Failure, Fingerprint, IdempotencyKey};
use serde_json::Value;

use crate::fix::inbox_event;

/// An event that was sent to a stage, and what there is of it once all sinks that it goes to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    pub fingerprint: Fingerprint,
    pub proofs: Vec<Proof>,
    /// It goes to a sink, too, of which it cannot be known.
    pub has_unseen: bool,
}

/// What a sink that has the event has left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// A completed record in the dedupe table.
    Record { sink: String, key: IdempotencyKey },
    /// A row with this partition key in the sink's table.
    Row { sink: String, pk: String },
}

/// What is found in the place of a [`Proof`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundProof {
    pub fingerprint: Fingerprint,
    /// Somebody is about to write the event, or was.
    pub is_in_progress: bool,
}

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// In each sink that it goes to.
    Everywhere,
    /// One of its sinks does not have it.
    Missing,
    /// Nothing is missing of what can be seen, and that is not all.
    NotKnown,
}

/// Where the evidence is.
pub trait Evidence: Send + Sync {
    /// One answer for each event, in their order. What was written before is seen.
    fn look(&self, events: &[SentEvent])
    -> impl Future<Output = Result<Vec<Seen>, Failure>> + Send;
}

impl SentEvent {
    /// The event of a message that was sent to a stage; `None` where there is no one event, or it cannot be known
    /// which it is: of announcements of files, rows of CSV files, unknown datasets and what its contract refuses.
    #[must_use]
    pub fn of_message(
        stage: &str,
        body: &str,
        attributes: &Attributes,
        contracts: &Catalog,
    ) -> Option<Self> {
        if stage == "ingest" {
            let (dataset, payload) = inbox_event(body, attributes).ok()?;
            let contract = contracts.get(dataset).ok()?;
            let accepted = contract.accept(&payload).ok()?;
            let (key, fingerprint) = (&accepted.key, accepted.fingerprint);
            return Some(Self::of_event(stage, key, fingerprint, &payload.value, contract));
        }
        let envelope = Envelope::from_json(body).ok()?;
        let contract = contracts.get(&envelope.dataset).ok()?;
        let payload: Value = serde_json::from_str(envelope.data.get()).ok()?;
        let (key, fingerprint) = (&envelope.idempotencykey, envelope.fingerprint);
        Some(Self::of_event(stage, key, fingerprint, &payload, contract))
    }

    fn of_event(
        stage: &str,
        key: &IdempotencyKey,
        fingerprint: Fingerprint,
        payload: &Value,
        contract: &Contract,
    ) -> Self {
        let sinks: Vec<&Sink> =
            contract.sinks.iter().filter(|sink| is_reached(sink, stage)).collect();
        let proofs: Vec<Proof> =
            sinks.iter().filter_map(|sink| proof(sink, contract, key, payload)).collect();
        let has_unseen = proofs.len() < sinks.len() || sinks.is_empty();
        Self { fingerprint, proofs, has_unseen }
    }

    /// Where the event is, by what is found; `find` answers `None` where there is nothing.
    pub fn judge<'a>(&self, find: impl Fn(&Proof) -> Option<&'a FoundProof>) -> Seen {
        let is_there = |proof: &Proof| {
            find(proof)
                .is_some_and(|found| !found.is_in_progress && found.fingerprint == self.fingerprint)
        };
        if !self.proofs.iter().all(is_there) {
            return Seen::Missing;
        }
        if self.has_unseen { Seen::NotKnown } else { Seen::Everywhere }
    }
}

/// Whether what is sent to this stage goes to this sink.
fn is_reached(sink: &Sink, stage: &str) -> bool {
    match (stage, sink.kind()) {
        ("ingest" | "enrich", _)
        | ("sink", SinkKind::Table)
        | ("lake", SinkKind::Lake)
        | ("deliver", SinkKind::Http) => true,
        (stage, SinkKind::Custom(by)) => by == stage,
        (_, SinkKind::Table | SinkKind::Lake | SinkKind::Http) => false,
    }
}

/// `None`: it cannot be seen. A row's key may be made of what an enricher adds, which is not known before.
fn proof(sink: &Sink, contract: &Contract, key: &IdempotencyKey, payload: &Value) -> Option<Proof> {
    let name = sink.name.clone();
    match &sink.target {
        Target::Table(table) if table.mode == TableMode::Insert => {
            let pk = table.row_key(&contract.dataset, key, payload, None).ok()?;
            Some(Proof::Row { sink: name, pk })
        }
        Target::Table(_) | Target::Lake(_) | Target::Http(_) => {
            Some(Proof::Record { sink: name, key: key.clone() })
        }
        Target::Custom(_) => None,
    }
}

#[cfg(test)]
mod tests;
