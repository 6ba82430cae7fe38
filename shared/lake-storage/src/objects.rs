//! The port to objects of the fenced protocol, for one batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::LakeFormat;
use dedupe::Owner;
use dedupe::fenced::{self, Objects};
use event::{Code, Failure, IdempotencyKey};
use tokio::sync::Semaphore;

use crate::bucket::{Bucket, Condition, PutOutcome};
use crate::lake::{Lake, Lakes, Row, keys};
use crate::manifest::{self, Entry};
use crate::place::{Partition, content_type, parse_owner};

/// The most objects that are written or read at the same time. Each is in memory for that time.
const MAX_CONCURRENT: usize = 8;

/// The objects of one batch in a bucket.
pub(crate) struct BatchObjects<'a, B> {
    bucket: &'a B,
    lakes: &'a Lakes,
    /// The row of each claim.
    rows: Vec<&'a Row>,
    /// The sizes of the objects that are known to be there. Such an object never changes.
    sizes: Mutex<BTreeMap<Owner, Size>>,
    permits: Semaphore,
}

#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    bytes: usize,
}

/// Where an owner's object is, and how it is encoded.
struct Place {
    partition: Partition,
    format: LakeFormat,
    lake: Arc<Lake>,
}

impl<'a, B: Bucket> BatchObjects<'a, B> {
    pub(crate) fn new(bucket: &'a B, lakes: &'a Lakes, rows: Vec<&'a Row>) -> Self {
        let permits = Semaphore::new(MAX_CONCURRENT);
        Self { bucket, lakes, rows, sizes: Mutex::default(), permits }
    }

    fn place(&self, owner: &Owner) -> Result<Place, Failure> {
        let (partition, format) = parse_owner(owner).ok_or_else(|| unknown_place(owner))?;
        let lakes = match self.lakes.of(&partition.dataset) {
            Err(failure) if failure.code == Code::UnknownDataset => Err(unknown_place(owner)),
            found => found,
        };
        let lake = lakes?.get(&partition.sink).cloned().ok_or_else(|| unknown_place(owner))?;
        Ok(Place { partition, format, lake })
    }

    /// Writes an object with these rows, if no object is there.
    async fn create(&self, owner: &Owner, rows: &[&Row]) -> Result<fenced::PutOutcome, Failure> {
        let place = self.place(owner)?;
        let _permit = self.permits.acquire().await;
        let object = place.lake.object(place.format, rows)?;
        let size = Size { rows: rows.len(), bytes: object.len() };
        let content_type = content_type(place.format);
        let put = self.bucket.put(owner.as_str(), object, content_type, Condition::Absent);
        match put.await? {
            PutOutcome::Written => {
                self.sizes().insert(owner.clone(), size);
                Ok(fenced::PutOutcome::Created)
            }
            PutOutcome::Refused => Ok(fenced::PutOutcome::Exists),
        }
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<Owner, Size>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self, owner: &Owner) -> Option<Size> {
        self.sizes().get(owner).copied()
    }
}

/// The record belongs to another sink, or to a lake that the contracts no longer have.
fn unknown_place(owner: &Owner) -> Failure {
    let reason = format!("`{owner}` is not in a lake of these contracts");
    Failure::permanent(Code::ContractViolation, reason)
}

impl<B: Bucket> Objects for BatchObjects<'_, B> {
    async fn put(&self, owner: &Owner, positions: &[usize]) -> Result<fenced::PutOutcome, Failure> {
        let rows: Vec<&Row> =
            positions.iter().filter_map(|&at| self.rows.get(at).copied()).collect();
        self.create(owner, &rows).await
    }

    async fn read_keys(&self, owner: &Owner) -> Result<Option<BTreeSet<IdempotencyKey>>, Failure> {
        let format = self.place(owner)?.format;
        let _permit = self.permits.acquire().await;
        let Some(object) = self.bucket.get(owner.as_str()).await? else { return Ok(None) };
        let bytes = object.body.len();
        let keys = keys(format, object.body)?;
        self.sizes().insert(owner.clone(), Size { rows: keys.len(), bytes });
        Ok(Some(keys))
    }

    async fn put_tombstone(&self, owner: &Owner) -> Result<fenced::PutOutcome, Failure> {
        self.create(owner, &[]).await
    }

    async fn publish(&self, owner: &Owner) -> Result<(), Failure> {
        if self.size(owner).is_none() {
            self.read_keys(owner).await?;
        }
        // A tombstone has no rows and is not listed.
        let Some(Size { rows, bytes }) = self.size(owner).filter(|size| size.rows > 0) else {
            return Ok(());
        };
        let manifest = self.place(owner)?.partition.manifest();
        let _permit = self.permits.acquire().await;
        let entry = Entry::new(owner.to_string(), rows, bytes);
        manifest::add(self.bucket, &manifest, &entry).await
    }
}
