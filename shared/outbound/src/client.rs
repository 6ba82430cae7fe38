//! The port [`HttpClient`], implemented with hyper.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use tokio::time::{Instant, timeout_at};

use crate::body::{Coding, MAX_ANSWER_BYTES, read};
use crate::connect::{GuardedConnector, forbidden};
use crate::reach::Reach;
use crate::retry_after::retry_after;
use crate::{Answer, BodyError, HttpClient, Request, RequestError};

/// An HTTP client with kept-alive connections.
pub struct Client {
    reach: Reach,
    plain: Pool<GuardedConnector, Full<Bytes>>,
    /// The connections over TLS, or why there can be none. The first of them loads the system's root certificates.
    tls: OnceLock<Result<TlsPool, RequestError>>,
}

type TlsPool = Pool<HttpsConnector<GuardedConnector>, Full<Bytes>>;

impl Client {
    /// A client that connects only to addresses within `reach`.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        let plain = Pool::builder(TokioExecutor::new()).build(GuardedConnector::plain(reach));
        Self { reach, plain, tls: OnceLock::new() }
    }

    fn tls(&self) -> Result<&TlsPool, RequestError> {
        self.tls.get_or_init(|| tls_pool(self.reach)).as_ref().map_err(Clone::clone)
    }

    /// Sends a request, and returns its answer before the body is read. The request accepts gzip unless its headers say
    /// otherwise.
    async fn response(&self, request: Request) -> Result<http::Response<Incoming>, RequestError> {
        let Request { method, url, headers, body } = request;
        let mut outgoing = http::Request::new(Full::new(body));
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = url.parse().map_err(|_| RequestError::Url)?;
        *outgoing.headers_mut() = headers;
        let gzip = HeaderValue::from_static("gzip");
        outgoing.headers_mut().entry(ACCEPT_ENCODING).or_insert(gzip);
        let response = if outgoing.uri().scheme() == Some(&Scheme::HTTPS) {
            self.tls()?.request(outgoing).await
        } else {
            self.plain.request(outgoing).await
        };
        response.map_err(|error| {
            if let Some(forbidden) = forbidden(&error) {
                return RequestError::Forbidden { address: forbidden.0 };
            }
            if error.is_connect() { RequestError::Connection } else { RequestError::BrokenOff }
        })
    }
}

fn tls_pool(reach: Reach) -> Result<TlsPool, RequestError> {
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(ring::default_provider())
        .map_err(|error| RequestError::Certificates { problem: error.to_string() })?;
    let connector =
        builder.https_only().enable_http1().wrap_connector(GuardedConnector::below_tls(reach));
    Ok(Pool::builder(TokioExecutor::new()).build(connector))
}

/// An answer with all of its headers.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// All headers, as they were sent.
    pub headers: HeaderMap,
    /// The decoded body, or why it cannot be read.
    pub body: Result<Bytes, BodyError>,
}

impl Client {
    /// Sends a request, and waits up to `limit` for the whole answer. Up to `most_bytes` of its body are read. A body
    /// that cannot be read is an error in [`Response::body`] only, since the status is known by then.
    ///
    /// # Errors
    /// When there is no status.
    pub async fn fetch(
        &self,
        request: Request,
        limit: Duration,
        most_bytes: usize,
    ) -> Result<Response, RequestError> {
        let (ends_at, limit_ms) = (Instant::now() + limit, limit.as_millis());
        let response = timeout_at(ends_at, self.response(request))
            .await
            .map_err(|_| RequestError::TimedOut { limit_ms })??;
        let (parts, incoming) = response.into_parts();
        let coding = Coding::of(&parts.headers);
        let body = timeout_at(ends_at, read(incoming, coding, most_bytes))
            .await
            .unwrap_or(Err(BodyError::TimedOut { limit_ms }));
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

impl HttpClient for Client {
    async fn ask(&self, request: Request, limit: Duration) -> Result<Answer, RequestError> {
        let Response { status, headers, body } =
            self.fetch(request, limit, MAX_ANSWER_BYTES).await?;
        Ok(Answer { status, retry_after: retry_after(&headers), body })
    }
}

#[cfg(test)]
mod tests;
