//! The errors of SQS: their codes, HTTP statuses and messages.
//!
//! SQS used to have a query protocol, and the official SDKs still distinguish errors by the codes of
//! that protocol, which the JSON protocol carries in the header `x-amzn-query-error`. The wording of
//! the messages is AWS's. Every error is the sender's fault, since the emulation is never overloaded.

use super::SqsError;

/// Why a request, or one entry of a batch, was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: String,
}

/// The errors that SQS documents for its operations, and those common to all AWS services:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
    OverLimit,
    PurgeQueueInProgress,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
    Serialization,
    TooManyEntriesInBatchRequest,
    UnknownOperation,
    UnsupportedOperation,
}

const SQS: &str = "com.amazonaws.sqs#";
const SHARED: &str = "com.amazon.coral.service#";

impl Code {
    /// The name in the API reference, such as `QueueDoesNotExist` or `InvalidParameterValue`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::MissingParameter => "MissingParameter",
            other => other.names().1,
        }
    }

    /// The `__type` of the JSON protocol, including the namespace.
    pub(super) fn wire_type(self) -> String {
        let (namespace, shape, _) = self.names();
        format!("{namespace}{shape}")
    }

    /// The code of the query protocol; `None` if it has no such error.
    pub(super) fn query_code(self) -> Option<&'static str> {
        self.names().2
    }

    /// The HTTP status, as observed on AWS.
    pub(super) fn status(self) -> http::StatusCode {
        match self {
            Self::ResourceNotFound => http::StatusCode::NOT_FOUND,
            Self::PurgeQueueInProgress => http::StatusCode::FORBIDDEN,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }

    /// The namespace, the shape and the query code.
    fn names(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::BatchEntryIdsNotDistinct => legacy(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            ),
            Self::BatchRequestTooLong => {
                legacy("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
            }
            Self::EmptyBatchRequest => {
                legacy("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")
            }
            Self::InvalidAttributeName => legacy("InvalidAttributeName", "InvalidAttributeName"),
            Self::InvalidAttributeValue => legacy("InvalidAttributeValue", "InvalidAttributeValue"),
            Self::InvalidBatchEntryId => {
                legacy("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
            }
            Self::InvalidMessageContents => {
                legacy("InvalidMessageContents", "InvalidMessageContents")
            }
            Self::InvalidParameterValue => {
                (SHARED, "InvalidParameterValueException", Some("InvalidParameterValue"))
            }
            Self::MessageNotInflight => {
                legacy("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight")
            }
            Self::MissingParameter => {
                (SHARED, "MissingRequiredParameterException", Some("MissingParameter"))
            }
            Self::OverLimit => legacy("OverLimit", "OverLimit"),
            Self::PurgeQueueInProgress => {
                legacy("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress")
            }
            Self::QueueDeletedRecently => {
                legacy("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently")
            }
            Self::QueueDoesNotExist => {
                legacy("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
            }
            Self::QueueNameExists => legacy("QueueNameExists", "QueueAlreadyExists"),
            Self::ReceiptHandleIsInvalid => {
                legacy("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid")
            }
            Self::ResourceNotFound => {
                legacy("ResourceNotFoundException", "ResourceNotFoundException")
            }
            Self::Serialization => (SHARED, "SerializationException", None),
            Self::TooManyEntriesInBatchRequest => legacy(
                "TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            ),
            Self::UnknownOperation => (SHARED, "UnknownOperationException", None),
            Self::UnsupportedOperation => {
                legacy("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
            }
        }
    }
}

fn legacy(
    shape: &'static str,
    query: &'static str,
) -> (&'static str, &'static str, Option<&'static str>) {
    (SQS, shape, Some(query))
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn no_such_queue() -> Self {
        Self::new(Code::QueueDoesNotExist, "The specified queue does not exist.")
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(
            Code::MissingParameter,
            format!("The request must contain the parameter {parameter}."),
        )
    }

    /// A bad parameter, in AWS's usual wording: its value, and why the value is wrong.
    pub(super) fn invalid(parameter: &str, value: impl std::fmt::Display, reason: &str) -> Self {
        Self::new(
            Code::InvalidParameterValue,
            format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"),
        )
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    pub(super) fn not_for_this_queue_type(parameter: &str, value: impl std::fmt::Display) -> Self {
        Self::invalid(
            parameter,
            value,
            "The request include parameter that is not valid for this queue type.",
        )
    }

    pub(super) fn bad_handle(handle: &str) -> Self {
        Self::new(
            Code::ReceiptHandleIsInvalid,
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    }
}

impl From<Fault> for SqsError {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code.name().to_owned(), message: fault.message }
    }
}
