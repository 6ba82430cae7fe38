//! The responses of a service when the fault plan says that it fails or answers nonsense.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING,
};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;

use faults::Nonsense;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PAGE: &str = "<!doctype html><html><head><title>Sign in</title></head><body>\
                    <h1>Welcome to our network</h1></body></html>";
/// The number of chunks of the answer that is too large: 64 MiB in all.
const CHUNKS: usize = 1_024;
const CHUNK_BYTES: usize = 64 * 1_024;

pub(super) fn failing(status: u16, retry_after_s: Option<u64>) -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"error":"the adversary's doing"}"#));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What the service answers in place of its real answer.
pub(super) async fn nonsense(kind: Nonsense, answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    for header in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(header);
    }
    let body = match kind {
        Nonsense::Html => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            parts.headers.insert(CONTENT_TYPE, html);
            parts.status = StatusCode::OK;
            Body::from(PAGE)
        }
        Nonsense::Truncated => {
            // An answer that the upstream did not send completely is treated as empty.
            let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Body::from(whole.slice(..whole.len() / 2))
        }
        Nonsense::TooLarge => {
            parts.headers.insert(CONTENT_TYPE, JSON);
            parts.status = StatusCode::OK;
            endless()
        }
        Nonsense::WrongCoding => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            body
        }
    };
    Response::from_parts(parts, body)
}

/// A JSON text without an end.
fn endless() -> Body {
    let chunk = Bytes::from(vec![b'x'; CHUNK_BYTES]);
    let start = std::iter::once(Bytes::from_static(br#"{"padding":""#));
    let chunks = start.chain(std::iter::repeat_n(chunk, CHUNKS));
    Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>)))
}
