//! The stage: an envelope becomes a row of each of its dataset's lakes, and a batch of rows is written
//! once, an object for each partition.

use std::collections::BTreeMap;

use contracts::{Catalog, LakeFormat};
use dedupe::fenced::write_fenced;
use dedupe::{Claim, NoEffect, Owner, RecordId, Store};
use event::{Code, Failure, Fingerprint, Timestamp};
use runtime::sink::{Accepted, Prepared, accept, known_later, lease, settle_events, to_write};
use runtime::{Deadline, Done, Record, Stage};

use crate::bucket::Bucket;
use crate::lake::{Lake, Lakes, Row};
use crate::objects::BatchObjects;
use crate::place::Partition;

/// Writes to the lakes of a dataset.
pub struct LakeStage<S, B> {
    contracts: Catalog,
    lakes: Lakes,
    store: S,
    bucket: B,
    /// A name that was never used.
    name: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
}

/// An event for one lake.
pub struct Line {
    id: RecordId,
    fingerprint: Fingerprint,
    expires_at: Timestamp,
    partition: Partition,
    format: LakeFormat,
    row: Row,
}

impl<S, B> LakeStage<S, B> {
    #[must_use]
    pub fn new(
        contracts: Catalog,
        lakes: Lakes,
        store: S,
        bucket: B,
        name: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
    ) -> Self {
        Self { contracts, lakes, store, bucket, name }
    }
}

impl<S: Store<Effect = NoEffect>, B: Bucket> Stage for LakeStage<S, B> {
    const NAME: &'static str = "lake";

    type Prepared = Prepared<Line>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Self::Prepared, Failure> {
        let accepted = accept(&self.contracts, record, deadline.now())?;
        let Accepted { envelope, contract, expires_at } = accepted;
        let lakes = self.lakes.get(&envelope.dataset).filter(|lakes| !lakes.is_empty());
        let lakes = lakes.ok_or_else(|| {
            let reason = format!("`{}` has no sink of kind lake", contract.dataset);
            known_later(Failure::permanent(Code::ContractViolation, reason))
        })?;
        let line = |(sink, lake): (&String, &Lake)| {
            Ok(Line {
                id: RecordId { sink: sink.clone(), key: envelope.idempotencykey.clone() },
                fingerprint: envelope.fingerprint.clone(),
                expires_at,
                partition: Partition::of(sink, &envelope),
                format: lake.format,
                row: lake.row(&envelope)?,
            })
        };
        Ok(lakes.iter().map(line).collect())
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let now = deadline.now();
        let key = |line: &Line| (line.id.clone(), line.fingerprint.clone());
        let (lines, events) = to_write(prepared, key);
        let mut owners: BTreeMap<&Partition, Owner> = BTreeMap::new();
        let claims = lines.iter().map(|line| {
            let owner = owners
                .entry(&line.partition)
                .or_insert_with(|| line.partition.owner(&(self.name)(now), line.format));
            Claim {
                id: line.id.clone(),
                fingerprint: line.fingerprint.clone(),
                expires_at: line.expires_at,
                owner: owner.clone(),
            }
        });
        let claims = claims.collect();
        let rows = lines.iter().map(|line| &line.row).collect();
        let objects = BatchObjects::new(&self.bucket, &self.lakes, rows);
        let outcomes =
            write_fenced(&self.store, &objects, claims, lease(deadline), || deadline.now()).await;
        settle_events(events, outcomes)
    }
}

#[cfg(test)]
mod tests;
