//! The raw batch, as it came, before anything of it is passed on.

use std::io::Write;

use event::{Attributes, Failure, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// One raw event: a line of the archive's object.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Raw {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) received_at: Timestamp,
    pub(crate) attributes: Attributes,
    pub(crate) body: String,
}

/// Where a batch's object is put.
pub(crate) trait Store: Send + Sync {
    fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Copies an object that is there already.
    fn copy(
        &self,
        from: (&str, &str),
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Store for aws::Objects {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        aws::Objects::put(self, bucket, key, body, "application/gzip").await
    }

    async fn copy(&self, from: (&str, &str), bucket: &str, key: &str) -> Result<(), Failure> {
        aws::Objects::copy(self, from, bucket, key).await
    }
}

/// `messages/<day>/<hour>/<id of the first>-<count>.ndjson.gz`, the day and hour of receipt in UTC.
pub(crate) fn batch_key(batch: &[Raw]) -> Option<String> {
    let first = batch.first()?;
    let at = first.received_at;
    let time = at.unix_ms();
    // A producer may have chosen the id: of any length, and of any characters.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    let id: String = first.id.chars().filter(|c| fits(*c)).take(LONGEST_ID).collect();
    let (date, hour, count) = (at.date(), at.hour(), batch.len());
    Some(format!("messages/{date}/{hour:02}/{time}-{id}-{count}.ndjson.gz"))
}

/// What an id may take of a key, which may have 1,024 bytes:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const LONGEST_ID: usize = 128;

/// `objects/<bucket>/<key>/<etag>`: each content of an object once.
pub(crate) fn object_key(bucket: &str, key: &str, etag: &str) -> String {
    format!("objects/{bucket}/{key}/{etag}")
}

/// Gzipped NDJSON.
pub(crate) fn encode(batch: &[Raw]) -> std::io::Result<Vec<u8>> {
    // At once: the encoder does as much for each of serde's many small writes as for all of them.
    let mut plain = Vec::new();
    for raw in batch {
        serde_json::to_writer(&mut plain, raw)?;
        plain.push(b'\n');
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&plain)?;
    gzip.finish()
}
