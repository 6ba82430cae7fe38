//! What came in, as it came, before anything of it is passed on: batches of messages, and files.

use std::io::Write;

use event::{Attributes, Failure, Timestamp, hex_sha256};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::file_source::{FileSource, Opened};
use crate::notification::Announced;

/// One raw event: a line of the archive's object.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Raw {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) received_at: Timestamp,
    pub(crate) attributes: Attributes,
    pub(crate) body: String,
}

/// Where the archive is.
pub(crate) trait Store: Send + Sync {
    /// # Errors
    /// When it was not confirmed.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Copies a file, if it still has its entity tag.
    ///
    /// # Errors
    /// [`event::Code::InputNotFound`] when it has not, or is gone; otherwise a failure that may pass.
    fn copy(
        &self,
        from: &Announced,
        bytes: u64,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Store for aws::Objects {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        aws::Objects::put(self, bucket, key, body, "application/gzip").await
    }

    async fn copy(
        &self,
        from: &Announced,
        bytes: u64,
        bucket: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let source =
            aws::CopySource { bucket: &from.bucket, key: &from.key, etag: &from.etag, bytes };
        aws::Objects::copy(self, &source, bucket, key).await
    }
}

/// A file whose bytes are in the archive.
pub(crate) struct Archived<B> {
    /// With the entity tag of these bytes.
    pub(crate) object: Announced,
    pub(crate) body: B,
}

/// A copy of so many bytes takes so long that the file is opened again after it: S3 does not keep a
/// connection from which nobody reads.
const LONG_COPY_BYTES: u64 = 64 * 1024 * 1024;

/// Opens a file and copies it: the archive holds the bytes that are read, since both are asked for by
/// the same entity tag.
///
/// # Errors
/// When the file is gone or was overwritten since it was announced, which an announcement of its own
/// tells; when it cannot be read; or, with a failure that may pass, when it could not be
/// copied.
pub(crate) async fn open_archived<O: Store + FileSource>(
    objects: &O,
    mut object: Announced,
    archive_bucket: &str,
) -> Result<Archived<O::Body>, Failure> {
    let Opened { body, etag, bytes } = objects.open(&object).await?;
    if object.etag.is_empty() {
        object.etag = etag;
    }
    let key = object_key(&object.bucket, &object.key, &object.etag);
    if bytes < LONG_COPY_BYTES {
        objects.copy(&object, bytes, archive_bucket, &key).await?;
        return Ok(Archived { object, body });
    }
    drop(body);
    objects.copy(&object, bytes, archive_bucket, &key).await?;
    let body = objects.open(&object).await?.body;
    Ok(Archived { object, body })
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

/// What an id may take of a key.
const LONGEST_ID: usize = 128;

/// What a key may have: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const LONGEST_KEY: usize = 1_024;

/// `objects/<bucket>/<key>/<etag>`: each content of an object once. A key that is too long for that is
/// cut and goes on with its SHA-256: `objects/<bucket>/<its beginning>~<64 hexadecimal digits>/<etag>`.
/// Whoever has the object's key finds it by either.
fn object_key(bucket: &str, key: &str, etag: &str) -> String {
    let whole = format!("objects/{bucket}/{key}/{etag}");
    if whole.len() <= LONGEST_KEY {
        return whole;
    }
    let hash = hex_sha256(key.as_bytes());
    let end = format!("~{hash}/{etag}");
    let begin = format!("objects/{bucket}/{key}");
    let length = begin.floor_char_boundary(LONGEST_KEY.saturating_sub(end.len()));
    format!("{}{end}", &begin[..length])
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

#[cfg(test)]
mod tests;
