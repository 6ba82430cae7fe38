//! Plain HTTP, for what is not behind an SDK here.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// What a producer's request to a function's URL has. The emulation does not check signatures.
pub const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=producer/20260101/eu-west-1/lambda/aws4_request, \
     SignedHeaders=host, Signature=0",
);

/// Posts to a function's URL, signed, and answers as [`post`] does.
///
/// # Panics
/// When there is no answer.
pub async fn post_signed(url: &str, body: impl Into<Bytes>) -> (u16, String, Value) {
    post_with(url, &[("content-type", "application/json"), SIGNED], body).await
}

/// Posts, and answers status, content type, and body as JSON (null if it is none).
///
/// # Panics
/// When there is no answer.
pub async fn post(url: &str, body: impl Into<Bytes>) -> (u16, String, Value) {
    post_with(url, &[("content-type", "application/json")], body).await
}

async fn post_with(
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> (u16, String, Value) {
    let (status, headers, body) = ask(Method::POST, url, headers, body).await;
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    (status, content_type.unwrap_or_default().to_owned(), body)
}

/// Asks, and answers status, headers, and body as JSON (null if it is none).
///
/// # Panics
/// When there is no answer.
pub async fn ask(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> (u16, HeaderMap, Value) {
    try_ask(method, url, headers, body).await.unwrap_or_else(|| panic!("{url} did not answer"))
}

/// The same, while things go wrong: `None` where the connection ended without an answer.
pub(crate) async fn try_ask(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Option<(u16, HeaderMap, Value)> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let (parts, body) = client.request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some((parts.status.as_u16(), parts.headers, body))
}
