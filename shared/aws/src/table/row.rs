//! Which row an effect is about, and which of two events about it is the newer one.

use aws_sdk_dynamodb::types::AttributeValue;
use event::IdempotencyKey;

use super::Item;

/// A table and a partition key; no two rows of any tables have the same text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(String);

impl Row {
    /// A table's name, and its ARN, hold no `#`.
    #[must_use]
    pub fn new(table: &str, pk: &str) -> Self {
        Self(format!("{table}#{pk}"))
    }

    #[must_use]
    pub fn table(&self) -> &str {
        self.0.split_once('#').map_or("", |(table, _)| table)
    }

    #[must_use]
    pub fn pk(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, pk)| pk)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> AttributeValue {
        AttributeValue::S(self.pk().to_owned())
    }
}

/// How new an event is: by its order, and among equals by its key, so that no two are the same.
///
/// A row has it as the attributes `version` and `idempotency_key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub order: i64,
    pub key: IdempotencyKey,
}

pub(super) const ORDER: &str = "version";
pub(super) const KEY: &str = "idempotency_key";

impl Version {
    /// That of a row; `None` if it was never given one.
    pub(super) fn of(item: &Item) -> Option<Self> {
        let order = item.get(ORDER)?.as_n().ok()?.parse().ok()?;
        let key = IdempotencyKey::from(item.get(KEY)?.as_s().ok()?.clone());
        Some(Self { order, key })
    }

    pub(super) fn order(&self) -> AttributeValue {
        AttributeValue::N(self.order.to_string())
    }

    pub(super) fn key(&self) -> AttributeValue {
        AttributeValue::S(self.key.to_string())
    }

    /// In one text, which sorts as versions do: the order as 16 hex digits, counted from the least
    /// there is, then the key.
    pub(super) fn sortable(&self) -> String {
        let from_least = self.order.cast_unsigned() ^ (1 << 63);
        format!("{from_least:016x}#{}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_table_and_its_key_whatever_that_holds() {
        let row = Row::new("records", "flights#[\"U#A\"]");
        assert_eq!((row.table(), row.pk()), ("records", "flights#[\"U#A\"]"));
    }

    proptest::proptest! {
        #[test]
        fn the_sortable_text_sorts_as_versions_do(
            a in (proptest::num::i64::ANY, "[0-9a-f]{4}"),
            b in (-2_i64..3, "[0-9a-f]{4}"),
            c in (-2_i64..3, "[0-9a-f]{4}"),
        ) {
            let version = |(order, key): (i64, String)| Version { order, key: key.into() };
            let all = [a, b, c].map(version);
            for one in &all {
                for other in &all {
                    let texts = one.sortable().cmp(&other.sortable());
                    proptest::prop_assert_eq!(texts, one.cmp(other), "{:?} and {:?}", one, other);
                }
            }
        }
    }
}
