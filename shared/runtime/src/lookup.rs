//! What finds documents by keys, for enrichers that are no HTTP requests: the port to tables and to reference
//! data, and the trait for a lookup of one's own.

use std::time::Duration;

use contracts::{CallFailure, LookupKey};
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;

/// Finds documents by keys. A function that runs enrich gives it a name, and a contract uses it by that name:
/// `custom: {lookup: <name>, key: {…}}`.
///
/// Time limits, retries, the circuit breaker, caching and what becomes of an event without an answer are enrich's
/// part. A lookup makes one attempt.
pub trait Lookup: Send + Sync {
    /// The most keys that one call can ask for. Those of several events of an invocation share calls.
    fn max_keys(&self) -> usize {
        1
    }

    /// One answer for each of these different keys, in their order. The future is dropped after `limit`.
    fn find<'a>(
        &'a self,
        keys: &'a [LookupKey],
        limit: Duration,
    ) -> BoxFuture<'a, Result<Vec<LookupAnswer>, LookupError>>;
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum LookupAnswer {
    /// A JSON object.
    Document(Box<RawValue>),
    /// There is nothing: an answer, not a failure.
    Nothing,
    /// It was not read this time, since that was too much at once. It is asked for again.
    NotRead,
    /// Nothing can be asked with such a key, such as a text where the table has numbers. The others can.
    Unusable { reason: String },
}

/// A call that found nothing out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LookupError {
    /// What it says of the dependency; its circuit breaker counts it.
    pub failure: CallFailure,
    /// How long the dependency asks to be left alone, where it was too much for it.
    pub retry_after: Option<Duration>,
    /// Without what the event holds: it is logged, and on the dead letter.
    pub reason: String,
}

impl LookupError {
    #[must_use]
    pub fn new(failure: CallFailure, reason: impl Into<String>) -> Self {
        Self { failure, retry_after: None, reason: reason.into() }
    }

    /// A call that had no answer when its time was over.
    #[must_use]
    pub fn timed_out(limit: Duration) -> Self {
        Self::new(CallFailure::Timeout, format!("no answer within {} ms", limit.as_millis()))
    }
}

/// Reads whole files that change now and then.
pub trait FileStore: Send + Sync {
    /// The file of this name, unless it is the one with this entity tag. No more than `most_bytes` are read. The
    /// future is dropped after `limit`.
    fn read<'a>(
        &'a self,
        name: &'a str,
        known_etag: Option<&'a str>,
        most_bytes: usize,
        limit: Duration,
    ) -> BoxFuture<'a, Result<FileRead, LookupError>>;
}

/// What is in place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRead {
    Unchanged,
    Changed { content: Vec<u8>, etag: String },
}
