//! The port for letters' messages, implemented with S3.

use event::Failure;
use letters::{LetterObjects, Place};

use crate::Objects;

/// A bucket with the messages of letters and the plans of runs.
#[derive(Clone, Debug)]
pub struct LetterBucket {
    objects: Objects,
    bucket: String,
}

impl LetterBucket {
    /// `bucket` is the name of the archive bucket.
    #[must_use]
    pub fn new(objects: Objects, bucket: String) -> Self {
        Self { objects, bucket }
    }
}

/// The media type of an object: newline-delimited JSON by its ending, or else one JSON value.
fn content_type(key: &str) -> &'static str {
    if key.ends_with(".ndjson") { "application/x-ndjson" } else { "application/json" }
}

impl LetterObjects for LetterBucket {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<bool, Failure> {
        self.objects.put_if(&self.bucket, key, body, content_type(key), None).await
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let found = self.objects.find(&self.bucket, key).await?;
        Ok(found.map(|(body, _)| body.to_vec()))
    }

    async fn read_part(&self, place: &Place) -> Result<Vec<u8>, Failure> {
        let Place { object, offset, length } = place;
        let part = self.objects.find_part(&self.bucket, object, *offset, *length).await?;
        Ok(part.to_vec())
    }
}
