//! The operators' function, as a client: where its URL is, and one signed request to it.
//!
//! Every verb by which a person acts on a running pipeline goes through it, so that it is known who did
//! what. Region and credentials are the endpoint's; they are never sent, only signed with.

mod signature;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use runtime::env::{Process, is_url};
use runtime::{Clock as _, SystemClock};
use rustls::crypto::ring;
use serde_json::Value;

use self::signature::Signer;
use crate::failure::Failure;
use crate::local::endpoint::{Endpoint, is_loopback};
use crate::root;

/// The template's output that has the function's URL.
const URL_OUTPUT: &str = "OperatorsUrl";
/// Where the emulation has the URLs of functions.
const LOCAL_PATH: &str = "/function-urls/";
/// As long as the function may take, and its start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lambda answers with 6 MB at most:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// Which pipeline is meant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Where {
    /// Of what: a URL, or `aws` for AWS itself [default: AWS_ENDPOINT_URL, or http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The operators' function [default: the template's, on this machine]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

pub(crate) struct OperatorsFunction {
    endpoint: Endpoint,
    /// Without a slash at its end.
    url: String,
    signer: Signer,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A refusal, for whoever knows what to do about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The problem's type, such as `operators.illegal`; empty where somebody else refused.
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// Why there is no answer to be shown.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Refused(Refusal),
    /// Nobody understood the request.
    Failed(Failure),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl OperatorsFunction {
    pub(crate) async fn find(root: Option<&Path>, at: &Where) -> Result<Self, Failure> {
        // A URL that is not on this machine is on AWS, and takes AWS's credentials.
        let is_away = at.url.as_deref().is_some_and(|url| !is_loopback(url));
        let endpoint = at.endpoint.as_deref().or(is_away.then_some("aws"));
        let endpoint = Endpoint::of(endpoint, &Process)?;
        let url = match &at.url {
            Some(url) => given_url(url)?,
            None => known_url(&endpoint, root)?,
        };
        let signer = signer(&endpoint).await?;
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| Failure::new("this system has no root certificates").because(error))?
            .https_or_http()
            .enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.build());
        Ok(Self { endpoint, url, signer, client })
    }

    /// Sends a request to a path below the URL, and answers the JSON that comes back.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NoAnswer> {
        let request = self.request(method, path, body)?;
        let answered = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let url = &self.url;
        let late = |_| {
            Failure::new(format!("{url} did not answer in {} s", PATIENCE.as_secs()))
                .next(self.endpoint.advice())
        };
        let answer = answered.map_err(late)?.map_err(|error| {
            Failure::new(format!("{url} does not answer"))
                .because(error)
                .next(self.endpoint.advice())
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| Failure::new(format!("{url} broke off its answer")))?;
        let body = body.to_bytes();
        match (status.is_success(), serde_json::from_slice::<Value>(&body)) {
            (true, Ok(body)) if body.is_object() => Ok(body),
            (true, _) => Err(Failure::new(format!("{url} is no operators' function"))
                .next(format!("the stack's output {URL_OUTPUT} has its URL"))
                .into()),
            (false, body) => Err(NoAnswer::Refused(refusal(status, &body.unwrap_or_default()))),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let url = format!("{}{path}", self.url);
        let malformed = || Failure::new(format!("{url} is no URL"));
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?.as_str().to_owned();
        let host = HeaderValue::try_from(authority).map_err(|_| malformed())?;
        let body = Bytes::from(body.map(Value::to_string).unwrap_or_default());
        let mut request = Request::builder().method(method).uri(uri).header(HOST, host);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let mut request = request.body(body).map_err(|_| malformed())?;
        let now = u64::try_from(SystemClock.now().unix_ms()).unwrap_or(0);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        self.signer.sign(&mut request, now)?;
        Ok(request.map(Full::new))
    }
}

/// RFC 9457 problem details, or what Lambda and the emulation say.
fn refusal(status: StatusCode, body: &Value) -> Refusal {
    let text = |name: &str| body[name].as_str();
    let code = text("type").and_then(|kind| kind.strip_prefix("urn:sluicegate:"));
    let detail = text("detail").or(text("Message")).or(text("message"));
    Refusal {
        status,
        code: code.unwrap_or_default().to_owned(),
        detail: detail.map_or_else(|| format!("HTTP {status}"), str::to_owned),
    }
}

fn given_url(url: &str) -> Result<String, Failure> {
    if is_url(url) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(Failure::new(format!("`{url}` is no URL"))
        .next(format!("the stack's output {URL_OUTPUT} has it")))
}

/// On this machine, the one that the template makes.
fn known_url(endpoint: &Endpoint, root: Option<&Path>) -> Result<String, Failure> {
    let Some(here) = endpoint.url.as_deref().filter(|_| endpoint.is_loopback()) else {
        let what = format!("at {} nobody here knows the operators' function", endpoint.name());
        return Err(
            Failure::new(what).next(format!("give --url: the stack's output {URL_OUTPUT} has it"))
        );
    };
    let root = root::find(root).map_err(|failure| failure.next("give --url, or --root FOLDER"))?;
    let stack = local::stack(&root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    // The template says where it is by the default endpoint.
    let path = stack.outputs.get(URL_OUTPUT).and_then(|url| url.split_once(LOCAL_PATH));
    let (_, function) = path.ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {URL_OUTPUT}"))
            .next("restore it, or give --url")
    })?;
    Ok(format!("{here}{LOCAL_PATH}{}", function.trim_end_matches('/')))
}

async fn signer(endpoint: &Endpoint) -> Result<Signer, Failure> {
    let unknown = || Failure::new("nobody is known to sign as").next(endpoint.advice());
    let provider = endpoint.config.credentials_provider().ok_or_else(unknown)?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|error| unknown().because(error))?;
    let region = endpoint.config.region().ok_or_else(unknown)?.to_string();
    Ok(Signer::new(credentials, region))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_whoever_refuses() {
        let of = |status, body: Value| refusal(StatusCode::from_u16(status).unwrap(), &body);
        let problem = json!({ "type": "urn:sluicegate:operators.illegal", "detail": "no" });
        let refused = of(409, problem);
        assert_eq!((refused.code.as_str(), refused.detail.as_str()), ("operators.illegal", "no"));
        let refused = of(403, json!({ "Message": "Forbidden" }));
        assert_eq!((refused.code.as_str(), refused.detail.as_str()), ("", "Forbidden"));
        assert_eq!(of(502, json!(null)).detail, "HTTP 502 Bad Gateway");
    }

    #[test]
    fn a_url_elsewhere_has_to_be_given() {
        let variables: BTreeMap<&str, &str> = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "r"),
        ]);
        let aws = Endpoint::of(Some("aws"), &variables).unwrap();
        let told = known_url(&aws, None).unwrap_err().to_string();
        assert!(told.contains("--url") && told.contains(URL_OUTPUT), "{told}");
        assert_eq!(given_url("https://a.on.aws/").unwrap(), "https://a.on.aws");
        assert!(given_url("a.on.aws").is_err());
        let here = Endpoint::of(Some("http://127.0.0.1:9"), &variables).unwrap();
        let url = known_url(&here, None).unwrap();
        assert_eq!(url, "http://127.0.0.1:9/function-urls/sluicegate-OperatorsFunction");
    }
}
