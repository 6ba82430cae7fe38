//! A store that writes only a few transactions at a time.
//!
//! The claims of a full batch are a hundred transactions. If all were sent at once, each would open a
//! connection, and DynamoDB would throttle the burst.

use std::time::Duration;

use dedupe::{CommitError, Store, Transaction};
use event::Timestamp;
use tokio::sync::Semaphore;

/// The most transactions at the same time. With so many, DynamoDB's work limits the rate, and not the network.
const MAX_CONCURRENT: usize = 16;

/// Wraps a store, and limits it to 16 concurrent transactions.
pub struct ConcurrencyLimit<S> {
    store: S,
    permits: Semaphore,
}

impl<S> ConcurrencyLimit<S> {
    /// Limits `store`. Its clones are not limited.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, permits: Semaphore::new(MAX_CONCURRENT) }
    }
}

impl<S: Store> Store for ConcurrencyLimit<S> {
    type Effect = S::Effect;

    async fn commit(
        &self,
        transaction: Transaction<S::Effect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        // The semaphore is never closed, so that `acquire` cannot fail.
        let _permit = self.permits.acquire().await;
        self.store.commit(transaction, now).await
    }

    async fn pause(&self, time: Duration) {
        self.store.pause(time).await;
    }
}
