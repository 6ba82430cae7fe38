//! The port to the store of the fleet's breakers.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use crate::{Publication, Record, SharedCounts, Window};

/// What the store holds of one breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The breaker's record; absent if it was never written, or was deleted.
    pub record: Option<Record>,
    /// The shared counts, by the horizon of their window. During a deployment two versions of the settings may differ
    /// in it, and they count separately.
    pub counts: BTreeMap<Duration, SharedCounts>,
}

/// The store could not be asked, or did not answer in time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the breakers' table: {reason}")]
pub struct StoreUnavailable {
    /// What went wrong, for a log.
    pub reason: String,
}

/// What came of a write of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum ReplaceOutcome {
    /// It was written.
    Written,
    /// It was not written, because the stored record has another version. It is this one; `None` if there is none.
    Conflict(Option<Record>),
    /// It may have been written, or may still be.
    Unknown(StoreUnavailable),
}

/// What came of adding counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublishOutcome {
    /// They were added.
    Added,
    /// They were not added, because the stored counts are not as the environment had seen them.
    Conflict,
    /// They may have been added, or may still be. They are not sent again: to count a call twice is worse than not to
    /// count it.
    Unknown(StoreUnavailable),
}

/// A strongly consistent store of records and counts, by the names of breakers. It gives up after a short time, because
/// a breaker must not delay its calls.
pub trait Store: Send + Sync {
    /// Reads all breakers that the store holds, from the same moment as far as possible.
    fn read(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<String, Snapshot>, StoreUnavailable>> + Send;

    /// Writes a record if the stored one has the expected version; version 0 means that there is none.
    fn replace(
        &self,
        breaker: &str,
        expected: u64,
        record: &Record,
    ) -> impl Future<Output = ReplaceOutcome> + Send;

    /// Adds counts as [`Publication::applied_to`] says: all of them or none.
    fn publish(
        &self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> impl Future<Output = PublishOutcome> + Send;
}
