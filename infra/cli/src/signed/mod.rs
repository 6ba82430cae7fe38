//! Signed requests to services for which no SDK client is used.

mod signature;

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use runtime::{Clock as _, SystemClock};
use rustls::crypto::ring;

use self::signature::Signer;
use crate::failure::Failure;

/// The longest time for an answer: that of a function with its start.
const PATIENCE: Duration = Duration::from_secs(310);
/// The largest answer of Lambda:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// Sends requests to one service, signed with the endpoint's account.
pub(crate) struct SignedClient {
    signer: Signer,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// What to do if nothing answers.
    advice: String,
}

/// The body of a request, and its media type.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl SignedClient {
    /// A client that gives `advice` if nothing answers.
    ///
    /// # Errors
    /// If there are no credentials to sign with.
    pub(crate) async fn new(
        config: &SdkConfig,
        service: &'static str,
        advice: String,
    ) -> Result<Self, Failure> {
        let provider =
            config.credentials_provider().ok_or_else(|| no_credentials().next(advice.clone()))?;
        let region = config.region().map_or("", |region| region.as_ref());
        let credentials = provider.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| no_credentials().because(error).next(advice.clone()))?;
        let signer = Signer::new(credentials, region.to_owned(), service);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| Failure::new("this system has no root certificates").because(error))?
            .https_or_http()
            .enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.build());
        Ok(Self { signer, client, advice })
    }

    /// Sends one request, and returns the answer whatever its status is.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Answer, Failure> {
        let request = self.request(method, url, content)?;
        let answered = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let answered = answered.map_err(|_| {
            Failure::new(format!("{url} did not answer in {} s", PATIENCE.as_secs()))
                .next(self.advice.clone())
        })?;
        let answer = answered.map_err(|error| {
            Failure::new(format!("{url} does not answer")).because(error).next(self.advice.clone())
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| Failure::new(format!("{url} broke off its answer")))?;
        Ok(Answer { status, body: body.to_bytes() })
    }

    fn request(
        &self,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let uri: Uri = url.parse().map_err(|_| not_a_url(url))?;
        let authority = uri.authority().ok_or_else(|| not_a_url(url))?.as_str().to_owned();
        let host = HeaderValue::try_from(authority).map_err(|_| not_a_url(url))?;
        let mut request = Request::builder().method(method).uri(uri).header(HOST, host);
        if let Some(content) = &content {
            request = request.header(CONTENT_TYPE, content.kind);
        }
        let body = content.map(|content| content.body).unwrap_or_default();
        let mut request = request.body(body).map_err(|_| not_a_url(url))?;
        let now = u64::try_from(SystemClock.now().unix_ms()).unwrap_or(0);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        self.signer.sign(&mut request, now)?;
        Ok(request.map(Full::new))
    }
}

fn no_credentials() -> Failure {
    Failure::new("there are no credentials to sign with")
}

fn not_a_url(url: &str) -> Failure {
    Failure::new(format!("`{url}` is not a URL"))
}
