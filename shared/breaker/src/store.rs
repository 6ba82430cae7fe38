//! The port to where the fleet's breakers are kept.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use crate::{Publication, Record, SharedCounts, Window};

/// What the store holds of one breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    pub record: Option<Record>,
    /// By the length of their windows: two versions of the settings count apart.
    pub counts: BTreeMap<Duration, SharedCounts>,
}

/// A store could not be asked, or did not answer in time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the breakers' table: {reason}")]
pub struct StoreUnavailable {
    pub reason: String,
}

/// What became of a record that was to be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum ReplaceOutcome {
    Written,
    /// It was not of the expected version, but this; or there is none.
    Conflict(Option<Record>),
    /// It may have been written, or may be yet.
    Unknown(StoreUnavailable),
}

/// What became of counts that were to be added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublishOutcome {
    Added,
    /// The counts are not as they were seen.
    Conflict,
    /// They may have been added, or may be yet. They are not told again: twice would be worse than never.
    Unknown(StoreUnavailable),
}

/// A strongly consistent store of records and counts, by breakers' names. It gives up soon: a breaker
/// must not hold up its calls.
pub trait Store: Send + Sync {
    /// All of the breakers that the store holds, of one moment as far as it can be.
    fn read(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<String, Snapshot>, StoreUnavailable>> + Send;

    /// Writes a record, provided that the one in its place is of this version; 0 is of none.
    fn replace(
        &self,
        breaker: &str,
        expected: u64,
        record: &Record,
    ) -> impl Future<Output = ReplaceOutcome> + Send;

    /// Adds counts as [`Publication::applied_to`] says, all or none.
    fn publish(
        &self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> impl Future<Output = PublishOutcome> + Send;
}
