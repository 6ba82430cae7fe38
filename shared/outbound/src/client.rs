//! The port over hyper.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
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

/// A client with one pool of kept-alive connections.
pub struct Client {
    pool: Connections,
}

enum Connections {
    /// Nobody needs TLS: its roots are not loaded.
    Plain(Pool<GuardedConnector, Full<Bytes>>),
    Tls(Pool<HttpsConnector<GuardedConnector>, Full<Bytes>>),
}

impl Client {
    /// # Errors
    /// When TLS is needed and the system has no root certificates.
    pub fn new(needs_tls: bool, reach: Reach) -> io::Result<Self> {
        let builder = Pool::builder(TokioExecutor::new());
        let pool = if needs_tls {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(ring::default_provider())?
                .https_or_http()
                .enable_http1();
            let connector = connector.wrap_connector(GuardedConnector::below_tls(reach));
            Connections::Tls(builder.build(connector))
        } else {
            Connections::Plain(builder.build(GuardedConnector::plain(reach)))
        };
        Ok(Self { pool })
    }

    /// As far as its body.
    async fn response(&self, request: Request) -> Result<http::Response<Incoming>, RequestError> {
        let Request { method, url, headers, body } = request;
        let mut asked = http::Request::new(Full::new(body));
        *asked.method_mut() = method;
        *asked.uri_mut() = url.parse().map_err(|_| RequestError::Url)?;
        *asked.headers_mut() = headers;
        let gzip = HeaderValue::from_static("gzip");
        asked.headers_mut().entry(ACCEPT_ENCODING).or_insert(gzip);
        let response = match &self.pool {
            Connections::Plain(pool) => pool.request(asked).await,
            Connections::Tls(pool) => pool.request(asked).await,
        };
        response.map_err(|error| {
            if let Some(forbidden) = forbidden(&error) {
                return RequestError::Forbidden { address: forbidden.0 };
            }
            if error.is_connect() { RequestError::Connection } else { RequestError::BrokenOff }
        })
    }
}

/// An answer with all of its headers.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Result<Bytes, BodyError>,
}

impl Client {
    /// Sends a request, and waits no longer than `limit` for the whole of its answer, of which no more than
    /// `most_bytes` are read.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn fetch(
        &self,
        request: Request,
        limit: Duration,
        most_bytes: usize,
    ) -> Result<Response, RequestError> {
        let (ends_at, limit_ms) = (Instant::now() + limit, limit.as_millis());
        let response = timeout_at(ends_at, self.response(request)).await;
        let response = response.map_err(|_| RequestError::TimedOut { limit_ms })??;
        let (parts, body) = response.into_parts();
        let coding = Coding::of(&parts.headers);
        let body = timeout_at(ends_at, read(body, coding, most_bytes)).await;
        let body = body.unwrap_or(Err(BodyError::TimedOut { limit_ms }));
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
