//! Expressions with their names and values: all that is named goes through a placeholder, so that no
//! attribute can be a reserved word.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use contracts::RowVersion;

use super::row::{KEY, ORDER, key_value, order_value};
use super::{Item, Row};

/// A write of one row, as it is put together.
#[derive(Default)]
pub(super) struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    conditions: Vec<String>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: Item,
}

impl Expression {
    pub(super) fn set(&mut self, name: &str, value: AttributeValue) {
        let action = format!("{}={}", self.name(name), self.value(value));
        self.set.push(action);
    }

    pub(super) fn remove(&mut self, name: &str) {
        let action = self.name(name);
        self.remove.push(action);
    }

    /// To a number; to 0 if there is none.
    pub(super) fn add(&mut self, name: &str, value: AttributeValue) {
        let action = format!("{} {}", self.name(name), self.value(value));
        self.add.push(action);
    }

    /// The attribute is not there, or is less.
    pub(super) fn absent_or_less(&mut self, name: &str, value: AttributeValue) {
        let (name, value) = (self.name(name), self.value(value));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name}<{value})"));
    }

    /// The row has no version, or an older one.
    pub(super) fn older(&mut self, version: &RowVersion) {
        let (order, than) = (self.name(ORDER), self.value(order_value(version)));
        let (key, than_key) = (self.name(KEY), self.value(key_value(version)));
        self.conditions.push(format!(
            "(attribute_not_exists({order}) OR {order}<{than} OR ({order}={than} AND {key}<{than_key}))"
        ));
    }

    pub(super) fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    fn actions(&self) -> String {
        let clause = |word: &str, actions: &[String]| {
            (!actions.is_empty()).then(|| format!("{word} {}", actions.join(",")))
        };
        let clauses =
            [clause("SET", &self.set), clause("REMOVE", &self.remove), clause("ADD", &self.add)];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// As an update of the row; `failed` says what comes back if its condition does not hold.
    pub(super) fn update(
        self,
        row: &Row,
        failed: ReturnValuesOnConditionCheckFailure,
    ) -> Result<TransactWriteItem, BuildError> {
        let update = Update::builder()
            .table_name(row.table())
            .key("pk", row.key())
            .update_expression(self.actions())
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(failed)
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}
