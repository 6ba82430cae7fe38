//! Whether each sink of an event that was sent has the event.
//!
//! A sink that has written an event has left a dedupe record of it, or a row that is its own dedupe record. A record
//! with another payload under the event's key, or one that is only claimed, is no evidence. A custom sink may keep its
//! records anywhere and cannot be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use contracts::{Catalog, Contract, RowVersion, Sink, SinkKind, TableMode, Target};
use event::{Attributes, Failure, Fingerprint, IdempotencyKey, Timestamp};
use serde_json::Value;

use crate::fix::{ENRICH, INGEST};
use crate::message_event::MessageEvent;

/// An event that was sent to a stage, and the evidence of it that exists once all of its sinks have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// The fingerprint of its payload.
    pub fingerprint: Fingerprint,
    /// The places of the evidence, one for each sink that can be seen.
    pub proofs: Vec<Proof>,
    /// Whether it also goes to a sink that cannot be seen.
    pub has_unseen: bool,
}

/// The place of the evidence that one sink has an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// A completed record in the dedupe table.
    Record {
        /// The name of the sink.
        sink: String,
        /// The key of the event.
        key: IdempotencyKey,
    },
    /// A row in the sink's table.
    Row {
        /// The name of the sink.
        sink: String,
        /// The partition key of the row.
        pk: String,
    },
}

/// What is found in the place of a [`Proof`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundProof {
    /// The fingerprint of the event that is stored there.
    pub fingerprint: Fingerprint,
    /// Whether the key is only claimed: somebody is writing the event, or has crashed while doing so.
    pub is_in_progress: bool,
    /// From this time on it counts as absent, whether it has been deleted or not; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
}

/// A row that keeps the newest of its events, in a table of mode upsert, delete or merge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionedRow {
    /// The name of the sink.
    pub sink: String,
    /// The partition key of the row.
    pub pk: String,
    /// The attributes that have versions of their own, in a merged row; empty for other rows.
    pub attributes: Vec<String>,
}

/// How new a row is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRow {
    /// The version of the newest event in the row; `None` if the row has none.
    pub version: Option<RowVersion>,
    /// The version of each attribute's newest event, in the form of [`RowVersion::sortable`].
    pub attributes: BTreeMap<String, String>,
}

/// What is in a place that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The place cannot be seen from here, because the sink's table is not known.
    Unseen,
    /// Nothing is there.
    Nothing,
    /// This is there.
    There(T),
}

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Each sink that it goes to has it.
    Everywhere,
    /// One of its sinks does not have it.
    Missing,
    /// All sinks that can be seen have it, but not all can be seen.
    NotKnown,
}

/// The tables that the evidence is in.
pub trait Evidence: Send + Sync {
    /// What is in the place of each proof, in their order. The reads are consistent.
    fn find(
        &self,
        proofs: &[Proof],
    ) -> impl Future<Output = Result<Vec<Found<FoundProof>>, Failure>> + Send;

    /// How new each row is, in their order. The reads are consistent.
    fn find_rows(
        &self,
        rows: &[VersionedRow],
    ) -> impl Future<Output = Result<Vec<Found<FoundRow>>, Failure>> + Send;

    /// Where each event is, in their order, by what is found in the places of its proofs.
    fn look(
        &self,
        events: &[SentEvent],
    ) -> impl Future<Output = Result<Vec<Seen>, Failure>> + Send {
        async move {
            let distinct: BTreeSet<&Proof> =
                events.iter().flat_map(|event| &event.proofs).collect();
            let proofs: Vec<Proof> = distinct.into_iter().cloned().collect();
            let answers = self.find(&proofs).await?;
            let found: BTreeMap<&Proof, Found<FoundProof>> = proofs.iter().zip(answers).collect();
            Ok(events.iter().map(|event| event.judge_by(&found)).collect())
        }
    }
}

impl SentEvent {
    /// The event of a message that was sent to a stage. `None` if the message is not one event of a known dataset that
    /// its contract accepts, such as an announcement of files or a row of a CSV file.
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

    /// Whether a statement that holds for all evidence of the other event also holds for all evidence of this one.
    #[must_use]
    pub fn is_covered_by(&self, other: &Self) -> bool {
        self.proofs.iter().all(|proof| other.proofs.contains(proof))
            && (other.has_unseen || !self.has_unseen)
    }

    /// Where the event is. `find` returns what is in the place of a proof, or `None` if nothing is there.
    pub fn judge<'a>(&self, find: impl Fn(&Proof) -> Option<&'a FoundProof>) -> Seen {
        for proof in &self.proofs {
            let found = find(proof).filter(|found| !found.is_in_progress);
            if found.is_none_or(|found| found.fingerprint != self.fingerprint) {
                return Seen::Missing;
            }
        }
        if self.has_unseen { Seen::NotKnown } else { Seen::Everywhere }
    }
}

/// Whether a message that is sent to this stage goes to this sink.
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

/// The evidence that the sink leaves; `None` if it cannot be seen. The key of a row may depend on an enricher's answer,
/// which is not known before.
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
