//! The port to files in buckets.

use std::future::Future;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use event::{Code, Failure};

use crate::adapters::Announced;

/// The object store that has the files.
pub(crate) trait FileSource: Send + Sync {
    type Body: Body;

    /// Opens a file at the byte `from`, which must be one of its bytes, or 0.
    ///
    /// # Errors
    /// When the object is gone, has another entity tag than it was announced with, or cannot be read.
    fn open(
        &self,
        object: &Announced,
        from: u64,
    ) -> impl Future<Output = Result<Opened<Self::Body>, Failure>> + Send;

    /// `length` bytes of a file, from the byte `offset` on. The file is never overwritten: it is in the archive.
    ///
    /// # Errors
    /// When the object is gone, is shorter, or cannot be read.
    fn part(
        &self,
        object: &Announced,
        offset: u64,
        length: u64,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send;
}

/// A file that is being read.
pub(crate) struct Opened<B> {
    pub(crate) body: B,
    /// The entity tag of the bytes that are read, without quotes.
    pub(crate) etag: String,
    /// How many bytes `body` has; 0 if S3 did not say.
    pub(crate) bytes: u64,
}

/// The bytes of a file, as they arrive.
pub(crate) trait Body: Send {
    /// The next bytes; `None` at the end of the file.
    fn next(
        &mut self,
    ) -> impl Future<Output = Result<Option<impl AsRef<[u8]> + Send>, Failure>> + Send;
}

impl FileSource for aws::Objects {
    type Body = ByteStream;

    async fn open(&self, object: &Announced, from: u64) -> Result<Opened<ByteStream>, Failure> {
        let Announced { bucket, key, etag, version, .. } = object;
        let found = self.get(bucket, key, etag, version.as_deref(), from).await?;
        Ok(Opened { body: found.body, etag: found.etag, bytes: found.bytes })
    }

    async fn part(&self, object: &Announced, offset: u64, length: u64) -> Result<Bytes, Failure> {
        self.find_part(&object.bucket, &object.key, offset, length).await
    }
}

impl Body for ByteStream {
    async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + Send>, Failure> {
        self.try_next().await.map_err(|error| {
            Failure::transient(Code::DependencyUnavailable, format!("reading an object: {error}"))
        })
    }
}
