//! What an event does to the records table.

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use dedupe::{Effect, Merged, RecordId};
use event::Fingerprint;

use super::Item;

/// An effect on the records table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableEffect {
    Insert(Insert),
}

/// A new row, never overwritten. It is its own dedupe record, which is one item instead of two: its
/// `pk` holds the idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    pub id: RecordId,
    /// Written as the item's `fingerprint`.
    pub fingerprint: Fingerprint,
    pub item: Item,
}

impl TableEffect {
    /// The action that does it; `None` if it has no item.
    pub(super) fn action(self, table: &str) -> Option<TransactWriteItem> {
        let put = match self {
            Self::Insert(Insert { fingerprint, item, .. }) => Put::builder()
                .table_name(table)
                .set_item(Some(item))
                .item("fingerprint", AttributeValue::S(fingerprint.to_string()))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                ),
        };
        Some(TransactWriteItem::builder().put(put.build().ok()?).build())
    }
}

impl Effect for TableEffect {
    fn target(&self) -> Option<&str> {
        match self {
            Self::Insert(_) => None,
        }
    }

    fn merge(&self, _: &Self) -> Merged<Self> {
        Merged::Apart
    }

    fn own_record(&self) -> Option<(&RecordId, &Fingerprint)> {
        match self {
            Self::Insert(insert) => Some((&insert.id, &insert.fingerprint)),
        }
    }
}
