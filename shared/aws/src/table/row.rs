//! The row that an effect changes, and the row's version.

use aws_sdk_dynamodb::types::AttributeValue;
use contracts::RowVersion;
use event::IdempotencyKey;

use super::Item;

/// A row of a table, as the text `<table>#<pk>`, which is different for each row of all tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(String);

impl Row {
    /// The row of `table`, a name or an ARN, whose partition key is `pk`. Neither a name nor an ARN has a `#`; `pk` may
    /// have any character.
    #[must_use]
    pub fn new(table: &str, pk: &str) -> Self {
        Self(format!("{table}#{pk}"))
    }

    /// The table's name or ARN.
    #[must_use]
    pub fn table(&self) -> &str {
        self.0.split_once('#').map_or("", |(table, _)| table)
    }

    /// The value of the partition key `pk`.
    #[must_use]
    pub fn pk(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, pk)| pk)
    }

    /// The text `<table>#<pk>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> AttributeValue {
        AttributeValue::S(self.pk().to_owned())
    }
}

pub(crate) const ORDER: &str = "version";
pub(crate) const KEY: &str = "idempotency_key";

/// The version of a row; `None` if it has none.
pub(crate) fn read_version(item: &Item) -> Option<RowVersion> {
    let order = item.get(ORDER)?.as_n().ok()?.parse().ok()?;
    let key = IdempotencyKey::from(item.get(KEY)?.as_s().ok()?.clone());
    Some(RowVersion { order, key })
}

/// The value of the attribute [`ORDER`].
pub(super) fn order_value(version: &RowVersion) -> AttributeValue {
    AttributeValue::N(version.order.to_string())
}

/// The value of the attribute [`KEY`].
pub(super) fn key_value(version: &RowVersion) -> AttributeValue {
    AttributeValue::S(version.key.to_string())
}

#[cfg(test)]
mod tests {
    use contracts::RowOrder;

    use super::*;

    #[test]
    fn a_row_is_its_table_and_its_key_whatever_that_holds() {
        let row = Row::new("records", "flights#[\"U#A\"]");
        assert_eq!((row.table(), row.pk()), ("records", "flights#[\"U#A\"]"));
    }

    /// Rows that were written before times had fractions have whole milliseconds.
    #[test]
    fn the_version_of_an_older_row_is_read() {
        let item = Item::from([
            (ORDER.to_owned(), AttributeValue::N("1385596800123".to_owned())),
            (KEY.to_owned(), AttributeValue::S("k".to_owned())),
        ]);
        let order = RowOrder::from(1_385_596_800_123);
        assert_eq!(read_version(&item), Some(RowVersion { order, key: "k".to_owned().into() }));
    }
}
