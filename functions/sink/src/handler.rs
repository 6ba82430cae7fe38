//! The stage: an envelope becomes an item, and a batch of items is written once.

use std::time::Duration;

use aws::Item;
use contracts::{Catalog, SinkKind};
use dedupe::{Limits, RecordId, Store, Verdict, Write, write_once};
use event::{Code, Envelope, Failure};
use runtime::{Deadline, Done, Record, Stage};

use crate::item::{item_of, stamp};

/// Writes to the table of a dataset's `table` sink.
pub(crate) struct TableSink<S> {
    contracts: Catalog,
    store: S,
}

/// What the dedupe record adds to a transaction's size, at most: its key, two fingerprints' worth
/// of attributes, names.
const DEDUPE_RECORD_BYTES: usize = 512;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl<S> TableSink<S> {
    pub(crate) fn new(contracts: Catalog, store: S) -> Self {
        Self { contracts, store }
    }
}

impl<S: Store<Effect = Item>> Stage for TableSink<S> {
    const NAME: &'static str = "sink";

    type Prepared = Write<Item>;

    async fn prepare(&self, record: &Record, deadline: &Deadline) -> Result<Write<Item>, Failure> {
        let envelope = Envelope::from_json(&record.body)
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        let contract = self.contracts.get(&envelope.dataset)?;
        let sink = contract.sinks.iter().find(|sink| sink.kind == SinkKind::Table);
        let sink = sink.ok_or_else(|| {
            let reason = format!("`{}` has no sink of kind table", contract.dataset);
            Failure::permanent(Code::ContractViolation, reason)
        })?;
        let (effect, bytes) = item_of(&envelope)?;
        Ok(Write {
            id: RecordId { sink: sink.name.clone(), key: envelope.idempotencykey },
            fingerprint: envelope.fingerprint,
            expires_at: deadline.now().plus(DAY * contract.retention_days),
            effect,
            bytes: bytes + DEDUPE_RECORD_BYTES,
        })
    }

    async fn commit(
        &self,
        mut writes: Vec<Write<Item>>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let now = deadline.now();
        writes.iter_mut().for_each(|write| stamp(&mut write.effect, now));
        let verdicts = write_once(&self.store, &writes, Limits::DYNAMODB, now).await;
        verdicts.into_iter().zip(&writes).map(|(verdict, write)| done(verdict?, write)).collect()
    }
}

fn done(verdict: Verdict, write: &Write<Item>) -> Result<Done, Failure> {
    match verdict {
        Verdict::Written => Ok(Done::PASSED),
        Verdict::Duplicate => Ok(Done::DUPLICATE),
        Verdict::Conflict { first } => {
            let reason = format!(
                "key {} took effect with payload {first}; this one is {}",
                write.id.key, write.fingerprint
            );
            Err(Failure::permanent(Code::Conflict, reason))
        }
    }
}

#[cfg(test)]
mod tests;
