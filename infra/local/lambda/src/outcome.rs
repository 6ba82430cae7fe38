//! The outcomes of an invocation, with Lambda's messages.
//!
//! If the function fails, the invocation has a response with `X-Amz-Function-Error: Unhandled`. If the
//! function cannot be invoked, there is an [`InvokeError`].

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use time::OffsetDateTime;

use super::process::Exit;
use super::runtime_api::document;

/// A finished invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The request id.
    pub request_id: String,
    /// The function's response, or the error document.
    pub payload: Bytes,
    /// `Some("Unhandled")` if the function failed in any way.
    pub function_error: Option<&'static str>,
    /// The last 4 KB of its log.
    pub log_tail: String,
}

/// Why a function was not invoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum InvokeError {
    /// There is no such function.
    #[error("no function is named {function}")]
    NotFound { function: String },
    /// The function is at its concurrency limit.
    #[error("{function} is already running {limit} times, which is its limit")]
    Throttled { function: String, limit: usize },
    /// Too many asynchronous invocations wait.
    #[error("too many asynchronous invocations of {function} and others are waiting")]
    QueueFull { function: String },
    /// The payload is larger than Lambda allows.
    #[error("{size} byte payload is too large (limit {limit} bytes)")]
    PayloadTooLarge { size: usize, limit: usize },
    /// The invocation would continue a recursive loop. The message is Lambda's.
    #[error(
        "Lambda has detected your function being invoked in a recursive loop with other AWS resources \
         and stopped your function's invocation."
    )]
    RecursiveLoop { function: String },
    /// The emulation is shutting down.
    #[error("the emulation is shutting down")]
    ShuttingDown,
}

/// How an invocation ended in its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Response(Bytes),
    Error(Bytes),
    TimedOut { after: Duration, at_ms: u64 },
    Exited(Exit),
    OutOfMemory { limit_mb: u32, peak_mb: u64 },
    InitFailed(InitFailure),
}

/// Why an environment did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({binary}); {next}")]
pub(super) struct InitFailure {
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) binary: String,
    /// A hint at the cause, with the last lines of its output.
    pub(super) next: String,
    /// The error document that the function reported.
    pub(super) reported: Option<Bytes>,
}

impl Outcome {
    pub(super) fn is_response(&self) -> bool {
        matches!(self, Self::Response(_))
    }

    /// The payload of the response.
    pub(super) fn payload(&self, request_id: &str) -> Bytes {
        match self {
            Self::Response(payload) | Self::Error(payload) => payload.clone(),
            Self::TimedOut { .. } => {
                let message = self.log_line(request_id).unwrap_or_default();
                Bytes::from(json!({ "errorMessage": message }).to_string())
            }
            Self::Exited(exit) => {
                let message = format!("RequestId: {request_id} Error: {exit}");
                document("Runtime.ExitError", &message)
            }
            Self::OutOfMemory { .. } => {
                let message = format!(
                    "RequestId: {request_id} Error: Runtime exited with error: signal: killed"
                );
                document("Runtime.OutOfMemory", &message)
            }
            Self::InitFailed(failure) => failure.reported.clone().unwrap_or_else(|| {
                document(failure.kind, &format!("RequestId: {request_id} Error: {failure}"))
            }),
        }
    }

    /// The platform's log line about a failure, besides END and REPORT.
    pub(super) fn log_line(&self, request_id: &str) -> Option<String> {
        match self {
            Self::Response(_) | Self::Error(_) => None,
            Self::TimedOut { after, at_ms } => Some(format!(
                "{} {request_id} Task timed out after {:.2} seconds",
                timestamp(*at_ms),
                after.as_secs_f64()
            )),
            Self::Exited(exit) => {
                Some(format!("RequestId: {request_id} Error: {exit}\nRuntime.ExitError"))
            }
            Self::OutOfMemory { limit_mb, peak_mb } => Some(format!(
                "RequestId: {request_id} Error: Runtime.OutOfMemory, {peak_mb} MB used of {limit_mb} MB"
            )),
            Self::InitFailed(failure) => {
                Some(format!("RequestId: {request_id} Error: {}, {failure}", failure.kind))
            }
        }
    }

    /// The fields `Status` and `Error Type` of REPORT; empty if the function responded.
    pub(super) fn report_status(&self) -> &'static str {
        match self {
            Self::Response(_) | Self::Error(_) => "",
            Self::TimedOut { .. } => "\tStatus: timeout",
            Self::Exited(_) => "\tStatus: error\tError Type: Runtime.ExitError",
            Self::OutOfMemory { .. } => "\tStatus: error\tError Type: Runtime.OutOfMemory",
            Self::InitFailed(_) => "\tStatus: error",
        }
    }
}

/// Formats milliseconds since the Unix epoch, such as `2026-11-23T02:12:39.000Z`.
pub fn timestamp(at_ms: u64) -> String {
    let time = date(at_ms);
    let (hour, minute, second, milli) = time.time().as_hms_milli();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Converts milliseconds since the Unix epoch. The result is the epoch itself if the time is out of range.
pub(super) fn date(at_ms: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ended: &Outcome, expected: &str) {
        assert_eq!(ended.payload("id-1"), expected.as_bytes());
    }

    #[test]
    fn each_end_is_answered_as_lambda_does() {
        check(&Outcome::Response(Bytes::from_static(b"1")), "1");
        check(
            &Outcome::TimedOut { after: Duration::from_secs(30), at_ms: 1_584_000_000_123 },
            r#"{"errorMessage":"2020-03-12T08:00:00.123Z id-1 Task timed out after 30.00 seconds"}"#,
        );
        check(
            &Outcome::Exited(Exit::Code(1)),
            r#"{"errorMessage":"RequestId: id-1 Error: Runtime exited with error: exit status 1","errorType":"Runtime.ExitError"}"#,
        );
        check(
            &Outcome::OutOfMemory { limit_mb: 128, peak_mb: 130 },
            r#"{"errorMessage":"RequestId: id-1 Error: Runtime exited with error: signal: killed","errorType":"Runtime.OutOfMemory"}"#,
        );
    }
}
