//! DynamoDB behind the dedupe [`Store`] port: dedupe records and effects in one `TransactWriteItems`.

mod claims;
mod effect;
mod reasons;
mod record;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use dedupe::{Change, CommitError, Expected, Store, Transaction};
use event::Timestamp;

pub use self::claims::ClaimStore;
pub use self::effect::{Insert, TableEffect};
use self::record::{Condition, attributes};

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// The dedupe table, and the table that the effects are written to.
#[derive(Clone, Debug)]
pub struct TableStore {
    client: Client,
    dedupe_table: String,
    records_table: String,
}

impl TableStore {
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String, records_table: String) -> Self {
        Self { client: Client::new(config), dedupe_table, records_table }
    }

    /// The write of one dedupe record.
    fn change(&self, change: &Change, now: Timestamp) -> Option<TransactWriteItem> {
        let pk = AttributeValue::S(change.id.to_string());
        let Condition { expression, names, values } = Condition::of(&change.expected, now);
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        let action = match &change.to {
            Some(record) => action.put(
                Put::builder()
                    .table_name(&self.dedupe_table)
                    .set_item(Some(attributes(record)))
                    .item("pk", pk)
                    .condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .ok()?,
            ),
            None => action.delete(
                Delete::builder()
                    .table_name(&self.dedupe_table)
                    .key("pk", pk)
                    .condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .ok()?,
            ),
        };
        Some(action.build())
    }
}

impl Store for TableStore {
    type Effect = TableEffect;

    async fn commit(
        &self,
        transaction: Transaction<TableEffect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let changes = transaction.changes.len();
        let actions: Option<Vec<_>> = transaction
            .changes
            .iter()
            .map(|change| self.change(change, now))
            .chain(transaction.effects.into_iter().map(|it| it.action(&self.records_table)))
            .collect();
        // The SDK gives each call a client request token, so that its own retries are one write.
        let call = self.client.transact_write_items().set_transact_items(actions);
        call.send().await.map(|_| ()).map_err(|error| reasons::commit_error(&error, changes))
    }

    async fn pause(&self, time: Duration) {
        TokioSleep::new().sleep(time).await;
    }
}

/// The conditions on what is expected of a dedupe record.
impl Condition {
    fn of(expected: &Expected, now: Timestamp) -> Self {
        match expected {
            Expected::Free => Self::free(now),
            Expected::Held(owner) => Self::held(owner),
        }
    }
}
