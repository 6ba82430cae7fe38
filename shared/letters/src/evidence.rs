//! What became of an event that was sent on: whether each of its sinks has it.
//!
//! A sink that has written an event has left a dedupe record of it, or a row that is its own dedupe record. What holds
//! another payload under the event's key, or is only claimed yet, is no evidence. A sink of one's own may keep its records
//! anywhere: it cannot be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use contracts::{Catalog, Contract, RowVersion, Sink, SinkKind, TableMode, Target};
use event::{Attributes, Failure, Fingerprint, IdempotencyKey, Timestamp};
use serde_json::Value;

use crate::fix::{ENRICH, INGEST};
use crate::message_event::MessageEvent;

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
    /// From then on it counts as absent, whether it is there still or not; `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// A row that keeps the newest of its events: of modes upsert, delete and merge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionedRow {
    pub sink: String,
    pub pk: String,
    /// Those of its attributes that have versions of their own, as merged rows have.
    pub attributes: Vec<String>,
}

/// How new a row is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRow {
    /// Of the newest event of all; `None`: it was never given one.
    pub version: Option<RowVersion>,
    /// Of the newest event of each attribute, as [`RowVersion::sortable`].
    pub attributes: BTreeMap<String, String>,
}

/// What is in a place that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The place cannot be seen from here: its sink's table is not known.
    Unseen,
    Nothing,
    There(T),
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
    /// What is in the place of each proof, in their order. What was written before is seen.
    fn find(
        &self,
        proofs: &[Proof],
    ) -> impl Future<Output = Result<Vec<Found<FoundProof>>, Failure>> + Send;

    /// How new each row is, in their order. What was written before is seen.
    fn find_rows(
        &self,
        rows: &[VersionedRow],
    ) -> impl Future<Output = Result<Vec<Found<FoundRow>>, Failure>> + Send;

    /// Where each event is, in their order, by the proofs that are found of it.
    fn look(
        &self,
        events: &[SentEvent],
    ) -> impl Future<Output = Result<Vec<Seen>, Failure>> + Send {
        async move {
            let proofs: BTreeSet<&Proof> = events.iter().flat_map(|event| &event.proofs).collect();
            let proofs: Vec<Proof> = proofs.into_iter().cloned().collect();
            let found = self.find(&proofs).await?;
            let found: BTreeMap<&Proof, Found<FoundProof>> = proofs.iter().zip(found).collect();
            Ok(events.iter().map(|event| event.judge_by(&found)).collect())
        }
    }
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
        let event = MessageEvent::read(stage, body, attributes, contracts).ok()?;
        let MessageEvent { contract, key, fingerprint, payload, .. } = event;
        Some(Self::of_event(stage, &key, fingerprint, &payload, contract))
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

    fn judge_by(&self, found: &BTreeMap<&Proof, Found<FoundProof>>) -> Seen {
        let mut seen = self.clone();
        seen.proofs.retain(|proof| !matches!(found.get(proof), None | Some(Found::Unseen)));
        seen.has_unseen |= seen.proofs.len() < self.proofs.len();
        seen.judge(|proof| match found.get(proof) {
            Some(Found::There(found)) => Some(found),
            Some(Found::Nothing | Found::Unseen) | None => None,
        })
    }

    /// Whether what holds of all that the other leaves in its sinks holds of this one, too.
    #[must_use]
    pub fn is_covered_by(&self, other: &Self) -> bool {
        let is_covered = |proof: &Proof| other.proofs.contains(proof);
        self.proofs.iter().all(is_covered) && (other.has_unseen || !self.has_unseen)
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
pub(crate) fn is_reached(sink: &Sink, stage: &str) -> bool {
    match (stage, sink.kind()) {
        (INGEST | ENRICH, _)
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
