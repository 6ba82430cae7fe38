//! The port to the lake's bucket, and S3 behind it.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use event::Failure;

/// An object, and the tag by which this state of it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) body: Bytes,
    pub(crate) etag: String,
}

/// What must hold for a write to take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing is there.
    Absent,
    /// What is there has this tag.
    Unchanged(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Written,
    /// The condition did not hold, be it for an earlier write of one's own.
    Refused,
}

/// A bucket with conditional writes. All of it may be repeated.
pub(crate) trait Bucket: Send + Sync {
    /// # Errors
    /// When whether it is there is not known.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Found>, Failure>> + Send;

    /// # Errors
    /// When whether it was written is not known.
    fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> impl Future<Output = Result<Stored, Failure>> + Send;

    /// Lets time pass before something is tried again.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// A bucket of S3.
pub(crate) struct S3Bucket {
    objects: aws::Objects,
    name: String,
}

impl S3Bucket {
    pub(crate) fn new(objects: aws::Objects, name: String) -> Self {
        Self { objects, name }
    }
}

impl Bucket for S3Bucket {
    async fn get(&self, key: &str) -> Result<Option<Found>, Failure> {
        let found = self.objects.find(&self.name, key).await?;
        Ok(found.map(|(body, etag)| Found { body, etag }))
    }

    async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> Result<Stored, Failure> {
        let replaced = match &condition {
            Condition::Absent => None,
            Condition::Unchanged(etag) => Some(etag.as_str()),
        };
        let written = self.objects.put_if(&self.name, key, body, content_type, replaced).await?;
        Ok(if written { Stored::Written } else { Stored::Refused })
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
