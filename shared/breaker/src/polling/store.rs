//! The ports to the stores of evidence and pauses. Stages write evidence, and one function decides.

use std::collections::BTreeMap;
use std::future::Future;

use event::Timestamp;

use super::{Observation, Polling, PollingRecord};
use crate::StoreUnavailable;

/// Where stages write their observations.
pub trait EvidenceStore: Send + Sync {
    /// Adds an observation to a stage's evidence, as [`super::Evidence::add`] says, and changes nothing else.
    ///
    /// # Errors
    /// [`StoreUnavailable`]: it may have been added, or may still be.
    fn add(
        &self,
        stage: &str,
        observation: &Observation,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreUnavailable>> + Send;
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It was written.
    Written,
    /// It was not written, because somebody else has changed the record since it was read.
    Conflict,
    /// It may have been written, or may still be.
    Unknown(StoreUnavailable),
}

/// A strongly consistent store of what is decided about each stage's queue.
pub trait PollingStore: Send + Sync {
    /// The records of all stages that have one, by the stages' names.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    fn read_polling(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<String, PollingRecord>, StoreUnavailable>> + Send;

    /// Writes `polling` as version `expected + 1` if the stored version is `expected`. Evidence stays as it is.
    fn change(
        &self,
        stage: &str,
        expected: u64,
        polling: &Polling,
    ) -> impl Future<Output = ChangeOutcome> + Send;
}
