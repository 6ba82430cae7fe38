//! An effect that adds to a row's numbers. By itself it is not idempotent; the dedupe record in its transaction makes
//! it so.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use dedupe::Merged;
use event::Decimal;

use super::expression::Expression;
use super::{Item, Row};

/// An addition to a row's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Accumulate {
    /// The row of the totals, which is created if it is absent.
    pub row: Row,
    /// Attributes that describe the row. They are replaced by each addition.
    pub labels: Item,
    /// What is added to each attribute; an absent attribute counts as 0.
    pub sums: BTreeMap<String, Decimal>,
}

impl Accumulate {
    /// The update of the row. DynamoDB's `ADD` is atomic, and exact for decimals of up to 38 digits.
    pub(super) fn action(self) -> Result<TransactWriteItem, BuildError> {
        let mut expression = Expression::default();
        for (name, value) in self.labels {
            expression.set(&name, value);
        }
        for (name, sum) in self.sums {
            expression.add(&name, AttributeValue::N(sum.to_string()));
        }
        expression.update(&self.row, ReturnValuesOnConditionCheckFailure::None)
    }

    /// Adds up two additions to one row. They stay apart if a sum would have more digits than DynamoDB keeps, so that
    /// DynamoDB decides which of them it refuses.
    pub(super) fn merge(&self, other: &Self) -> Merged<Self> {
        let mut both = other.clone();
        for (name, sum) in &self.sums {
            let sum = both.sums.get(name).copied().unwrap_or(Decimal::ZERO).plus(*sum);
            let Some(sum) = sum else { return Merged::Apart };
            both.sums.insert(name.clone(), sum);
        }
        Merged::Both(both)
    }
}
