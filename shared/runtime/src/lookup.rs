//! The ports by which enrichers find documents without HTTP requests: in tables, in reference data, and in custom
//! lookups.

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
    /// The most keys of one call. The keys of several events of an invocation share calls.
    fn max_keys(&self) -> usize {
        1
    }

    /// One answer for each key, in their order. The keys differ from each other. The future is dropped after `limit`.
    fn find<'a>(
        &'a self,
        keys: &'a [LookupKey],
        limit: Duration,
    ) -> BoxFuture<'a, Result<Vec<LookupAnswer>, LookupError>>;
}

/// What was found for a key.
#[derive(Clone, Debug)]
pub enum LookupAnswer {
    /// This JSON object.
    Document(Box<RawValue>),
    /// There is nothing for this key. That is an answer and not a failure.
    Nothing,
    /// The key was not read, because the call had too many. It is asked for again.
    NotRead,
    /// This key cannot be looked up, for example because it is a text and the table has numbers. Other keys of the
    /// call can.
    Unusable {
        /// Why, without the key itself: it is logged, and on the dead letter.
        reason: String,
    },
}

/// A call that failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LookupError {
    /// The kind of failure, which the dependency's circuit breaker counts.
    pub failure: CallFailure,
    /// How long the dependency asks not to be called, if it was overloaded and said so.
    pub retry_after: Option<Duration>,
    /// What went wrong, in a sentence without data of the event: it is logged, and on the dead letter.
    pub reason: String,
}

impl LookupError {
    /// An error without `retry_after`.
    #[must_use]
    pub fn new(failure: CallFailure, reason: impl Into<String>) -> Self {
        Self { failure, retry_after: None, reason: reason.into() }
    }

    /// A call that had no answer within this time.
    #[must_use]
    pub fn timed_out(limit: Duration) -> Self {
        Self::new(CallFailure::Timeout, format!("no answer within {} ms", limit.as_millis()))
    }
}

/// Reads whole files that change now and then, such as reference data.
pub trait FileStore: Send + Sync {
    /// Reads the file with this name, unless its entity tag is `known_etag`. Reads at most `most_bytes`. The future is
    /// dropped after `limit`.
    fn read<'a>(
        &'a self,
        name: &'a str,
        known_etag: Option<&'a str>,
        most_bytes: usize,
        limit: Duration,
    ) -> BoxFuture<'a, Result<FileRead, LookupError>>;
}

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRead {
    /// The file still has the known entity tag.
    Unchanged,
    /// The file has another entity tag.
    Changed {
        /// The bytes of the whole file.
        content: Vec<u8>,
        /// Its present entity tag.
        etag: String,
    },
}
