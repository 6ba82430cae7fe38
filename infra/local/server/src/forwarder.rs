//! Forwards requests for DynamoDB to its own server, over connections that stay open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::json_response;

pub(super) struct Forwarder {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    /// The number of requests that have ended, with or without an answer.
    finished_requests: Arc<AtomicU64>,
}

impl Forwarder {
    pub(super) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, address, finished_requests: Arc::default() }
    }

    pub(super) fn finished_requests(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.finished_requests)
    }

    /// Forwards a request unchanged. The answer is an `InternalServerError` if the server does not answer.
    pub(super) async fn send(&self, mut parts: Parts, body: Bytes) -> Response<Body> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let _guard = FinishGuard(&self.finished_requests);
        let Ok(uri) = Uri::try_from(format!("http://{}{path}", self.address)) else {
            return failed("the path is invalid");
        };
        parts.uri = uri;
        for name in [CONNECTION, HOST, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        match self.client.request(Request::from_parts(parts, Full::new(body))).await {
            Ok(response) => {
                let mut response = response.map(Body::new);
                response.headers_mut().remove(CONNECTION);
                response
            }
            Err(error) => {
                tracing::warn!(%error, "dynamodb did not answer");
                failed("dynamodb did not answer")
            }
        }
    }
}

/// Counts a request as finished when it is dropped.
struct FinishGuard<'a>(&'a AtomicU64);

impl Drop for FinishGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

fn failed(message: &str) -> Response<Body> {
    let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
    let body = json!({ "__type": kind, "message": message });
    json_response(StatusCode::INTERNAL_SERVER_ERROR, &body)
}
