//! The port to where dedupe records and effects are.

use std::future::Future;

use event::{Failure, Fingerprint, Timestamp};

use crate::{Completed, RecordId};

/// One effect under its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Write<E> {
    pub id: RecordId,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
    pub effect: E,
    /// What effect and dedupe record count towards the store's limit on a transaction.
    pub bytes: usize,
}

/// Why nothing of a transaction was written.
#[derive(Clone, Debug)]
pub enum WriteError {
    /// Cancelled; a reason for each write, in their order.
    Cancelled(Vec<Reason>),
    /// The store will never take it as it is: some write in it is at fault.
    Rejected { reason: String },
    /// The store could not, and may later; whether it wrote is not known.
    Failed(Failure),
}

/// A write's part in a cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// None: it was cancelled with the others.
    Innocent,
    /// Its key has taken effect.
    Exists(Completed),
    /// Another transaction held its item, or the store was busy.
    Contended,
}

/// A store that writes several dedupe records and their effects, all or none.
pub trait Store: Send + Sync {
    type Effect: Clone + Send + Sync;

    /// Writes each effect with its dedupe record, provided that each record is absent or expired at
    /// `now`.
    fn write_all(
        &self,
        writes: &[Write<Self::Effect>],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;
}
