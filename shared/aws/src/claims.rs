//! The port for the bodies of large messages, implemented with S3.

use std::sync::{Arc, OnceLock};

use aws_types::SdkConfig;
use event::{Code, Failure};
use futures_util::future::BoxFuture;
use runtime::{ClaimObjects, Claims};

use crate::Objects;

/// The bodies of large messages, in this archive bucket.
#[must_use]
pub fn claims(config: &SdkConfig, archive_bucket: String) -> Claims {
    Claims::new(Arc::new(ClaimBucket::new(config, archive_bucket)))
}

/// The archive bucket, as far as the bodies of large messages need it.
#[derive(Debug)]
pub struct ClaimBucket {
    config: SdkConfig,
    /// Created by the first large event, since most environments never see one.
    objects: OnceLock<Objects>,
    bucket: String,
}

impl ClaimBucket {
    /// The bucket with this name. To learn that an object is gone, the caller needs the right to list the bucket.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        Self { config: config.clone(), objects: OnceLock::new(), bucket }
    }

    fn objects(&self) -> &Objects {
        self.objects.get_or_init(|| Objects::new(&self.config))
    }

    async fn find(&self, key: &str, bytes: usize) -> Result<Option<Vec<u8>>, Failure> {
        let length = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.objects().find_part(&self.bucket, key, 0, length).await {
            Ok(body) => Ok(Some(body.to_vec())),
            Err(failure) if failure.code == Code::InputNotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

impl ClaimObjects for ClaimBucket {
    fn write<'a>(&'a self, key: &'a str, body: String) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.objects().put(&self.bucket, key, body.into_bytes(), "application/json"))
    }

    fn read<'a>(
        &'a self,
        key: &'a str,
        bytes: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(self.find(key, bytes))
    }
}
