//! The dedupe [`Store`] port, implemented with DynamoDB: one `TransactWriteItems` writes dedupe records and effects.

mod accumulate;
mod claims;
mod effect;
mod expression;
mod merge;
mod reasons;
mod record;
mod row;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use dedupe::{Change, CommitError, Store, Transaction};
use event::{Code, Timestamp};

pub use self::accumulate::Accumulate;
pub use self::claims::ClaimStore;
pub use self::effect::{Insert, TableEffect, Upsert};
pub use self::merge::{Field, Head, Merge};
use self::reasons::EffectKind;
pub use self::record::expires_at;
use self::record::{Condition, attributes};
pub use self::row::Row;
#[cfg(feature = "evidence")]
pub(crate) use self::{
    merge::version_of,
    row::{KEY, ORDER, read_version},
};

/// An item of a table: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// Writes dedupe records into the dedupe table, and effects into the tables that they name.
#[derive(Clone, Debug)]
pub struct TableStore {
    client: Client,
    dedupe_table: String,
}

impl TableStore {
    /// `dedupe_table` is the name of the table of dedupe records, whose key is `pk`.
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String) -> Self {
        Self { client: Client::new(config), dedupe_table }
    }

    /// The transaction's action for one dedupe record.
    fn change(&self, change: &Change, now: Timestamp) -> Result<TransactWriteItem, BuildError> {
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
                    .build()?,
            ),
            None => action.delete(
                Delete::builder()
                    .table_name(&self.dedupe_table)
                    .key("pk", pk)
                    .condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values))
                    .return_values_on_condition_check_failure(all_old)
                    .build()?,
            ),
        };
        Ok(action.build())
    }
}

impl Store for TableStore {
    type Effect = TableEffect;

    async fn commit(
        &self,
        mut transaction: Transaction<TableEffect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let changes = transaction.changes.len();
        loop {
            let kinds: Vec<_> = transaction.effects.iter().map(EffectKind::of).collect();
            // Only a transaction with merges is tried again here.
            let has_merge = kinds.iter().any(|kind| matches!(kind, EffectKind::Attributes(_)));
            let again = has_merge.then(|| transaction.clone());
            let of_changes = transaction.changes.iter().map(|change| self.change(change, now));
            let of_effects = transaction.effects.into_iter().map(|effect| effect.action(now));
            let built: Result<Vec<_>, _> = of_changes.chain(of_effects).collect();
            let actions = built.map_err(|error| CommitError::Rejected {
                code: Code::DependencyRefused,
                reason: format!("no action: {error}"),
            })?;
            // The SDK gives each call a client request token, so that its retries are one write.
            let call = self.client.transact_write_items().set_transact_items(Some(actions));
            let Err(error) = call.send().await else { return Ok(()) };
            match (again, reasons::narrowed(&error, changes, &kinds)) {
                (Some(mut again), Some(left)) => {
                    for (place, merge) in left {
                        again.effects[place] = TableEffect::Merge(merge);
                    }
                    transaction = again;
                }
                _ => return Err(reasons::commit_error(&error, changes, &kinds)),
            }
        }
    }

    async fn pause(&self, time: Duration) {
        TokioSleep::new().sleep(time).await;
    }
}
