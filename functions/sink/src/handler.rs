//! The stage: an envelope becomes a write for each table sink of its dataset, and a batch of them is
//! written once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws::TableEffect;
use contracts::Catalog;
use dedupe::transactional::{Write, write_once_with};
use dedupe::{Limits, Outcome, Recent, RecordId, Store};
use event::{Code, Envelope, Failure, Fingerprint};
use runtime::{Deadline, Done, Record, Stage, joined, settled};

use crate::tables::{Destination, Tables, TablesError};
use crate::write::Event;

/// Writes to the tables of a dataset's sinks.
pub(crate) struct TableSink<S> {
    contracts: Catalog,
    destinations: BTreeMap<String, Vec<Destination>>,
    store: S,
    /// What this environment wrote, from one invocation to the next.
    recent: Mutex<Recent>,
}

/// Half a megabyte: what came within the last minute or so is where duplicates are.
const RECENT_KEYS: usize = 2_000;

impl<S> TableSink<S> {
    pub(crate) fn new(contracts: Catalog, tables: &Tables, store: S) -> Result<Self, TablesError> {
        let destinations = tables.destinations(&contracts)?;
        let recent = Mutex::new(Recent::new(RECENT_KEYS));
        Ok(Self { contracts, destinations, store, recent })
    }
}

impl<S: Store<Effect = TableEffect>> Stage for TableSink<S> {
    const NAME: &'static str = "sink";

    /// One for each sink: what cannot be written to one table can be to another.
    type Prepared = Vec<Result<Write<TableEffect>, Failure>>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Self::Prepared, Failure> {
        let envelope = Envelope::from_json(&record.body)?;
        let contract = self.contracts.get(&envelope.dataset)?;
        let destinations = self.destinations.get(&envelope.dataset).filter(|all| !all.is_empty());
        let destinations = destinations.ok_or_else(|| {
            let reason = format!("`{}` has no sink of kind table", contract.dataset);
            Failure::permanent(Code::ContractViolation, reason)
        })?;
        let payload = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        let event = Event {
            envelope: &envelope,
            payload,
            now: deadline.now(),
            retention_days: contract.retention_days,
        };
        Ok(destinations.iter().map(|to| event.write(to)).collect())
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let mut writes = Vec::new();
        let mut events = Vec::with_capacity(prepared.len());
        for sinks in prepared {
            let mut delivered = Vec::with_capacity(sinks.len());
            for sink in sinks {
                let key = sink.as_ref().map(|write| (write.id.clone(), write.fingerprint.clone()));
                delivered.push(key.map_err(Clone::clone));
                writes.extend(sink);
            }
            events.push(delivered);
        }
        let now = deadline.now();
        let limits = Limits::DYNAMODB;
        let outcomes = write_once_with(&self.recent, &self.store, writes, limits, now).await;
        let mut outcomes = outcomes.into_iter();
        let settle = |delivered: Vec<Result<Delivered, Failure>>| {
            let of_sink = |sink: Result<Delivered, Failure>| {
                let (id, fingerprint) = sink?;
                settled(outcomes.next().unwrap_or_else(unknown), &id, &fingerprint)
            };
            joined(delivered.into_iter().map(of_sink).collect())
        };
        events.into_iter().map(settle).collect()
    }
}

type Delivered = (RecordId, Fingerprint);

fn unknown() -> Outcome {
    Err(Failure::transient(Code::DependencyUnavailable, "a write without an outcome"))
}

#[cfg(test)]
mod tests;
