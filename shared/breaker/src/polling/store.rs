//! The ports to where evidence and pauses are kept: stages write evidence, and one function decides.

use std::collections::BTreeMap;
use std::future::Future;

use event::Timestamp;

use super::{Observation, Polling, PollingRecord};
use crate::StoreUnavailable;

/// Takes what stages have seen.
pub trait EvidenceStore: Send + Sync {
    /// Adds a observation to a stage's evidence, as [`super::Evidence::add`] says, and changes nothing else.
    ///
    /// # Errors
    /// [`StoreUnavailable`]: it may have been added, or may be yet.
    fn add(
        &self,
        stage: &str,
        observation: &Observation,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreUnavailable>> + Send;
}

/// What became of a change that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    Written,
    /// Somebody else has changed it since it was read.
    Conflict,
    /// It may have been written, or may be yet.
    Unknown(StoreUnavailable),
}

/// A strongly consistent store of what is decided of each stage's queue.
pub trait PollingStore: Send + Sync {
    /// Each stage that there is something of, by its name.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn read_polling(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<String, PollingRecord>, StoreUnavailable>> + Send;

    /// Writes `polling` as version `expected + 1`, provided that the version in its place is `expected`.
    /// Evidence stays as it is.
    fn change(
        &self,
        stage: &str,
        expected: u64,
        polling: &Polling,
    ) -> impl Future<Output = ChangeOutcome> + Send;
}
