//! The archive of the input: batches of messages and files, stored unchanged before any of their events is sent on.

use std::io::Write;

use event::{Attributes, Failure, Timestamp, hex_sha256};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::adapters::Announced;
use crate::file_source::{FileSource, Opened};

/// One message or event as it was received: a line of an object in the archive.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Raw {
    /// The id of the event, or of the message of a dead letter.
    pub(crate) id: String,
    /// The CloudEvents `source`; of a dead letter, its stage.
    pub(crate) source: String,
    pub(crate) received_at: Timestamp,
    /// The attributes of the message; of an HTTP request, its dataset.
    pub(crate) attributes: Attributes,
    pub(crate) body: String,
}

/// The object store that has the archive.
pub(crate) trait Store: Send + Sync {
    /// Stores an object of gzipped lines.
    ///
    /// # Errors
    /// When the store did not confirm it.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Copies a file of this many bytes, provided that it still has its entity tag.
    ///
    /// # Errors
    /// [`event::Code::InputNotFound`] when the file has another entity tag or is gone; a transient failure when the
    /// copy was not confirmed.
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
        let source = aws::CopySource {
            bucket: &from.bucket,
            key: &from.key,
            etag: &from.etag,
            version: from.version.as_deref(),
            bytes,
        };
        aws::Objects::copy(self, &source, bucket, key).await
    }
}

/// A file whose bytes are in the archive.
pub(crate) struct Archived<B> {
    /// The object, with the entity tag of the bytes in the archive.
    pub(crate) object: Announced,
    pub(crate) body: B,
    /// How many bytes it has; 0 if S3 did not say.
    pub(crate) size: u64,
}

/// From this size on, a copy takes so long that S3 would close a connection from which nobody reads meanwhile. Such a
/// file is opened again after the copy.
const LONG_COPY_BYTES: u64 = 64 * 1024 * 1024;

/// Opens a file and copies it to the archive. The archive then has the very bytes that are read, since both requests
/// name the same entity tag.
///
/// # Errors
/// A permanent failure when the file is gone or was overwritten since it was announced; S3 announces the new content
/// by itself. A transient failure when the file could not be read or copied.
pub(crate) async fn open_archived<O: Store + FileSource>(
    objects: &O,
    mut object: Announced,
    archive_bucket: &str,
) -> Result<Archived<O::Body>, Failure> {
    let Opened { body, etag, bytes: size } = objects.open(&object, 0).await?;
    if object.etag.is_empty() {
        object.etag = etag;
    }
    let key = object_key(&object.bucket, &object.key, &object.etag);
    if size < LONG_COPY_BYTES {
        objects.copy(&object, size, archive_bucket, &key).await?;
        return Ok(Archived { object, body, size });
    }
    drop(body);
    objects.copy(&object, size, archive_bucket, &key).await?;
    let body = objects.open(&object, 0).await?.body;
    Ok(Archived { object, body, size })
}

/// Opens a file in the archive, at the byte `from`. `object` has the entity tag that its copy has in its key.
///
/// # Errors
/// As [`FileSource::open`].
pub(crate) async fn open_copy<O: FileSource>(
    objects: &O,
    object: &Announced,
    archive_bucket: &str,
    from: u64,
) -> Result<O::Body, Failure> {
    Ok(objects.open(&copy_of(object, archive_bucket), from).await?.body)
}

/// The copy of a file in the archive. `object` has the entity tag that the copy has in its key.
pub(crate) fn copy_of(object: &Announced, archive_bucket: &str) -> Announced {
    let key = object_key(&object.bucket, &object.key, &object.etag);
    Announced { bucket: archive_bucket.to_owned(), key, ..Announced::default() }
}

/// The key of a batch of messages: `messages/<day>/<hour>/<Unix time in ms>-<id of the first>-<count>.ndjson.gz`, with
/// the day and the hour of receipt in UTC. `None` for an empty batch.
pub(crate) fn batch_key(batch: &[Raw]) -> Option<String> {
    let first = batch.first()?;
    let at = first.received_at;
    let time = at.unix_ms();
    let id = id_in_key(&first.id);
    let (date, hour, count) = (at.date(), at.hour(), batch.len());
    Some(format!("messages/{date}/{hour:02}/{time}-{id}-{count}.ndjson.gz"))
}

/// The part of an id that is in a key. A producer may have chosen the id, with any length and any characters; only
/// letters, digits and a few others are kept of it.
pub(crate) fn id_in_key(id: &str) -> String {
    let kept = id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'));
    kept.take(LONGEST_ID).collect()
}

/// The most characters that an id takes of a key.
const LONGEST_ID: usize = 128;

/// The most bytes of a key: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const LONGEST_KEY: usize = 1_024;

/// The key of a file: `objects/<bucket>/<key>/<etag>`, so that each content of an object is there once. If that is too
/// long for a key, the file's key is cut and followed by its SHA-256:
/// `objects/<bucket>/<beginning of the key>~<64 hexadecimal digits>/<etag>`. Both can be derived from the file's key.
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

/// The batch as gzipped NDJSON.
pub(crate) fn encode(batch: &[impl Serialize]) -> std::io::Result<Vec<u8>> {
    // The encoder gets all lines in one write, since its cost for each of serde's many small writes is high.
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
