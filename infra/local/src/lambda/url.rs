//! Function URLs: an HTTP request becomes an event, and the function's answer a response.
//!
//! Payload format 2.0, <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
//! Authorisation, CORS and response streaming are not emulated.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HeaderName, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body::{self, BodyError};
use super::outcome::{InvokeError, date};
use super::{Caller, Lambda, PAYLOAD_LIMIT};

/// What a function may answer with.
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

impl Lambda {
    /// Sends a request to a function as its URL would; the request's path is the one below the
    /// URL. Failures of the function are a 502, as on Lambda.
    pub async fn function_url(&self, function: &str, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match body::read(body, PAYLOAD_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "Too Large"),
            Err(BodyError::Broken) => return plain(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let (now_ms, region) = (self.inner.shared.clock.now_ms(), &self.inner.shared.config.region);
        let event = event(function, region, now_ms, &parts, &body).to_string();
        let trace_id = parts.headers.get("x-amzn-trace-id").and_then(|id| id.to_str().ok());
        let caller = Caller { trace_id: trace_id.map(ToOwned::to_owned), ..Caller::default() };
        match self.invoke_as(function, Bytes::from(event), caller).await {
            Ok(invocation) if invocation.function_error.is_none() => response(invocation.payload),
            Ok(_) => plain(StatusCode::BAD_GATEWAY, "Internal Server Error"),
            Err(InvokeError::NotFound { .. }) => plain(StatusCode::NOT_FOUND, "Not Found"),
            Err(InvokeError::Throttled { .. } | InvokeError::QueueFull { .. }) => {
                plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
            }
            Err(InvokeError::PayloadTooLarge { .. }) => {
                plain(StatusCode::PAYLOAD_TOO_LARGE, "Too Large")
            }
            Err(InvokeError::ShuttingDown) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
        }
    }
}

fn event(function: &str, region: &str, now_ms: u64, parts: &Parts, body: &Bytes) -> Value {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let headers = joined_headers(&parts.headers);
    let id = url_id(function);
    let protocol = if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" };
    let text = as_text(&parts.headers, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": id,
            "domainName": format!("{id}.lambda-url.{region}.on.aws"),
            "domainPrefix": id,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": protocol,
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": common_log_time(now_ms),
            "timeEpoch": now_ms,
        },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
    });
    if !body.is_empty() {
        event["body"] = Value::from(text.map_or_else(|| STANDARD.encode(body), ToOwned::to_owned));
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = json!(parameters);
    }
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    event
}

/// Lower-cased names, values of one name joined with commas, without cookies.
fn joined_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let all = joined.entry(name.as_str().to_owned());
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert(value.into_owned());
    }
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';'));
    cookies.map(|cookie| cookie.trim().to_owned()).filter(|cookie| !cookie.is_empty()).collect()
}

/// Decoded parameters, values of one name joined with commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value);
        let all = parameters.entry(decode(name));
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    parameters
}

/// The body as text where its content type is one that is not base64-encoded.
fn as_text<'a>(headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let textual = kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || ["application/json", "application/xml", "application/javascript"]
            .contains(&kind.as_str());
    if textual { std::str::from_utf8(body).ok() } else { None }
}

/// 32 letters and digits that belong to the function.
fn url_id(function: &str) -> String {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
    let digest = Sha256::digest(function.as_bytes());
    digest.iter().map(|byte| char::from(alphabet[usize::from(byte % 32)])).collect()
}

/// `12/Mar/2020:19:03:58 +0000`
fn common_log_time(now_ms: u64) -> String {
    let now = date(now_ms);
    let month = now.month().to_string();
    let month = month.get(..3).unwrap_or_default();
    let (hour, minute, second) = now.time().as_hms();
    format!("{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000", now.day(), now.year())
}

/// A bare JSON document is the body of a 200; an object with a status code is a whole response.
fn response(payload: Bytes) -> Response<Body> {
    let malformed = || plain(StatusCode::BAD_GATEWAY, "Internal Server Error");
    let Ok(value) = serde_json::from_slice::<Value>(&payload) else { return malformed() };
    if value.get("statusCode").is_none() {
        let body = match value {
            Value::String(text) => Bytes::from(text),
            _ => payload,
        };
        let mut response = Response::new(Body::from(body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        return response;
    }
    serde_json::from_value(value).ok().and_then(built).unwrap_or_else(malformed)
}

fn built(answer: Answer) -> Option<Response<Body>> {
    let body = answer.body.unwrap_or_default();
    let body = match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(body).ok()?,
        Some(false) | None => body.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    // Below 200 is not an answer but a promise of one.
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
        // The length is the server's to say.
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

fn plain(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "Message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
