//! The stage: an envelope becomes an item, and a batch of items is written once.

use std::time::Duration;

use aws::{Insert, TableEffect};
use contracts::{Catalog, SinkKind};
use dedupe::transactional::{Write, write_once};
use dedupe::{Limits, RecordId, Store};
use event::{Code, Envelope, Failure};
use runtime::{Deadline, Done, Record, Stage, done};

use crate::item::{item_of, stamp};

/// Writes to the table of a dataset's `table` sink.
pub(crate) struct TableSink<S> {
    contracts: Catalog,
    store: S,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl<S> TableSink<S> {
    pub(crate) fn new(contracts: Catalog, store: S) -> Self {
        Self { contracts, store }
    }
}

impl<S: Store<Effect = TableEffect>> Stage for TableSink<S> {
    const NAME: &'static str = "sink";

    type Prepared = Write<TableEffect>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Write<TableEffect>, Failure> {
        let envelope = Envelope::from_json(&record.body)
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        let contract = self.contracts.get(&envelope.dataset)?;
        let sink = contract.sinks.iter().find(|sink| sink.kind() == SinkKind::Table);
        let sink = sink.ok_or_else(|| {
            let reason = format!("`{}` has no sink of kind table", contract.dataset);
            Failure::permanent(Code::ContractViolation, reason)
        })?;
        let (item, bytes) = item_of(&envelope)?;
        let id = RecordId { sink: sink.name.clone(), key: envelope.idempotencykey };
        let fingerprint = envelope.fingerprint;
        Ok(Write {
            id: id.clone(),
            fingerprint: fingerprint.clone(),
            expires_at: deadline.now().plus(DAY * contract.retention_days),
            effect: TableEffect::Insert(Insert { id, fingerprint, item }),
            bytes,
        })
    }

    async fn commit(
        &self,
        mut writes: Vec<Write<TableEffect>>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let now = deadline.now();
        let mut delivered = Vec::with_capacity(writes.len());
        for write in &mut writes {
            let TableEffect::Insert(insert) = &mut write.effect;
            stamp(&mut insert.item, now);
            delivered.push((write.id.clone(), write.fingerprint.clone()));
        }
        let verdicts = write_once(&self.store, writes, Limits::DYNAMODB, now).await;
        let outcomes = verdicts.into_iter().zip(&delivered);
        outcomes.map(|(outcome, (id, fingerprint))| done(outcome, id, fingerprint)).collect()
    }
}

#[cfg(test)]
mod tests;
