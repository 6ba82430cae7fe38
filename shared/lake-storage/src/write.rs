//! Writes a batch of rows once, into one object for each partition.

use std::collections::BTreeMap;

use contracts::LakeFormat;
use dedupe::fenced::write_fenced;
use dedupe::{Claim, Lease, NoEffect, Outcome, Owner, RecordId, Store};
use event::{Envelope, Failure, Fingerprint, Timestamp};

use crate::bucket::Bucket;
use crate::lake::{Lake, Lakes, Row};
use crate::objects::BatchObjects;
use crate::place::Partition;

/// One event as a row of one lake.
pub struct LakeRow {
    /// The id of its dedupe record: the sink and the event's idempotency key.
    pub id: RecordId,
    /// The fingerprint of the event's payload.
    pub fingerprint: Fingerprint,
    /// When the dedupe record of its key expires.
    pub expires_at: Timestamp,
    partition: Partition,
    format: LakeFormat,
    row: Row,
}

impl LakeRow {
    /// Encodes an event for the lake `sink`. `expires_at` is until when its key is remembered.
    ///
    /// # Errors
    /// When the event has a value that the lake cannot hold; permanent.
    pub fn new(
        sink: &str,
        lake: &Lake,
        envelope: &Envelope,
        expires_at: Timestamp,
    ) -> Result<Self, Failure> {
        Ok(Self {
            id: RecordId { sink: sink.to_owned(), key: envelope.idempotencykey.clone() },
            fingerprint: envelope.fingerprint.clone(),
            expires_at,
            partition: Partition::of_event(sink, envelope),
            format: lake.format,
            row: lake.row(envelope)?,
        })
    }
}

/// Writes batches of rows.
pub struct BatchWriter<'a, S, B> {
    /// The store of dedupe records.
    pub store: &'a S,
    /// The lake's bucket.
    pub bucket: &'a B,
    /// The lakes of all contracts, in which other writers' objects are found.
    pub lakes: &'a Lakes,
    /// Makes a name that was never used, and that holds the given time, as [`runtime::unique_name`] does.
    pub name: &'a (dyn Fn(Timestamp) -> String + Send + Sync),
}

impl<S: Store<Effect = NoEffect>, B: Bucket> BatchWriter<'_, S, B> {
    /// Writes each row whose key has not taken effect in its sink. Returns the outcome of each row, in their order.
    /// `now` is the clock.
    pub async fn write(
        &self,
        rows: &[LakeRow],
        lease: Lease,
        now: impl Fn() -> Timestamp,
    ) -> Vec<Outcome> {
        let claims = self.claims(rows, now());
        let contents = rows.iter().map(|row| &row.row).collect();
        let objects = BatchObjects::new(self.bucket, self.lakes, contents);
        write_fenced(self.store, &objects, claims, lease, now).await
    }

    /// One claim for each row. The rows of a partition have one owner, and so one object.
    fn claims(&self, rows: &[LakeRow], now: Timestamp) -> Vec<Claim> {
        let mut owners: BTreeMap<&Partition, Owner> = BTreeMap::new();
        let mut claims = Vec::with_capacity(rows.len());
        for row in rows {
            let owner = owners
                .entry(&row.partition)
                .or_insert_with(|| row.partition.owner(&(self.name)(now), row.format));
            claims.push(Claim {
                id: row.id.clone(),
                fingerprint: row.fingerprint.clone(),
                expires_at: row.expires_at,
                owner: owner.clone(),
            });
        }
        claims
    }
}
