//! What enrichers look things up in: tables of DynamoDB, and files of reference data in S3.
//!
//! Clients are made at the first question: a dataset without lookups asks none. They do not try again by
//! themselves, since each try counts against the dependency's retries.

mod bucket;
mod item;
mod table;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use contracts::CallFailure;
use event::FailureKind;
use runtime::LookupError;

pub use self::bucket::ReferenceBucket;
pub use self::table::{LookupTables, TableLookup};
use crate::failure_of;

/// What a failed call says of the dependency.
fn lookup_error<E>(what: &str, error: &SdkError<E, HttpResponse>) -> LookupError
where
    E: ProvideErrorMetadata,
{
    let failure = failure_of(what, error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let says = match (failure.kind, error) {
        (FailureKind::Throttled { .. }, _) => CallFailure::Throttled,
        (_, SdkError::TimeoutError(_)) => CallFailure::Timeout,
        (_, SdkError::DispatchFailure(_)) => CallFailure::Connection,
        (_, SdkError::ServiceError(_)) if status.is_some_and(|status| status >= 500) => {
            CallFailure::ServerError
        }
        // A right that is missing, a table that is: another attempt would be refused, too.
        (_, SdkError::ServiceError(_)) => CallFailure::Credentials,
        _ => CallFailure::BadAnswer,
    };
    LookupError::new(says, failure.reason)
}
