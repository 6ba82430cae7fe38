//! What DynamoDB says of a transaction that it did not write.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors>

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use dedupe::{CommitError, Reason};

use super::record;
use crate::failure_of;

/// The first `changes` actions were of dedupe records, the others are effects.
pub(super) fn commit_error(
    error: &SdkError<TransactWriteItemsError>,
    changes: usize,
) -> CommitError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons();
            let rejected = reasons.iter().find(|reason| reason.code() == Some("ValidationError"));
            if let Some(reason) = rejected {
                return CommitError::Rejected { reason: explain(reason.message()) };
            }
            let (changes, effects) = reasons.split_at(changes.min(reasons.len()));
            CommitError::Cancelled {
                changes: changes.iter().map(of_change).collect(),
                effects: effects.iter().map(of_effect).collect(),
            }
        }
        Some(other) if other.code() == Some("ValidationException") => {
            CommitError::Rejected { reason: explain(other.message()) }
        }
        _ => CommitError::Failed(failure_of("writing to the table", error)),
    }
}

fn explain(message: Option<&str>) -> String {
    format!("writing to the table: {}", message.unwrap_or("refused as invalid"))
}

fn of_change(reason: &CancellationReason) -> Reason {
    match reason.code() {
        None | Some("None") => Reason::Innocent,
        Some("ConditionalCheckFailed") => match &reason.item {
            None => Reason::Found(None),
            Some(item) => match record::read(item) {
                Some(record) => Reason::Found(Some(record)),
                // Not one of ours: nothing is known of it.
                None => Reason::Contended,
            },
        },
        Some(_) => Reason::Contended,
    }
}

fn of_effect(reason: &CancellationReason) -> Reason {
    match (reason.code(), &reason.item) {
        (None | Some("None"), _) => Reason::Innocent,
        // Only a row that holds its own dedupe record asks for what was there.
        (Some("ConditionalCheckFailed"), Some(_)) => of_change(reason),
        (Some("ConditionalCheckFailed"), None) => Reason::Superseded,
        (Some(_), _) => Reason::Contended,
    }
}
