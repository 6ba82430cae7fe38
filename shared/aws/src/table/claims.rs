//! The dedupe table of a sink whose effects are elsewhere: claims and completions alone.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_types::SdkConfig;
use dedupe::{CommitError, DedupeRecord, NoEffect, RecordId, Store, Transaction};
use event::{Backoff, Code, Failure, Timestamp};

use super::{Item, TableStore, record};
use crate::failure_of;

/// Of one `BatchGetItem`:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MAX_READS: usize = 100;
/// How often keys are asked for that DynamoDB left for later.
const TRIES: u32 = 8;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(2));

/// A [`TableStore`] that no effect reaches.
#[derive(Clone, Debug)]
pub struct ClaimStore(TableStore);

impl ClaimStore {
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String) -> Self {
        Self(TableStore::new(config, dedupe_table))
    }

    /// The records of these ids as they are now, expired ones too; of each id at most one, in any
    /// order. Consistently, at a read unit each.
    ///
    /// # Errors
    /// When DynamoDB failed, or left keys for later each time.
    pub async fn read(&self, ids: &[RecordId]) -> Result<Vec<(RecordId, DedupeRecord)>, Failure> {
        let by_pk: HashMap<String, &RecordId> = ids.iter().map(|id| (id.to_string(), id)).collect();
        let mut pks: Vec<&String> = by_pk.keys().collect();
        pks.sort();
        let mut found = Vec::new();
        for pks in pks.chunks(MAX_READS) {
            let pk =
                |pk: &&String| Item::from([("pk".to_owned(), AttributeValue::S((*pk).clone()))]);
            found.extend(self.items(pks.iter().map(pk).collect()).await?);
        }
        let named = found.iter().filter_map(|item| {
            let id = *by_pk.get(item.get("pk")?.as_s().ok()?)?;
            Some((id.clone(), record::read(item)?))
        });
        Ok(named.collect())
    }

    async fn items(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let TableStore { client, dedupe_table } = &self.0;
        let mut found = Vec::new();
        for tried in 0..TRIES {
            if tried > 0 {
                self.pause(BACKOFF.wait(tried, &keys.len().to_string())).await;
            }
            let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            let asked = asked.build().map_err(|error| unread(&error.to_string()))?;
            let call = client.batch_get_item().request_items(dedupe_table, asked);
            let answer = call.send().await;
            let answer = answer.map_err(|error| failure_of("reading dedupe records", &error))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let left = answer.unprocessed_keys.unwrap_or_default();
            keys = left.into_values().flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                return Ok(found);
            }
        }
        Err(Failure::throttled(None, "reading dedupe records: some were left for later each time"))
    }
}

fn unread(reason: &str) -> Failure {
    Failure::transient(Code::DependencyRefused, format!("reading dedupe records: {reason}"))
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
