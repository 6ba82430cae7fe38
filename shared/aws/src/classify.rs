//! The failure that an SDK error stands for.
//!
//! The classes are AWS's own: throttling and transient codes are those of
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>. The SDK has already retried
//! both kinds before it returns the error.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use event::{Code, Failure};

/// Error codes that ask to slow down.
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Error codes of a write that met another one. The next attempt sees what the other write has done.
const CONFLICTING: &[&str] = &["ConditionalRequestConflict", "OperationAborted"];

/// Error codes of credentials that have expired. A new environment has new ones.
const EXPIRED: &[&str] =
    &["ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId"];

/// The failure that an SDK error stands for. Its reason begins with `what`, which names the call, such as
/// `sending to the next queue`, and holds the error's code, but never its message.
///
/// What another attempt may resolve is transient or throttled. What AWS refuses is transient too, since an operator
/// can grant a missing right while the event waits.
pub fn failure_of<E>(what: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::TimeoutError(_) => away(format!("{what}: no answer in time")),
        SdkError::DispatchFailure(_) => away(format!("{what}: no connection")),
        SdkError::ResponseError(_) => away(format!("{what}: an answer that is not understood")),
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code().unwrap_or("without a code");
            of_service(what, code, status)
        }
        // A construction failure happens before anything is sent, so the request itself is at fault. New kinds of
        // errors fall here too, since the enum is non-exhaustive.
        _ => refused(format!("{what}: the request could not be built")),
    }
}

fn of_service(what: &str, code: &str, status: u16) -> Failure {
    let reason = format!("{what}: {code} (HTTP {status})");
    if THROTTLING.contains(&code) || status == 429 {
        Failure::throttled(None, reason)
    } else if status >= 500
        || status == 408
        || EXPIRED.contains(&code)
        || CONFLICTING.contains(&code)
    {
        away(reason)
    } else {
        refused(reason)
    }
}

fn away(reason: String) -> Failure {
    Failure::transient(Code::DependencyUnavailable, reason)
}

/// A refusal is not the event's fault, and a missing right or queue can be restored. So the event is retried, and
/// becomes a dead letter with this reason after its last receive.
fn refused(reason: String) -> Failure {
    Failure::transient(Code::DependencyRefused, reason)
}

#[cfg(test)]
mod tests {
    use event::FailureKind;

    use super::*;

    #[track_caller]
    fn check(code: &str, status: u16, kind: FailureKind, expected: Code) {
        let failure = of_service("writing", code, status);
        assert_eq!((failure.kind, failure.code), (kind, expected));
        assert!(failure.reason.contains(code), "{failure}");
    }

    #[test]
    fn service_errors_have_awss_classes() {
        let throttled = FailureKind::Throttled { retry_after: None };
        check("ThrottlingException", 400, throttled, Code::DependencyThrottled);
        check("SlowDown", 503, throttled, Code::DependencyThrottled);
        check("InternalError", 500, FailureKind::Transient, Code::DependencyUnavailable);
        check("ExpiredToken", 403, FailureKind::Transient, Code::DependencyUnavailable);
        let conflict = "ConditionalRequestConflict";
        check(conflict, 409, FailureKind::Transient, Code::DependencyUnavailable);
        check("AccessDenied", 403, FailureKind::Transient, Code::DependencyRefused);
    }
}
