//! The objects of one batch, as the fenced protocol asks for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use contracts::LakeFormat;
use dedupe::Owner;
use dedupe::fenced::{Objects, Put};
use event::{Code, Failure, IdempotencyKey};
use tokio::sync::Semaphore;

use crate::bucket::{Bucket, Condition, PutOutcome};
use crate::lake::{Lake, Lakes, Row, keys};
use crate::manifest::{self, Entry};
use crate::place::{Partition, content_type, parse};

/// Objects that are written or read at a time: each is in memory as long.
const AT_ONCE: usize = 8;

pub(crate) struct BatchObjects<'a, B> {
    bucket: &'a B,
    lakes: &'a Lakes,
    /// One for each claim.
    rows: Vec<&'a Row>,
    /// What is known to be there, and no other will ever be.
    sizes: Mutex<BTreeMap<Owner, Size>>,
    permits: Semaphore,
}

#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    bytes: usize,
}

/// Where an owner's object is.
struct Place<'a> {
    partition: Partition,
    format: LakeFormat,
    lake: &'a Lake,
}

impl<'a, B: Bucket> BatchObjects<'a, B> {
    pub(crate) fn new(bucket: &'a B, lakes: &'a Lakes, rows: Vec<&'a Row>) -> Self {
        let permits = Semaphore::new(AT_ONCE);
        Self { bucket, lakes, rows, sizes: Mutex::default(), permits }
    }

    fn place(&self, owner: &Owner) -> Result<Place<'a>, Failure> {
        let found = parse(owner).and_then(|(partition, format)| {
            let lake = self.lakes.get(&partition.dataset)?.get(&partition.sink)?;
            Some(Place { partition, format, lake })
        });
        // A record of an owner that wrote nothing here: somebody else's, or a lake's that is no more.
        found.ok_or_else(|| {
            let reason = format!("`{owner}` is not in a lake of these contracts");
            Failure::permanent(Code::ContractViolation, reason)
        })
    }

    /// Writes an object of these rows where nothing is.
    async fn create(&self, owner: &Owner, rows: &[&Row]) -> Result<Put, Failure> {
        let place = self.place(owner)?;
        let _permit = self.permits.acquire().await;
        let object = place.lake.object(place.format, rows)?;
        let size = Size { rows: rows.len(), bytes: object.len() };
        let kind = content_type(place.format);
        match self.bucket.put(owner.as_str(), object, kind, Condition::Absent).await? {
            PutOutcome::Written => {
                self.note(owner, size);
                Ok(Put::Created)
            }
            PutOutcome::Refused => Ok(Put::Exists),
        }
    }

    fn note(&self, owner: &Owner, size: Size) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.insert(owner.clone(), size);
    }

    fn noted(&self, owner: &Owner) -> Option<Size> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).get(owner).copied()
    }
}

impl<B: Bucket> Objects for BatchObjects<'_, B> {
    async fn put(&self, owner: &Owner, positions: &[usize]) -> Result<Put, Failure> {
        let rows: Vec<&Row> =
            positions.iter().filter_map(|&at| self.rows.get(at).copied()).collect();
        self.create(owner, &rows).await
    }

    async fn look(&self, owner: &Owner) -> Result<Option<BTreeSet<IdempotencyKey>>, Failure> {
        let format = self.place(owner)?.format;
        let _permit = self.permits.acquire().await;
        let Some(found) = self.bucket.get(owner.as_str()).await? else { return Ok(None) };
        let bytes = found.body.len();
        let keys = keys(format, found.body)?;
        self.note(owner, Size { rows: keys.len(), bytes });
        Ok(Some(keys))
    }

    async fn fence(&self, owner: &Owner) -> Result<Put, Failure> {
        self.create(owner, &[]).await
    }

    async fn publish(&self, owner: &Owner) -> Result<(), Failure> {
        if self.noted(owner).is_none() {
            self.look(owner).await?;
        }
        // A tombstone is nobody's to read.
        let Some(Size { rows, bytes }) = self.noted(owner).filter(|size| size.rows > 0) else {
            return Ok(());
        };
        let manifest = self.place(owner)?.partition.manifest();
        let _permit = self.permits.acquire().await;
        let entry = Entry::new(owner.to_string(), rows, bytes);
        manifest::add(self.bucket, &manifest, &entry).await
    }
}
