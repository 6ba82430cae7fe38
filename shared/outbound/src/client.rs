//! The port over hyper.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;

use crate::retry_after::retry_after;
use crate::{Answer, Ask, AskError, Request};

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A client with one pool of kept-alive connections.
pub struct Client {
    pool: Connections,
}

enum Connections {
    /// Nobody needs TLS: its roots are not loaded.
    Plain(Pool<HttpConnector, Full<Bytes>>),
    Tls(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    /// # Errors
    /// When TLS is needed and the system has no root certificates.
    pub fn new(needs_tls: bool) -> io::Result<Self> {
        let builder = Pool::builder(TokioExecutor::new());
        let pool = if needs_tls {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(ring::default_provider())?
                .https_or_http()
                .enable_http1();
            Connections::Tls(builder.build(connector.build()))
        } else {
            Connections::Plain(builder.build_http())
        };
        Ok(Self { pool })
    }

    async fn exchange(&self, request: Request) -> Result<Answer, AskError> {
        let Request { method, url, headers, body } = request;
        let mut asked = http::Request::new(Full::new(body));
        *asked.method_mut() = method;
        *asked.uri_mut() = url.parse().map_err(|_| AskError::Url)?;
        *asked.headers_mut() = headers;
        let response = match &self.pool {
            Connections::Plain(pool) => pool.request(asked).await,
            Connections::Tls(pool) => pool.request(asked).await,
        };
        let response = response.map_err(|error| {
            if error.is_connect() { AskError::Connection } else { AskError::BrokenOff }
        })?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| AskError::Body { limit: MAX_ANSWER_BYTES })?.to_bytes();
        Ok(Answer { status, retry_after, body })
    }
}

impl Ask for Client {
    async fn ask(&self, request: Request, limit: Duration) -> Result<Answer, AskError> {
        let answer = tokio::time::timeout(limit, self.exchange(request)).await;
        answer.map_err(|_| AskError::TimedOut { limit_ms: limit.as_millis() })?
    }
}
