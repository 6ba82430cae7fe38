//! The dedupe table of a sink whose effects are elsewhere. Its transactions hold claims and completions only.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_types::SdkConfig;
use dedupe::{CommitError, DedupeRecord, NoEffect, RecordId, Store, Transaction};
use event::{Backoff, Code, Failure, Timestamp};

use super::{Item, TableStore, record};
use crate::failure_of;

/// The most items of one `BatchGetItem`:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MAX_READS: usize = 100;
/// How often keys are requested that DynamoDB leaves unprocessed.
const TRIES: u32 = 8;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(2));

/// A [`TableStore`] for transactions without effects.
#[derive(Clone, Debug)]
pub struct ClaimStore(TableStore);

impl ClaimStore {
    /// `dedupe_table` is the name of the table of dedupe records, whose key is `pk`.
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String) -> Self {
        Self(TableStore::new(config, dedupe_table))
    }

    /// The records of these ids in any order, with the expired ones. An id without a record is left out. The read is
    /// consistent, and costs a read unit for each record.
    ///
    /// # Errors
    /// When DynamoDB failed, or left keys unprocessed in each attempt.
    pub async fn read(&self, ids: &[RecordId]) -> Result<Vec<(RecordId, DedupeRecord)>, Failure> {
        let by_pk: HashMap<String, &RecordId> = ids.iter().map(|id| (id.to_string(), id)).collect();
        let mut pks: Vec<&String> = by_pk.keys().collect();
        pks.sort();
        let mut found = Vec::new();
        for chunk in pks.chunks(MAX_READS) {
            found.extend(self.items(chunk.iter().map(|pk| key(pk)).collect()).await?);
        }
        let records = found.iter().filter_map(|item| {
            let id = *by_pk.get(item.get("pk")?.as_s().ok()?)?;
            Some((id.clone(), record::read(item)?))
        });
        Ok(records.collect())
    }

    async fn items(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let TableStore { client, dedupe_table } = &self.0;
        let mut found = Vec::new();
        for tried in 0..TRIES {
            if tried > 0 {
                self.pause(BACKOFF.wait(tried, &keys.len().to_string())).await;
            }
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| unread(&error.to_string()))?;
            let call = client.batch_get_item().request_items(dedupe_table, request);
            let answer =
                call.send().await.map_err(|error| failure_of("reading dedupe records", &error))?;
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

fn key(pk: &str) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(pk.to_owned()))])
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
