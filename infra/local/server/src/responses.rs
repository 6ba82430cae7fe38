//! Answers of the server itself, and the bodies of requests.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Value, json};

/// The maximum body of a request to SQS or DynamoDB, in bytes. DynamoDB accepts up to 16 MiB:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024 + 64 * 1024;

pub(crate) fn invalid_path() -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "not a path below this url")
}

pub(crate) async fn read_body(body: Body) -> Result<Bytes, Response<Body>> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(reason) if reason.is::<LengthLimitError>() => {
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"))
        }
        Err(_) => Err(error(StatusCode::BAD_REQUEST, "the request is incomplete")),
    }
}

pub(crate) fn error(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "message": message }))
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
