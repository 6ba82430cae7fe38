//! Reads from DynamoDB's answer why it did not write a transaction.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors>

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use dedupe::{CommitError, ItemConflict};
use event::Code;

use super::{Merge, TableEffect, record};
use crate::failure_of;

type Error = SdkError<TransactWriteItemsError>;

/// The condition of an effect, which decides what its cancellation means.
pub(super) enum EffectKind {
    /// The row is its own dedupe record, and must be absent or expired.
    OwnRecord,
    /// The row has a version, which must be older.
    Older,
    /// Each attribute has a version, which must be older.
    Attributes(Merge),
    /// The effect has no condition.
    None,
}

impl EffectKind {
    pub(super) fn of(effect: &TableEffect) -> Self {
        match effect {
            TableEffect::Insert(_) => Self::OwnRecord,
            TableEffect::Upsert(_) => Self::Older,
            TableEffect::Merge(merge) => Self::Attributes(merge.clone()),
            TableEffect::Accumulate(_) => Self::None,
        }
    }
}

/// The error of a transaction whose first `changes` actions are dedupe records, and whose others are effects.
pub(super) fn commit_error(error: &Error, changes: usize, effects: &[EffectKind]) -> CommitError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons();
            let invalid = reasons.iter().find(|reason| reason.code() == Some("ValidationError"));
            if let Some(reason) = invalid {
                return rejected(reason.message());
            }
            let (changes, of_effects) = reasons.split_at(changes.min(reasons.len()));
            let effects = effects.iter().zip(of_effects);
            CommitError::Cancelled {
                changes: changes.iter().map(of_change).collect(),
                effects: effects.map(|(effect, reason)| of_effect(effect, reason)).collect(),
            }
        }
        Some(other) if other.code() == Some("ValidationException") => rejected(other.message()),
        _ => CommitError::Failed(failure_of("writing to the table", error)),
    }
}

/// If merges alone failed a transaction, what is left of each without the attributes that its row has newer, by the
/// positions of the merges among the effects. The transaction can then be tried again at once. It gets smaller each
/// time, so this ends.
pub(super) fn narrowed(
    error: &Error,
    changes: usize,
    effects: &[EffectKind],
) -> Option<Vec<(usize, Merge)>> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return None;
    };
    let mut left = Vec::new();
    for (place, reason) in cancelled.cancellation_reasons().iter().enumerate() {
        if is_innocent(reason) {
            continue;
        }
        let place = place.checked_sub(changes)?;
        let EffectKind::Attributes(merge) = effects.get(place)? else { return None };
        let found = reason.item.as_ref().filter(|_| is_condition(reason))?;
        let mut merge = merge.clone();
        if !merge.drop_older(found) || merge.is_empty() {
            return None;
        }
        left.push((place, merge));
    }
    (!left.is_empty()).then_some(left)
}

/// Parts of DynamoDB's messages about a number that it cannot store.
const OF_A_NUMBER: [&str; 3] =
    ["more than 38 significant digits", "Number overflow", "Number underflow"];

/// Parts of other messages that quote no value. All messages that have none of these parts may quote one, such as "The
/// parameter cannot be converted to a numeric value: …" and "Input collection […] contains duplicates".
const WITHOUT_VALUES: [&str; 6] = [
    "has exceeded the maximum allowed size",
    "incorrect data type",
    "Type mismatch for",
    "empty string value",
    "does not match the schema",
    "multiple operations on one item",
];

/// The error of a request that DynamoDB refused as invalid. A number out of range is a total, since ingest refuses
/// events with numbers that DynamoDB cannot store.
fn rejected(message: Option<&str>) -> CommitError {
    let message = message.unwrap_or_default();
    let is_of_a_number = OF_A_NUMBER.iter().any(|part| message.contains(part));
    let code = if is_of_a_number { Code::NumberOutOfRange } else { Code::DependencyRefused };
    let quotes_nothing = is_of_a_number || WITHOUT_VALUES.iter().any(|part| message.contains(part));
    let said =
        if quotes_nothing { message } else { "refused as invalid, in words that may quote it" };
    CommitError::Rejected { code, reason: format!("writing to the table: {said}") }
}

fn is_innocent(reason: &CancellationReason) -> bool {
    reason.code().is_none_or(|code| code == "None")
}

fn is_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

fn of_change(reason: &CancellationReason) -> ItemConflict {
    match &reason.item {
        _ if is_innocent(reason) => ItemConflict::NotAtFault,
        _ if !is_condition(reason) => ItemConflict::Contended,
        None => ItemConflict::Found(None),
        // An item that is not a dedupe record says nothing, so the change is tried again.
        Some(item) => record::read(item)
            .map_or(ItemConflict::Contended, |record| ItemConflict::Found(Some(record))),
    }
}

fn of_effect(kind: &EffectKind, reason: &CancellationReason) -> ItemConflict {
    if is_innocent(reason) {
        return ItemConflict::NotAtFault;
    }
    if !is_condition(reason) {
        return ItemConflict::Contended;
    }
    match (kind, &reason.item) {
        (EffectKind::OwnRecord, Some(item)) => record::of_row(item)
            .map_or(ItemConflict::Contended, |record| ItemConflict::Found(Some(record))),
        (EffectKind::Older, _) => ItemConflict::Superseded,
        (EffectKind::Attributes(merge), Some(found)) => {
            let mut left = merge.clone();
            match left.drop_older(found) {
                true if left.is_empty() => ItemConflict::Superseded,
                // What is left can be written with the next attempt.
                true => ItemConflict::NotAtFault,
                false => ItemConflict::Contended,
            }
        }
        (EffectKind::OwnRecord | EffectKind::Attributes(_), None) | (EffectKind::None, _) => {
            ItemConflict::Contended
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, code: Code, reason: &str) {
        let CommitError::Rejected { code: found, reason: given } = rejected(Some(message)) else {
            panic!("not rejected")
        };
        assert_eq!((found, given), (code, format!("writing to the table: {reason}")), "{message}");
    }

    #[test]
    fn what_dynamodb_says_is_told_unless_it_may_quote_a_value() {
        for message in [
            "Item size to update has exceeded the maximum allowed size",
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
            "An operand in the update expression has an incorrect data type",
        ] {
            check(message, Code::DependencyRefused, message);
        }
        let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
        check(overflow, Code::NumberOutOfRange, overflow);
        for message in [
            "The parameter cannot be converted to a numeric value: s3cret",
            "One or more parameter values were invalid: Input collection [s3cret, s3cret] contains duplicates.",
            "",
        ] {
            check(
                message,
                Code::DependencyRefused,
                "refused as invalid, in words that may quote it",
            );
        }
    }
}
