//! Invokes functions by HTTP requests: function URLs, and HTTP APIs with their routes.
//!
//! Both use payload format 2.0 for the request and for the response. They answer failures differently.

mod api;
mod event;
mod identity;
mod response;
mod routes;
#[cfg(test)]
mod tests;
mod url;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

pub use self::api::HttpApi;
pub use self::identity::Identity;

use self::event::{HttpEndpoint, event};
use super::body::{self, BodyError};
use super::outcome::InvokeError;
use super::{Caller, Lambda, PAYLOAD_LIMIT};

/// Why a request has no response of its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The request is incomplete.
    Broken,
    TooLarge,
    NoFunction,
    Throttled,
    /// The function failed, or its response is malformed.
    Function,
    ShuttingDown,
}

impl Lambda {
    async fn call(
        &self,
        function: &str,
        endpoint: &HttpEndpoint<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Response<Body>, Failure> {
        let body = body::read(body, PAYLOAD_LIMIT).await.map_err(|error| match error {
            BodyError::TooLarge => Failure::TooLarge,
            BodyError::Broken => Failure::Broken,
        })?;
        let event = event(endpoint, self.inner.shared.clock.now_ms(), parts, &body).to_string();
        let trace_id = parts.headers.get("x-amzn-trace-id").and_then(|id| id.to_str().ok());
        let caller = Caller { trace_id: trace_id.map(ToOwned::to_owned), ..Caller::default() };
        let invocation = self.invoke_as(function, Bytes::from(event), caller).await?;
        if invocation.function_error.is_some() {
            return Err(Failure::Function);
        }
        response::response(invocation.payload).ok_or(Failure::Function)
    }
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::NotFound { .. } => Self::NoFunction,
            InvokeError::Throttled { .. } | InvokeError::QueueFull { .. } => Self::Throttled,
            InvokeError::PayloadTooLarge { .. } => Self::TooLarge,
            InvokeError::RecursiveLoop { .. } => Self::Function,
            InvokeError::ShuttingDown => Self::ShuttingDown,
        }
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
