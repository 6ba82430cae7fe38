//! Files in buckets, and their bytes as they are read.

use std::future::Future;

use aws_sdk_s3::primitives::ByteStream;
use event::{Code, Failure};

use crate::notification::Announced;

/// Where files are.
pub(crate) trait FileSource: Send + Sync {
    type Body: Body;

    /// # Errors
    /// When the object is gone, was overwritten since, or cannot be read.
    fn open(
        &self,
        object: &Announced,
    ) -> impl Future<Output = Result<Opened<Self::Body>, Failure>> + Send;
}

/// A file that is being read.
pub(crate) struct Opened<B> {
    pub(crate) body: B,
    /// Of the bytes that are read, without quotes.
    pub(crate) etag: String,
    pub(crate) bytes: u64,
}

/// A file's bytes, as they come.
pub(crate) trait Body: Send {
    fn next(
        &mut self,
    ) -> impl Future<Output = Result<Option<impl AsRef<[u8]> + Send>, Failure>> + Send;
}

impl FileSource for aws::Objects {
    type Body = ByteStream;

    async fn open(&self, object: &Announced) -> Result<Opened<ByteStream>, Failure> {
        let found = self.get(&object.bucket, &object.key, &object.etag).await?;
        Ok(Opened { body: found.body, etag: found.etag, bytes: found.bytes })
    }
}

impl Body for ByteStream {
    async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + Send>, Failure> {
        self.try_next().await.map_err(|error| {
            Failure::transient(Code::DependencyUnavailable, format!("reading an object: {error}"))
        })
    }
}
