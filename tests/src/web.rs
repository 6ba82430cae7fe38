//! Plain HTTP, for what is not behind an SDK here.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Posts, and answers status, content type, and body as JSON (null if it is none).
///
/// # Panics
/// When there is no answer.
pub async fn post(url: &str, body: impl Into<Bytes>) -> (u16, String, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(url).header("content-type", "application/json");
    let request = request.body(Full::new(body.into())).unwrap();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    (parts.status.as_u16(), content_type, serde_json::from_slice(&body).unwrap_or_default())
}
