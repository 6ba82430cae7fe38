//! The port to the lake's bucket, and its implementation with S3.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use event::Failure;

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The whole content.
    pub body: Bytes,
    /// The entity tag of this content, in quotes.
    pub etag: String,
}

/// The condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no object with the key.
    Absent,
    /// The object still has this entity tag.
    Unchanged(String),
}

/// The outcome of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object was written.
    Written,
    /// The condition did not hold. An earlier attempt of the same caller can be the reason.
    Refused,
}

/// A bucket with conditional writes. Every call may be repeated.
pub trait Bucket: Send + Sync {
    /// The object with the key; `None` if there is none.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<StoredObject>, Failure>> + Send;

    /// Writes a whole object if the condition holds.
    ///
    /// # Errors
    /// When it is not known whether the object was written.
    fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> impl Future<Output = Result<PutOutcome, Failure>> + Send;

    /// Waits before another attempt.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The calls that only a compaction makes. Every call may be repeated.
pub trait BucketAdmin: Bucket {
    /// The size in bytes of each object whose key begins with the prefix, by its key.
    ///
    /// # Errors
    /// When the objects could not be listed.
    fn list(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<BTreeMap<String, u64>, Failure>> + Send;

    /// The folders directly below a prefix, each as the beginning of its keys, with the slash at its end.
    ///
    /// # Errors
    /// When the folders could not be listed.
    fn folders(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, Failure>> + Send;

    /// Deletes an object, if there is one.
    ///
    /// # Errors
    /// When it is not known whether the object is gone.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A bucket of S3.
pub struct S3Bucket {
    objects: aws::Objects,
    name: String,
}

impl S3Bucket {
    /// `name` is the name of the bucket.
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
