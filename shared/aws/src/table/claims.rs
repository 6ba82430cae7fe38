//! The dedupe table of a sink whose effects are elsewhere: claims and completions alone.

use std::time::Duration;

use aws_types::SdkConfig;
use dedupe::{CommitError, NoEffect, Store, Transaction};
use event::Timestamp;

use super::TableStore;

/// A [`TableStore`] that no effect reaches.
#[derive(Clone, Debug)]
pub struct ClaimStore(TableStore);

impl ClaimStore {
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String) -> Self {
        Self(TableStore::new(config, dedupe_table))
    }
}

impl Store for ClaimStore {
    type Effect = NoEffect;

    async fn commit(
        &self,
        transaction: Transaction<NoEffect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let effects = Vec::new();
        self.0.commit(Transaction { changes: transaction.changes, effects }, now).await
    }

    async fn pause(&self, time: Duration) {
        self.0.pause(time).await;
    }
}
