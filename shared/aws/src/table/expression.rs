//! Builds update and condition expressions. Each attribute name has a placeholder, so that an attribute may have a
//! reserved word as its name.
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

/// The expressions of one row's write, with their names and values.
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

    /// Adds to a number. An absent attribute counts as 0.
    pub(super) fn add(&mut self, name: &str, value: AttributeValue) {
        let action = format!("{} {}", self.name(name), self.value(value));
        self.add.push(action);
    }

    /// Requires that the attribute is absent or less than `value`.
    pub(super) fn absent_or_less(&mut self, name: &str, value: AttributeValue) {
        let (name, value) = (self.name(name), self.value(value));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name}<{value})"));
    }

    /// Requires that the row has no version, or an older one.
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
        let mut clauses = Vec::new();
        for (word, actions) in [("SET", &self.set), ("REMOVE", &self.remove), ("ADD", &self.add)] {
            if !actions.is_empty() {
                clauses.push(format!("{word} {}", actions.join(",")));
            }
        }
        clauses.join(" ")
    }

    /// The update of the row. `failed` says what DynamoDB returns if the condition does not hold.
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
