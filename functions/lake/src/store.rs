//! A store that is asked a few things at a time.
//!
//! The claims of a full batch are a hundred transactions. All at once would be as many connections, and
//! a burst that DynamoDB answers with throttling.

use std::time::Duration;

use dedupe::{CommitError, Store, Transaction};
use event::Timestamp;
use tokio::sync::Semaphore;

/// Enough that the time is DynamoDB's, and not the way there.
const AT_ONCE: usize = 16;

pub struct Limited<S> {
    store: S,
    permits: Semaphore,
}

impl<S> Limited<S> {
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, permits: Semaphore::new(AT_ONCE) }
    }
}

impl<S: Store> Store for Limited<S> {
    type Effect = S::Effect;

    async fn commit(
        &self,
        transaction: Transaction<S::Effect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        // Never closed: an error is no permit, and no reason not to ask.
        let _permit = self.permits.acquire().await;
        self.store.commit(transaction, now).await
    }

    async fn pause(&self, time: Duration) {
        self.store.pause(time).await;
    }
}
