//! Why a request is refused, as problem details (RFC 9457).

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlResponse;
use event::{Code, Failure, FailureKind};
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

/// The content codings that a request may have, as a refusal's `Accept-Encoding` names them
/// (RFC 9110, section 15.5.16).
pub(super) const CODINGS: &str = "gzip";

/// Why a whole request is refused, or none of its events was accepted.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: i64,
    pub(super) failure: Failure,
}

impl Problem {
    pub(super) fn new(status: i64, failure: Failure) -> Self {
        Self { status, failure }
    }

    /// The producer asked for a dataset that there is not, or the next deployment has to mend its contract.
    pub(super) fn no_contract(failure: Failure) -> Self {
        let status = if failure.code == Code::UnknownDataset { 404 } else { 503 };
        Self { status, failure }
    }

    /// The contract does not take events of this sender, or by requests at all; or who may send is not known, which the
    /// next deployment has to mend.
    pub(super) fn of_source(failure: Failure) -> Self {
        let status = if failure.code == Code::SourceRefused { 403 } else { 503 };
        Self { status, failure }
    }

    /// Why a request could not claim its `Idempotency-Key`. The draft of the header says which statuses.
    pub(super) fn of_claim(failure: Failure) -> Self {
        let status = match failure.code {
            Code::RequestUnderWay => 409,
            Code::RequestKeyReused => 422,
            _ => 503,
        };
        Self { status, failure }
    }

    /// Too many events wait behind ingest (RFC 6585, section 4).
    pub(super) fn backlog_full(failure: Failure) -> Self {
        Self { status: 429, failure }
    }

    /// The seconds after which the producer may try again.
    fn retry_after_s(&self) -> u64 {
        match self.failure.kind {
            FailureKind::Throttled { retry_after: Some(wait) } => wait.as_secs(),
            _ => 5,
        }
    }

    /// The response to a request of which no event was taken.
    pub(super) fn response(&self) -> LambdaFunctionUrlResponse {
        self.response_with(Vec::new())
    }

    /// The problem details (<https://www.rfc-editor.org/rfc/rfc9457>), with a result for each event if there are any.
    /// Headers say what would be accepted, and when (RFC 9110, sections 10.2.3, 15.5.6 and 15.5.16).
    pub(super) fn response_with(&self, results: Vec<Value>) -> LambdaFunctionUrlResponse {
        let code = self.failure.code;
        let mut body = json!({
            "type": format!("urn:sluicegate:{code}"),
            "title": title(code),
            "status": self.status,
            "detail": self.failure.reason,
            "code": code,
        });
        if !results.is_empty() {
            body["detail"] = json!("no event was accepted; `results` says why, for each");
            body["results"] = Value::from(results);
        }
        let mut response = response(self.status, "application/problem+json", &body);
        match self.status {
            405 => response.headers.insert(ALLOW, HeaderValue::from_static("POST")),
            415 => response.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS)),
            409 | 503 => response.headers.insert(RETRY_AFTER, HeaderValue::from_static("5")),
            429 => response.headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after_s())),
            _ => None,
        };
        response
    }
}

/// What a code means, in words that stay the same from one occurrence to the next (RFC 9457, section 3.1.3).
fn title(code: Code) -> &'static str {
    match code {
        Code::DecodeFormat => "The request has another form than is accepted",
        Code::DecodeJson => "The body is not JSON",
        Code::DecodeUtf8 => "The body is not UTF-8",
        Code::DecodeGzip => "The body is not gzip",
        Code::InputEmpty => "There is no event",
        Code::SizeExceeded => "The request or an event is too large",
        Code::DepthExceeded => "An event is nested too deeply",
        Code::UnknownDataset => "There is no such dataset",
        Code::ContractBroken => "The contract of the dataset cannot be used",
        Code::ContractViolation
        | Code::KeyMissing
        | Code::TimeInvalid
        | Code::TimeLate
        | Code::TimeEarly
        | Code::NumberOutOfRange => "An event does not fit its contract",
        Code::SourceRefused => "The contract of the dataset does not let this sender send",
        Code::BacklogFull => "Too many events are waiting",
        Code::RequestUnderWay => "A request with this Idempotency-Key is under way",
        Code::RequestKeyReused => "The Idempotency-Key was used for another payload",
        _ => "The request could not be processed",
    }
}

pub(super) fn response(
    status: i64,
    content_type: &'static str,
    body: &Value,
) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = status;
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.body = Some(body.to_string());
    response
}
