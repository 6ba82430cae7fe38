//! The effects that an event can have on a row.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use contracts::RowVersion;
use dedupe::{Effect, Expected, Merged, OwnRecord, RecordId};
use event::{Fingerprint, Timestamp};

use super::expression::Expression;
use super::record::{self, Condition};
use super::row::{KEY, ORDER, key_value, order_value};
use super::{Accumulate, Item, Merge, Row};

/// An effect on a row of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableEffect {
    /// Adds a row that is never replaced.
    Insert(Insert),
    /// Replaces a row as a whole.
    Upsert(Upsert),
    /// Replaces some attributes of a row.
    Merge(Merge),
    /// Adds to the numbers of a row.
    Accumulate(Accumulate),
}

/// A new row that is never replaced. It is its own dedupe record, so that there is one item instead of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The row that is added.
    pub row: Row,
    /// The id of the dedupe record that the row stands for. It is not written.
    pub id: RecordId,
    /// Written as the item's `fingerprint`.
    pub fingerprint: Fingerprint,
    /// Written as the item's `expires_at`. From then on the row counts as absent, whether DynamoDB has
    /// deleted it or not. `None` keeps it for ever.
    pub expires_at: Option<Timestamp>,
    /// The other attributes, without the key.
    pub item: Item,
}

/// Replaces a row as a whole, unless the row is newer. If the event deletes the row, only its version and what says
/// that it is deleted are left.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsert {
    /// The row that is replaced, or added.
    pub row: Row,
    /// The version of the event, written as `version` and `idempotency_key`.
    pub version: RowVersion,
    /// The other attributes, without key and version.
    pub item: Item,
}

impl TableEffect {
    /// The transaction's action for this effect. `now` decides whether a row that it finds has expired.
    pub(super) fn action(self, now: Timestamp) -> Result<TransactWriteItem, BuildError> {
        let put = match self {
            Self::Insert(Insert { row, fingerprint, expires_at, mut item, .. }) => {
                item.extend(expires_at.map(record::expires_at));
                item.extend([record::record_format()]);
                let Condition { expression, names, values } = Condition::of(&Expected::Free, now);
                Put::builder()
                    .table_name(row.table())
                    .set_item(Some(item))
                    .item("pk", row.key())
                    .item("fingerprint", AttributeValue::S(fingerprint.to_string()))
                    .condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(Some(values))
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    )
            }
            Self::Upsert(Upsert { row, version, item }) => {
                let mut expression = Expression::default();
                expression.older(&version);
                Put::builder()
                    .table_name(row.table())
                    .set_item(Some(item))
                    .item("pk", row.key())
                    .item(ORDER, order_value(&version))
                    .item(KEY, key_value(&version))
                    .set_condition_expression(expression.condition())
                    .set_expression_attribute_names(Some(expression.names))
                    .set_expression_attribute_values(Some(expression.values))
            }
            Self::Merge(merge) => return merge.action(),
            Self::Accumulate(accumulate) => return accumulate.action(),
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    fn row(&self) -> &Row {
        match self {
            Self::Insert(insert) => &insert.row,
            Self::Upsert(upsert) => &upsert.row,
            Self::Merge(merge) => &merge.row,
            Self::Accumulate(accumulate) => &accumulate.row,
        }
    }
}

impl Effect for TableEffect {
    fn target(&self) -> Option<&str> {
        Some(self.row().as_str())
    }

    fn merge(&self, other: &Self) -> Merged<Self> {
        match (self, other) {
            (Self::Upsert(this), Self::Upsert(other)) if this.version < other.version => {
                Merged::Other
            }
            (Self::Upsert(_), Self::Upsert(_)) => Merged::This,
            (Self::Merge(this), Self::Merge(other)) => this.merge(other).map(Self::Merge),
            (Self::Accumulate(this), Self::Accumulate(other)) => {
                this.merge(other).map(Self::Accumulate)
            }
            // These cannot be one write: they are of different kinds, or they are two inserts. The store decides.
            (Self::Insert(_) | Self::Upsert(_) | Self::Merge(_) | Self::Accumulate(_), _) => {
                Merged::Apart
            }
        }
    }

    fn own_record(&self) -> Option<OwnRecord<'_>> {
        match self {
            Self::Insert(Insert { id, fingerprint, expires_at, .. }) => {
                Some(OwnRecord { id, fingerprint, expires_at: *expires_at })
            }
            Self::Upsert(_) | Self::Merge(_) | Self::Accumulate(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
