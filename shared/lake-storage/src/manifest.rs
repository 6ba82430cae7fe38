//! The list of a partition's complete objects, for readers that do not want to list a bucket: a JSON
//! array of what each is, in the order of their publication.
//!
//! Many invocations add to it at once. Each writes what it read and its own, on condition that nothing
//! was written since; S3 refuses all but one, and those begin again
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).

use std::time::Duration;

use event::{Backoff, Code, Failure, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Condition, PutOutcome};

/// Writers in each other's way lose once for each that wins; a handful is at work at a time.
const TRIES: u32 = 10;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_millis(500));

/// An object that is there whole, with rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// In the bucket.
    pub(crate) key: String,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// How often something was added to what it replaces; it may be gone from there again. So no list is
    /// ever as one before it was, and a write that comes late, on condition that nothing has changed, never
    /// holds for one that looks the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) revision: u64,
    /// Objects whose rows are in listed ones, and that may be there still: never to be listed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<Replaced>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replaced {
    pub(crate) key: String,
    /// Since when.
    pub(crate) at: Timestamp,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Entry {
    pub(crate) fn new(key: String, rows: usize, bytes: usize) -> Self {
        Self { key, rows, bytes, revision: 0, replaces: Vec::new() }
    }

    /// Whether this is the object of that key, or has its rows.
    pub(crate) fn covers(&self, key: &str) -> bool {
        self.key == key || self.replaces.iter().any(|replaced| replaced.key == key)
    }
}

/// Sees to it that the list has this entry, or one that replaces it: whoever recovers a dead writer's
/// object may have read it before a compaction did.
///
/// # Errors
/// When S3 fails, or others were faster each time; and permanently, when what is there is no list.
pub(crate) async fn add<B: Bucket>(
    bucket: &B,
    manifest: &str,
    entry: &Entry,
) -> Result<(), Failure> {
    for tried in 0..TRIES {
        if tried > 0 {
            // By the entry's key, so that two writers do not keep step.
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

/// The list as it is, and the condition on which it may be replaced.
///
/// # Errors
/// When S3 fails; and permanently, when what is there is no list.
pub(crate) async fn load<B: Bucket>(
    bucket: &B,
    manifest: &str,
) -> Result<(Vec<Entry>, Condition), Failure> {
    Ok(match bucket.get(manifest).await? {
        Some(found) => (read(&found.body)?, Condition::Unchanged(found.etag)),
        None => (Vec::new(), Condition::Absent),
    })
}

/// Replaces the list, on this condition.
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
