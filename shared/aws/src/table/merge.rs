//! An effect that replaces some attributes of a row: each attribute has a version of its own.
//!
//! With one version for the whole row, an older event that comes late would be stale as a whole, and
//! what it alone says would be lost: rows would depend on the order of arrival. So each attribute is
//! replaced where the event is newer than that attribute, and beside `state` stands `state@version`. A
//! deletion is a new version of every attribute that the contract names, without a value. What the row
//! itself is (its event, its times, whether it is deleted) goes with the newest event of all.

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
    pub row: Row,
    /// What the row itself is; `None` once it is known that there is a newer event.
    pub head: Option<Head>,
    pub fields: BTreeMap<String, Field>,
}

/// What goes with the newest event of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub version: RowVersion,
    pub item: Item,
    /// Attributes that it does not have.
    pub without: Vec<&'static str>,
}

/// A new value, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub version: RowVersion,
    pub value: Option<AttributeValue>,
}

impl Merge {
    /// All that the row had comes back if something of it is newer: [`Merge::drop_older`].
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
        let is_newer = |one: Option<&RowVersion>, than: Option<&RowVersion>| one > than;
        let head = |it: &Self| it.head.as_ref().map(|head| head.version.clone());
        let (mut of_this, mut of_other) = (false, false);
        if is_newer(head(other).as_ref(), head(self).as_ref()) {
            both.head.clone_from(&other.head);
            of_other = true;
        } else {
            of_this |= self.head.is_some();
        }
        for (name, field) in &other.fields {
            let held = self.fields.get(name).map(|held| &held.version);
            if is_newer(Some(&field.version), held) {
                both.fields.insert(name.clone(), field.clone());
                of_other = true;
            }
        }
        of_this |= self.fields.iter().any(|(name, field)| both.fields.get(name) == Some(field));
        match (of_this, of_other) {
            (_, false) => Merged::This,
            (false, true) => Merged::Other,
            (true, true) => Merged::Both(both),
        }
    }

    /// Leaves what is newer than the row as it was found; tells whether anything had to go.
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

/// The attribute that holds the version of another. No attribute of a contract has an `@`.
pub(crate) fn version_of(name: &str) -> String {
    format!("{name}@version")
}

#[cfg(test)]
mod tests;
