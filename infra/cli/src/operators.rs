//! A client of the operators' function: finds its URL and sends signed requests.
//!
//! Every command with which people act on a running pipeline uses that function, so that it is
//! known who did what. Requests are signed with the region and the credentials of the endpoint,
//! which are never sent.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::{Method, StatusCode};
use runtime::env::{Process, is_url};
use serde_json::Value;

use crate::account::Pipeline;
use crate::endpoint::{Endpoint, is_loopback};
use crate::failure::Failure;
use crate::root;
use crate::signed::{Content, SignedClient};

/// The service in signatures for a function's URL:
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
const SERVICE: &str = "lambda";
/// The output of the template with the function's URL.
const URL_OUTPUT: &str = "OperatorsUrl";
/// The path below which the emulation has the URLs of functions.
const LOCAL_PATH: &str = "/function-urls/";

/// The pipeline to talk to, through its operators' function.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OperatorsTarget {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The URL of the operators' function [default: from the stack's outputs, or from template.yaml]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

pub(crate) struct OperatorsFunction {
    /// The URL without a slash at its end.
    url: String,
    client: SignedClient,
}

/// A refusal. Its caller knows what to do about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The problem's type, such as `operators.illegal`. Empty if the function itself did not
    /// answer.
    pub(crate) code: String,
    pub(crate) detail: String,
}

impl Refusal {
    /// What to do if the function itself did not answer.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        if self.status == StatusCode::FORBIDDEN {
            return Some(
                "your credentials need lambda:InvokeFunctionUrl and lambda:InvokeFunction on the \
                 operators' function",
            );
        }
        let is_broken = self.status.is_server_error();
        is_broken.then_some("the function failed: its log group has the reason")
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Refused(Refusal),
    /// Nothing answered, or not the operators' function.
    Failed(Failure),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl OperatorsFunction {
    pub(crate) async fn find(root: Option<&Path>, at: &OperatorsTarget) -> Result<Self, Failure> {
        // A URL that is not on this machine is on AWS, and needs AWS's credentials.
        let is_away = at.url.as_deref().is_some_and(|url| !is_loopback(url));
        let mut pipeline = at.pipeline.clone();
        if is_away && pipeline.endpoint.is_none() {
            pipeline.endpoint = Some("aws".to_owned());
        }
        let endpoint = Endpoint::of(&pipeline, &Process).await?;
        let url = match &at.url {
            Some(url) => parse_url(url)?,
            None => match endpoint.output(URL_OUTPUT, "--url").await? {
                Some(url) => parse_url(&url)?,
                None => local_url(&endpoint, root)?,
            },
        };
        let client = SignedClient::new(&endpoint.config, SERVICE, endpoint.advice()).await?;
        Ok(Self { url, client })
    }

    /// Sends a request to a path below the URL, and returns the JSON of the answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NoAnswer> {
        let url = &self.url;
        let content = body
            .map(|body| Content { kind: "application/json", body: Bytes::from(body.to_string()) });
        let answer = self.client.send(method, &format!("{url}{path}"), content).await?;
        match (answer.status.is_success(), serde_json::from_slice::<Value>(&answer.body)) {
            (true, Ok(body)) if body.is_object() => Ok(body),
            (true, _) => Err(Failure::new(format!("{url} is not the operators' function"))
                .next(format!("the stack's output {URL_OUTPUT} has its URL"))
                .into()),
            (false, body) => {
                Err(NoAnswer::Refused(refusal(answer.status, &body.unwrap_or_default())))
            }
        }
    }
}

/// Reads RFC 9457 problem details, or the messages of Lambda and the emulation.
fn refusal(status: StatusCode, body: &Value) -> Refusal {
    let code = body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:sluicegate:"));
    let detail = ["detail", "Message", "message"].iter().find_map(|name| body[name].as_str());
    Refusal {
        status,
        code: code.unwrap_or_default().to_owned(),
        detail: detail.map_or_else(|| format!("HTTP {status}"), str::to_owned),
    }
}

fn parse_url(url: &str) -> Result<String, Failure> {
    if is_url(url) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(Failure::new(format!("`{url}` is not a URL"))
        .next(format!("the stack's output {URL_OUTPUT} has it")))
}

/// The URL that the template makes, if the endpoint is on this machine.
fn local_url(endpoint: &Endpoint, root: Option<&Path>) -> Result<String, Failure> {
    let Some(here) = endpoint.url.as_deref().filter(|_| endpoint.is_loopback()) else {
        let what = format!("the operators' function at {} is not known here", endpoint.name());
        return Err(Failure::new(what)
            .next(format!("give --stack, or --url: the stack's output {URL_OUTPUT} has it")));
    };
    let root = root::find(root).map_err(|failure| failure.next("give --url, or --root FOLDER"))?;
    let stack = emulation::stack(&root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    // The output of the template has the default endpoint. Only its path is needed.
    let path = stack.outputs.get(URL_OUTPUT).and_then(|url| url.split_once(LOCAL_PATH));
    let (_, function) = path.ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {URL_OUTPUT}"))
            .next("restore it, or give --url")
    })?;
    Ok(format!("{here}{LOCAL_PATH}{}", function.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(endpoint: &str) -> Pipeline {
        Pipeline { endpoint: Some(endpoint.to_owned()), ..Pipeline::default() }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_whoever_refuses() {
        let problem = json!({ "type": "urn:sluicegate:operators.illegal", "detail": "no" });
        for (status, body, code, detail) in [
            (409, problem, "operators.illegal", "no"),
            (403, json!({ "Message": "Forbidden" }), "", "Forbidden"),
            (502, json!(null), "", "HTTP 502 Bad Gateway"),
        ] {
            let refused = refusal(StatusCode::from_u16(status).unwrap(), &body);
            assert_eq!((refused.code.as_str(), refused.detail.as_str()), (code, detail));
        }
    }

    #[tokio::test]
    async fn a_url_elsewhere_has_to_be_given() {
        let variables: BTreeMap<&str, &str> = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "r"),
        ]);
        let aws = Endpoint::of(&at("aws"), &variables).await.unwrap();
        let message = local_url(&aws, None).unwrap_err().to_string();
        assert!(message.contains("--url") && message.contains(URL_OUTPUT), "{message}");
        assert_eq!(parse_url("https://a.on.aws/").unwrap(), "https://a.on.aws");
        assert!(parse_url("a.on.aws").is_err());
        let here = Endpoint::of(&at("http://127.0.0.1:9"), &variables).await.unwrap();
        let url = local_url(&here, None).unwrap();
        assert_eq!(url, "http://127.0.0.1:9/function-urls/sluicegate-OperatorsFunction");
    }
}
