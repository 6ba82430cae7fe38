//! What a service answers on purpose that is no answer.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, TRANSFER_ENCODING,
};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;

use faults::Nonsense;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PAGE: &str = "<!doctype html><html><head><title>Sign in</title></head><body>\
                    <h1>Welcome to our network</h1></body></html>";
/// Of the answer that is too large: 64 MiB in all.
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

/// Nonsense in place of an answer.
pub(super) async fn nonsense(kind: Nonsense, answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    for header in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(header);
    }
    let mut set = |name: HeaderName, value| parts.headers.insert(name, value);
    let body = match kind {
        Nonsense::Html => {
            set(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            parts.status = StatusCode::OK;
            Body::from(PAGE)
        }
        Nonsense::Truncated => {
            // What our own upstream did not send whole is cut shorter still.
            let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Body::from(whole.slice(..whole.len() / 2))
        }
        Nonsense::TooLarge => {
            set(CONTENT_TYPE, JSON);
            parts.status = StatusCode::OK;
            endless()
        }
        Nonsense::WrongCoding => {
            set(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            body
        }
    };
    Response::from_parts(parts, body)
}

/// A JSON text that goes on and on.
fn endless() -> Body {
    let chunk = Bytes::from(vec![b'x'; CHUNK_BYTES]);
    let start = std::iter::once(Bytes::from_static(br#"{"padding":""#));
    let chunks = start.chain(std::iter::repeat_n(chunk, CHUNKS));
    Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>)))
}
