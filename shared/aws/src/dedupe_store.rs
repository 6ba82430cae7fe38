//! DynamoDB behind the dedupe [`Store`] port: record and effect in one `TransactWriteItems`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use dedupe::{Completed, Reason, Store, Write, WriteError};
use event::{Fingerprint, Timestamp};

use crate::failure_of;

/// An item of the sink's table.
pub type Item = HashMap<String, AttributeValue>;

/// The dedupe table, and the table that the effects are written to.
#[derive(Clone, Debug)]
pub struct TableStore {
    client: Client,
    dedupe_table: String,
    records_table: String,
}

/// Absent, or expired and not yet swept.
const IS_FREE: &str = "attribute_not_exists(pk) OR expires_at <= :now";

impl TableStore {
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String, records_table: String) -> Self {
        Self { client: Client::new(config), dedupe_table, records_table }
    }

    fn dedupe_put(&self, write: &Write<Item>, now: Timestamp) -> Option<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&self.dedupe_table)
            .item("pk", AttributeValue::S(write.id.to_string()))
            .item("fingerprint", AttributeValue::S(write.fingerprint.to_string()))
            .item("expires_at", seconds(write.expires_at))
            .condition_expression(IS_FREE)
            .expression_attribute_values(":now", seconds(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Some(TransactWriteItem::builder().put(put.build().ok()?).build())
    }

    fn effect_put(&self, write: &Write<Item>) -> Option<TransactWriteItem> {
        let item = Some(write.effect.clone());
        let put = Put::builder().table_name(&self.records_table).set_item(item).build().ok()?;
        Some(TransactWriteItem::builder().put(put).build())
    }
}

impl Store for TableStore {
    type Effect = Item;

    async fn write_all(&self, writes: &[Write<Item>], now: Timestamp) -> Result<(), WriteError> {
        let actions: Option<Vec<_>> = writes
            .iter()
            .flat_map(|write| [self.dedupe_put(write, now), self.effect_put(write)])
            .collect();
        // The SDK gives each call a client request token, so that its own retries are one write.
        let call = self.client.transact_write_items().set_transact_items(actions);
        call.send().await.map(|_| ()).map_err(|error| write_error(&error))
    }
}

/// DynamoDB's TTL counts whole seconds.
fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.unix_ms().div_euclid(1_000).to_string())
}

fn write_error(error: &SdkError<TransactWriteItemsError>) -> WriteError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons();
            let rejected = reasons.iter().find(|reason| reason.code() == Some("ValidationError"));
            if let Some(reason) = rejected {
                return WriteError::Rejected { reason: explain(reason.message()) };
            }
            // Two actions a write: its dedupe record, then its effect.
            WriteError::Cancelled(reasons.chunks(2).map(reason_of).collect())
        }
        Some(other) if other.code() == Some("ValidationException") => {
            WriteError::Rejected { reason: explain(other.message()) }
        }
        _ => WriteError::Failed(failure_of("writing to the table", error)),
    }
}

fn explain(message: Option<&str>) -> String {
    format!("writing to the table: {}", message.unwrap_or("refused as invalid"))
}

fn reason_of(pair: &[CancellationReason]) -> Reason {
    let code = |at: usize| pair.get(at).and_then(CancellationReason::code).unwrap_or("None");
    match (code(0), code(1)) {
        ("ConditionalCheckFailed", _) => {
            pair.first().and_then(completed).map_or(Reason::Contended, Reason::Exists)
        }
        ("None", "None") => Reason::Innocent,
        _ => Reason::Contended,
    }
}

fn completed(reason: &CancellationReason) -> Option<Completed> {
    let item = reason.item.as_ref()?;
    let fingerprint = item.get("fingerprint")?.as_s().ok()?.clone();
    let expires_s: i64 = item.get("expires_at")?.as_n().ok()?.parse().ok()?;
    let expires_at = Timestamp::from_unix_ms(expires_s.saturating_mul(1_000));
    Some(Completed { fingerprint: Fingerprint::from(fingerprint), expires_at })
}
