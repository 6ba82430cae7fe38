//! HTTP, behind a port.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::RETRY_AFTER;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;

use crate::answer::{Answer, FetchError};
use crate::config::Bound;

/// A `GET` with a time limit. Redirects are answers, never followed: an event must not steer a
/// request.
pub(crate) trait Fetch: Send + Sync {
    fn get(
        &self,
        url: &str,
        timeout: Duration,
    ) -> impl Future<Output = Result<Answer, FetchError>> + Send;
}

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A client with one pool of kept-alive connections.
pub(crate) struct HttpFetch {
    client: HttpClient,
}

enum HttpClient {
    /// No enricher needs TLS: its roots are not loaded.
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

impl HttpFetch {
    /// # Errors
    /// When an enricher needs TLS and the system has no root certificates.
    pub(crate) fn new(enrichers: &Bound) -> Result<Self, std::io::Error> {
        let needs_tls =
            enrichers.values().flatten().any(|enricher| enricher.http.url.begins_with("https://"));
        let builder = Client::builder(TokioExecutor::new());
        let client = if needs_tls {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(ring::default_provider())?
                .https_or_http()
                .enable_http1();
            HttpClient::Tls(builder.build(connector.build()))
        } else {
            HttpClient::Plain(builder.build_http())
        };
        Ok(Self { client })
    }

    async fn exchange(&self, url: &str) -> Result<Answer, FetchError> {
        let request = http::Request::get(url).header("accept", "application/json");
        let request = request.body(Empty::new()).map_err(|_| FetchError::Url)?;
        let response = match &self.client {
            HttpClient::Plain(client) => client.request(request).await,
            HttpClient::Tls(client) => client.request(request).await,
        };
        let response = response.map_err(|_| FetchError::Connection)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        // The other form, a date, asks for a clock that agrees with the server's; backoff serves.
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| FetchError::Body { limit: MAX_ANSWER_BYTES })?.to_bytes();
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
    }
}

impl Fetch for HttpFetch {
    async fn get(&self, url: &str, timeout: Duration) -> Result<Answer, FetchError> {
        let answer = tokio::time::timeout(timeout, self.exchange(url)).await;
        answer.map_err(|_| FetchError::TimedOut { timeout_ms: timeout.as_millis() })?
    }
}
