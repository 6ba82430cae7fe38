//! Converts the response of a function, in payload format 2.0, to an HTTP response.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>. Response
//! streaming is not emulated.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, SET_COOKIE};
use axum::http::{HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// The response of a function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
}

/// Builds the HTTP response. A JSON object with a status code describes a whole response, and any other
/// JSON is the body of a response with status 200. Returns `None` if the payload is neither.
pub(super) fn response(payload: Bytes) -> Option<Response<Body>> {
    let value = serde_json::from_slice::<Value>(&payload).ok()?;
    if value.get("statusCode").is_none() {
        let body = match value {
            Value::String(text) => Bytes::from(text),
            _ => payload,
        };
        let mut response = Response::new(Body::from(body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        return Some(response);
    }
    serde_json::from_value(value).ok().and_then(build_response)
}

fn build_response(answer: Answer) -> Option<Response<Body>> {
    let body = answer.body.unwrap_or_default();
    let body = match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?,
        Some(false) | None => body.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    // A status below 200 is not a final response.
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code).ok().filter(|status| status.as_u16() >= 200)?;
    let headers = response.headers_mut();
    for (name, value) in answer.headers.unwrap_or_default() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        // The server sets the length.
        if name != axum::http::header::CONTENT_LENGTH {
            headers.insert(name, HeaderValue::from_str(&text).ok()?);
        }
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Some(response)
}
