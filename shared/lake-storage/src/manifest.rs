//! The list of a partition's complete objects, for readers that do not want to list a bucket. It is a JSON array with
//! an entry for each object, in the order in which they were published.
//!
//! Many invocations add to it at the same time. Each writes the list that it read and its own entry, on the condition
//! that the list has not changed since. S3 refuses all but one of them, and the others start again
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).

use std::time::Duration;

use event::{Backoff, Code, Failure, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Condition, PutOutcome};

/// How often a writer tries to add an entry. It loses once for each other writer that succeeds, and only a few write at
/// the same time.
const TRIES: u32 = 10;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_millis(500));

/// A complete object with rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The object's key in the bucket.
    pub(crate) key: String,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// How often something was added to `replaces`, from which it may have been removed since. So no list ever equals
    /// an earlier one, and a late write, on the condition that the list has not changed, is refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) revision: u64,
    /// Objects whose rows are in listed objects, and that may still exist. They must never be listed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<Replaced>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replaced {
    pub(crate) key: String,
    /// When it was replaced.
    pub(crate) at: Timestamp,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Entry {
    pub(crate) fn new(key: String, rows: usize, bytes: usize) -> Self {
        Self { key, rows, bytes, revision: 0, replaces: Vec::new() }
    }

    /// Whether this is the entry of the object with that key, or of one that replaces it.
    pub(crate) fn covers(&self, key: &str) -> bool {
        self.key == key || self.replaces.iter().any(|replaced| replaced.key == key)
    }
}

/// Adds an entry to the list, unless the list has it or one that replaces it. A writer that recovers the object of a
/// dead one may have read that object before a compaction replaced it.
///
/// # Errors
/// When S3 fails, or other writers were faster each time; permanent, when the object is not a list.
pub(crate) async fn add<B: Bucket>(
    bucket: &B,
    manifest: &str,
    entry: &Entry,
) -> Result<(), Failure> {
    for tried in 0..TRIES {
        if tried > 0 {
            // The wait depends on the entry's key, so that two writers do not try again at the same time.
            bucket.pause(BACKOFF.wait(tried + 1, &entry.key)).await;
        }
        let (mut entries, condition) = load(bucket, manifest).await?;
        if entries.iter().any(|known| known.covers(&entry.key)) {
            return Ok(());
        }
        entries.push(entry.clone());
        match store(bucket, manifest, &entries, condition).await? {
            PutOutcome::Written => return Ok(()),
            PutOutcome::Refused => {}
        }
    }
    let reason = format!("others wrote the partition's manifest {TRIES} times in a row");
    Err(Failure::throttled(None, reason))
}

/// The current list, and the condition of a write that replaces it.
///
/// # Errors
/// When S3 fails; permanent, when the object is not a list.
pub(crate) async fn load<B: Bucket>(
    bucket: &B,
    manifest: &str,
) -> Result<(Vec<Entry>, Condition), Failure> {
    Ok(match bucket.get(manifest).await? {
        Some(found) => (read(&found.body)?, Condition::Unchanged(found.etag)),
        None => (Vec::new(), Condition::Absent),
    })
}

/// Replaces the list if the condition holds.
///
/// # Errors
/// When S3 fails.
pub(crate) async fn store<B: Bucket>(
    bucket: &B,
    manifest: &str,
    entries: &[Entry],
    condition: Condition,
) -> Result<PutOutcome, Failure> {
    let body = serde_json::to_vec(entries).map_err(|error| unusable(&error))?;
    bucket.put(manifest, body, "application/json", condition).await
}

fn read(body: &[u8]) -> Result<Vec<Entry>, Failure> {
    serde_json::from_slice(body).map_err(|error| unusable(&error))
}

fn unusable(error: &serde_json::Error) -> Failure {
    Failure::permanent(
        Code::DecodeFormat,
        format!("a partition's manifest is no such list: {error}"),
    )
}

#[cfg(test)]
mod tests;
