//! The port to the lake's bucket, and S3 behind it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use event::Failure;

/// An object, and the tag by which this state of it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub body: Bytes,
    pub etag: String,
}

/// What must hold for a write to take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is there.
    Absent,
    /// What is there has this tag.
    Unchanged(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    Written,
    /// The condition did not hold, be it for an earlier write of one's own.
    Refused,
}

/// A bucket with conditional writes. All of it may be repeated.
pub trait Bucket: Send + Sync {
    /// # Errors
    /// When whether it is there is not known.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<StoredObject>, Failure>> + Send;

    /// # Errors
    /// When whether it was written is not known.
    fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> impl Future<Output = Result<PutOutcome, Failure>> + Send;

    /// Lets time pass before something is tried again.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// What only a compaction asks of a bucket. All of it may be repeated.
pub trait BucketAdmin: Bucket {
    /// What is there below a prefix, with its size in bytes.
    ///
    /// # Errors
    /// When that is not known.
    fn list(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<BTreeMap<String, u64>, Failure>> + Send;

    /// The folders right below a prefix, each from its beginning to its slash.
    ///
    /// # Errors
    /// When they are not known.
    fn folders(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, Failure>> + Send;

    /// Sees to it that nothing is there.
    ///
    /// # Errors
    /// When whether something is is not known.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A bucket of S3.
pub struct S3Bucket {
    objects: aws::Objects,
    name: String,
}

impl S3Bucket {
    #[must_use]
    pub fn new(objects: aws::Objects, name: String) -> Self {
        Self { objects, name }
    }
}

impl Bucket for S3Bucket {
    async fn get(&self, key: &str) -> Result<Option<StoredObject>, Failure> {
        let found = self.objects.find(&self.name, key).await?;
        Ok(found.map(|(body, etag)| StoredObject { body, etag }))
    }

    async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> Result<PutOutcome, Failure> {
        let replaced = match &condition {
            Condition::Absent => None,
            Condition::Unchanged(etag) => Some(etag.as_str()),
        };
        let written = self.objects.put_if(&self.name, key, body, content_type, replaced).await?;
        Ok(if written { PutOutcome::Written } else { PutOutcome::Refused })
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl BucketAdmin for S3Bucket {
    async fn list(&self, prefix: &str) -> Result<BTreeMap<String, u64>, Failure> {
        Ok(self.objects.list(&self.name, prefix).await?.into_iter().collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        self.objects.folders(&self.name, prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.objects.delete(&self.name, key).await
    }
}
