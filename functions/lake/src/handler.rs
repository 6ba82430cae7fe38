//! The stage: turns each envelope into a row for each lake of its dataset, and writes the rows of a batch together, one
//! object for each partition.

use contracts::Catalog;
use dedupe::{NoEffect, Store};
use event::{Code, Failure, Timestamp};
use lake_storage::{BatchWriter, Bucket, LakeRow, Lakes};
use runtime::sink::{
    Accepted, MeasuredEvent, Prepared, SinkMeasures, WriteKey, accept, collect_writes, lease_for,
    retry_during_deployment,
};
use runtime::{Deadline, EventCounts, Record, Recorder, Stage};

/// Writes events to the lakes of their datasets.
pub(crate) struct LakeStage<S, B> {
    contracts: Catalog,
    lakes: Lakes,
    store: S,
    bucket: B,
    metrics: Recorder,
    /// Makes a unique name for an object that is written at this time.
    name: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
}

impl<S, B> LakeStage<S, B> {
    pub(crate) fn new(
        contracts: Catalog,
        store: S,
        bucket: B,
        name: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
        metrics: Recorder,
    ) -> Self {
        let lakes = Lakes::new(contracts.clone());
        Self { contracts, lakes, store, bucket, metrics, name }
    }
}

impl<S: Store<Effect = NoEffect>, B: Bucket> Stage for LakeStage<S, B> {
    const NAME: &'static str = "lake";

    type Prepared = Prepared<LakeRow>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Self::Prepared, Failure> {
        let accepted = accept(&self.contracts, record, deadline.now())?;
        let Accepted { envelope, contract, expires_at } = accepted;
        let lakes = self.lakes.of(&envelope.dataset)?;
        if lakes.is_empty() {
            let reason = format!("`{}` has no sink of kind lake", contract.dataset);
            let failure = Failure::permanent(Code::ContractViolation, reason);
            return Err(retry_during_deployment(failure));
        }
        let rows = lakes.iter().map(|(sink, lake)| LakeRow::new(sink, lake, &envelope, expires_at));
        Ok(Prepared { measured: MeasuredEvent::from(&envelope), writes: rows.collect() })
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<EventCounts, Failure>> {
        let (rows, events) = collect_writes(prepared, |row: &LakeRow| WriteKey {
            id: row.id.clone(),
            fingerprint: row.fingerprint.clone(),
        });
        let writer = BatchWriter {
            store: &self.store,
            bucket: &self.bucket,
            lakes: &self.lakes,
            name: &*self.name,
        };
        let outcomes = writer.write(&rows, lease_for(deadline), || deadline.now()).await;
        let measures =
            SinkMeasures { recorder: &self.metrics, stage: Self::NAME, now: deadline.now() };
        events.settle(outcomes, &measures)
    }
}

#[cfg(test)]
mod tests;
