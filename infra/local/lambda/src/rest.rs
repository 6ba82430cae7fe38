//! Answers and errors of Lambda's REST API, for all operations.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::outcome::InvokeError;

/// An error. Its type is in a header and its message in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

pub(super) fn json_response(body: &Value) -> Response<Body> {
    let id = uuid::Uuid::new_v4().to_string();
    let mut response = with_request_id(StatusCode::OK, &id, Body::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn with_request_id(status: StatusCode, id: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    insert(response.headers_mut(), "x-amzn-requestid", id);
    response
}

/// Inserts a header, unless the value contains characters that a header cannot contain.
pub(super) fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

impl ApiError {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub(super) fn response(&self) -> Response<Body> {
        // Lambda is inconsistent about the case of the key. SDKs read both.
        let body = if self.kind == "TooManyRequestsException" {
            json!({
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": self.message,
            })
        } else {
            json!({ "Type": "User", "Message": self.message, "message": self.message })
        };
        let mut response = json_response(&body);
        *response.status_mut() = self.status;
        insert(response.headers_mut(), "x-amzn-errortype", self.kind);
        response
    }
}

impl From<InvokeError> for ApiError {
    fn from(error: InvokeError) -> Self {
        let (status, kind) = match &error {
            InvokeError::NotFound { .. } => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            InvokeError::Throttled { .. } | InvokeError::QueueFull { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException")
            }
            InvokeError::PayloadTooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException")
            }
            InvokeError::RecursiveLoop { .. } => {
                (StatusCode::BAD_REQUEST, "RecursiveInvocationException")
            }
            InvokeError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "ServiceException"),
        };
        Self { status, kind, message: error.to_string() }
    }
}
