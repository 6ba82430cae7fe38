//! An effect that replaces some attributes of a row. Each attribute has a version of its own.
//!
//! With one version for the whole row, an older event that arrives late would be stale as a whole, and the attributes
//! that only it sets would be lost. The row would depend on the order of arrival. So the event replaces each attribute
//! that is older than the event, and `state@version` beside `state` holds the attribute's version. A deletion is a new
//! version, without a value, of every attribute that the contract names. The attributes of the row itself (its event,
//! its times, whether it is deleted) are those of the newest event.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use contracts::RowVersion;
use dedupe::Merged;

use super::expression::Expression;
use super::row::{KEY, ORDER, key_value, order_value, read_version};
use super::{Item, Row};

/// New values for attributes of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// The row whose attributes are replaced, or that is added.
    pub row: Row,
    /// The attributes of the row itself; `None` once it is known that the row has them from a newer event.
    pub head: Option<Head>,
    /// The new values, by the names of the attributes that the contract merges.
    pub fields: BTreeMap<String, Field>,
}

/// The attributes that a row has from its newest event.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The version of the event, written as `version` and `idempotency_key`.
    pub version: RowVersion,
    /// The attributes to set.
    pub item: Item,
    /// The names of attributes to remove, since the event does not have them.
    pub without: Vec<&'static str>,
}

/// A new value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The version of the event that sets it, written as `<name>@version`.
    pub version: RowVersion,
    /// The value; `None` removes the attribute, and leaves its version.
    pub value: Option<AttributeValue>,
}

impl Merge {
    /// The update of the row. If something in the row is newer, DynamoDB returns the whole row for
    /// [`Merge::drop_older`].
    pub(super) fn action(self) -> Result<TransactWriteItem, BuildError> {
        let mut expression = Expression::default();
        if let Some(Head { version, item, without }) = self.head {
            expression.older(&version);
            expression.set(ORDER, order_value(&version));
            expression.set(KEY, key_value(&version));
            item.into_iter().for_each(|(name, value)| expression.set(&name, value));
            without.into_iter().for_each(|name| expression.remove(name));
        }
        for (name, Field { version, value }) in self.fields {
            let version = AttributeValue::S(version.sortable());
            expression.absent_or_less(&version_of(&name), version.clone());
            expression.set(&version_of(&name), version);
            match value {
                Some(value) => expression.set(&name, value),
                None => expression.remove(&name),
            }
        }
        expression.update(&self.row, ReturnValuesOnConditionCheckFailure::AllOld)
    }

    pub(super) fn merge(&self, other: &Self) -> Merged<Self> {
        let mut both = self.clone();
        let (mut keeps_this, mut takes_other) = (false, false);
        // `None` is less than any version.
        if other.head_version() > self.head_version() {
            both.head.clone_from(&other.head);
            takes_other = true;
        } else {
            keeps_this |= self.head.is_some();
        }
        for (name, field) in &other.fields {
            let held = self.fields.get(name).map(|held| &held.version);
            if Some(&field.version) > held {
                both.fields.insert(name.clone(), field.clone());
                takes_other = true;
            }
        }
        keeps_this |= self.fields.iter().any(|(name, field)| both.fields.get(name) == Some(field));
        match (keeps_this, takes_other) {
            (_, false) => Merged::This,
            (false, true) => Merged::Other,
            (true, true) => Merged::Both(both),
        }
    }

    fn head_version(&self) -> Option<&RowVersion> {
        self.head.as_ref().map(|head| &head.version)
    }

    /// Drops what is older than the row that was found. Returns whether anything was dropped.
    pub(super) fn drop_older(&mut self, found: &Item) -> bool {
        let before = self.fields.len() + usize::from(self.head.is_some());
        let newest = read_version(found);
        self.head = self.head.take().filter(|head| Some(&head.version) > newest.as_ref());
        self.fields.retain(|name, field| {
            let held = found.get(&version_of(name)).and_then(|held| held.as_s().ok());
            held.is_none_or(|held| *held < field.version.sortable())
        });
        self.fields.len() + usize::from(self.head.is_some()) < before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none() && self.fields.is_empty()
    }
}

/// The name of the attribute that holds another's version. No name in a contract has an `@`.
pub(crate) fn version_of(name: &str) -> String {
    format!("{name}@version")
}

#[cfg(test)]
mod tests;
