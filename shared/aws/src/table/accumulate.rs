//! An effect that adds up: not idempotent, and made so by the dedupe record in its transaction.

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
    pub row: Row,
    /// What says whose row it is, the same for each event of it; or the latest of it.
    pub labels: Item,
    pub sums: BTreeMap<String, Decimal>,
}

impl Accumulate {
    /// `ADD` is atomic, and of decimals of 38 digits; nothing of it passes through a double.
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

    /// One addition for both; apart where a sum has more digits than are kept, so that the store says
    /// which of them it does not take.
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
