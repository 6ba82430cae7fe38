//! The list of a partition's complete objects, for readers that do not want to list a bucket: a JSON
//! array of what each is, in the order of their publication.
//!
//! Many invocations add to it at once. Each writes what it read and its own, on condition that nothing
//! was written since; S3 refuses all but one, and those begin again
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).

use std::time::Duration;

use dedupe::backoff;
use event::{Code, Failure};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Condition, Stored};

/// Writers in each other's way lose once for each that wins; a handful is at work at a time.
const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// An object that is there whole, with rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// In the bucket.
    pub(crate) key: String,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// Sees to it that the list has this entry.
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
            bucket.pause(backoff(tried + 1, LONGEST_PAUSE, &entry.key)).await;
        }
        let (mut entries, condition) = match bucket.get(manifest).await? {
            Some(found) => (read(&found.body)?, Condition::Unchanged(found.etag)),
            None => (Vec::new(), Condition::Absent),
        };
        if entries.iter().any(|known| known.key == entry.key) {
            return Ok(());
        }
        entries.push(entry.clone());
        let body = serde_json::to_vec(&entries).map_err(|error| unusable(&error))?;
        match bucket.put(manifest, body, "application/json", condition).await? {
            Stored::Written => return Ok(()),
            Stored::Refused => {}
        }
    }
    let reason = format!("others wrote the partition's manifest {TRIES} times in a row");
    Err(Failure::throttled(None, reason))
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
