//! The AWS endpoint to use: the emulation, another emulator, or AWS itself, and with which
//! credentials.
//!
//! Region and credentials are those that the AWS CLI would use. An emulator on this machine needs
//! neither. For one, only the environment is read, and files only if a profile is given.

mod stack;

use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_sqs::error::ErrorMetadata;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use runtime::env::{self, Lookup};
use serde_json::Value;

pub(crate) use self::stack::find_stack;
use crate::account::{Account, Pipeline};
use crate::cloudformation::CloudFormation;
use crate::failure::Failure;

/// The default address of `local up`.
const OURS: &str = "http://127.0.0.1:4566";
/// The word that stands for AWS itself in place of a URL.
const AWS: &str = "aws";
/// How long to wait for an answer of the emulation about itself.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Endpoint {
    /// `None` is AWS itself.
    pub(crate) url: Option<String>,
    pub(crate) config: SdkConfig,
    /// The stack that was named.
    pub(crate) stack: Option<String>,
}

impl Endpoint {
    /// The endpoint that was given, or that of `AWS_ENDPOINT_URL`. Without either it is AWS if an
    /// option was given that only makes sense there, and the default address of `local up`
    /// otherwise.
    pub(crate) async fn of(pipeline: &Pipeline, lookup: &dyn Lookup) -> Result<Self, Failure> {
        let given = pipeline.endpoint.clone();
        let url = match given.or_else(|| lookup.get("AWS_ENDPOINT_URL")) {
            Some(word) if word == AWS => None,
            Some(url) if env::is_url(&url) => Some(url.trim_end_matches('/').to_owned()),
            Some(other) => {
                return Err(Failure::new(format!("`{other}` is not an endpoint"))
                    .next(format!("give a URL such as {OURS}, or `{AWS}` for AWS itself")));
            }
            None if pipeline.is_on_aws() => None,
            None => Some(OURS.to_owned()),
        };
        let config = match &url {
            Some(url) if is_loopback(url) && pipeline.profile.is_none() => {
                let region = pipeline.region.as_deref();
                aws::sdk_config(&Variables { lookup, url, region }).map_err(|error| {
                    Failure::new("the environment cannot be used").because(error)
                })?
            }
            _ => {
                let account = Account::find(pipeline, lookup, aws::http_client(None)).await?;
                aws::sdk_config_as(account.credentials, account.region, url.clone())
            }
        };
        Ok(Self { url, config, stack: pipeline.stack.clone() })
    }

    pub(crate) fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        self.url.as_deref().unwrap_or("AWS")
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.url.as_deref().is_some_and(is_loopback)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// An emulator gets path-style URLs, because it has no DNS names for buckets.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config);
        let config = config.force_path_style(self.url.is_some()).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// CloudFormation, for signed requests.
    ///
    /// # Errors
    /// If there are no credentials to sign with.
    pub(crate) async fn cloudformation(&self) -> Result<CloudFormation, Failure> {
        CloudFormation::new(&self.config, self.url.as_deref(), self.advice()).await
    }

    /// The answer of the emulation about itself at this path.
    pub(crate) async fn emulation_status(&self, path: &str) -> Result<Value, NoStatus> {
        let (status, body) = self.exchange(Method::GET, path, Bytes::new()).await?;
        match body["message"].as_str() {
            _ if status.is_success() && body.is_object() => Ok(body),
            Some(message) if status.is_server_error() => {
                Err(NoStatus::NoAnswer(message.to_owned()))
            }
            // An emulator that does not know the path says so, or reads it as the name of a bucket.
            _ if status.is_client_error() => Err(NoStatus::OtherEmulator),
            _ => Err(NoStatus::NoAnswer(format!("{path} was answered with status {status}"))),
        }
    }

    /// Asks the emulation to do something, and returns its answer.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Value, Failure> {
        let Ok((status, answer)) = self.exchange(method, path, body).await else {
            return Err(self.no_emulation());
        };
        match answer["message"].as_str() {
            _ if status.is_success() && answer.is_object() => Ok(answer),
            Some(message) => Err(Failure::new(format!("{} refuses: {message}", self.name()))),
            None => Err(self.no_emulation()),
        }
    }

    fn no_emulation(&self) -> Failure {
        Failure::new(format!("no local emulation answers at {}", self.name())).next(self.advice())
    }

    /// One request and its answer, which is null if the body is not JSON.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Value), NoStatus> {
        let url = self.url.as_deref().filter(|url| url.starts_with("http://"));
        let uri = url.and_then(|url| format!("{url}{path}").parse::<Uri>().ok());
        let request = Request::builder().method(method).uri(uri.ok_or(NoStatus::OtherEmulator)?);
        let request = request.body(Full::new(body)).map_err(|_| NoStatus::OtherEmulator)?;
        let exchanged = async {
            let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
            let answer =
                client.request(request).await.map_err(|error| match error.is_connect() {
                    true => NoStatus::OtherEmulator,
                    false => NoStatus::NoAnswer(format!("{path} got no answer")),
                })?;
            let status = answer.status();
            let body = answer.into_body().collect().await;
            let body =
                body.map_err(|_| NoStatus::NoAnswer(format!("{path} got half an answer")))?;
            Ok((status, serde_json::from_slice(&body.to_bytes()).unwrap_or_default()))
        };
        let late = format!("{path} got no answer in {} s", PATIENCE.as_secs());
        tokio::time::timeout(PATIENCE, exchanged).await.unwrap_or(Err(NoStatus::NoAnswer(late)))
    }

    /// The failure for a call. It shows only the deepest cause, because the SDK's wrappers add
    /// nothing.
    pub(crate) fn refused(&self, what: impl Into<String>, error: impl Error + 'static) -> Failure {
        let mut deepest: &(dyn Error + 'static) = &error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let failure = match deepest.downcast_ref::<ErrorMetadata>() {
            Some(answer) => {
                let words = [answer.code(), answer.message()];
                let words: Vec<&str> = words.into_iter().flatten().collect();
                Failure::new(what).because(io::Error::other(words.join(": ")))
            }
            None => Failure::new(what).because(deepest),
        };
        match self.is_loopback() && !deepest.is::<io::Error>() {
            true => failure.next("is it the endpoint that you mean, and the name?"),
            false => failure.next(self.advice()),
        }
    }

    /// What to do if nothing answers.
    pub(crate) fn advice(&self) -> String {
        match self.is_loopback() {
            true => {
                "is it running? `sluicegate local up` starts it and prints its endpoint".to_owned()
            }
            false => "check the endpoint, --region and --profile".to_owned(),
        }
    }
}

/// Why the emulation gave no status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoStatus {
    /// Nothing listens there, or another emulator does. The answers of its services will show
    /// which.
    OtherEmulator,
    /// The request was received, and the answer is not the emulation's. The text says why.
    NoAnswer(String),
}

/// The environment, with values for what an emulator on this machine does not check.
struct Variables<'a> {
    lookup: &'a dyn Lookup,
    url: &'a str,
    /// The region that was given.
    region: Option<&'a str>,
}

impl Lookup for Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let filled = match name {
            "AWS_ENDPOINT_URL" => return Some(self.url.to_owned()),
            "AWS_REGION" if self.region.is_some() => return self.region.map(str::to_owned),
            "AWS_REGION" => {
                self.lookup.get("AWS_DEFAULT_REGION").or_else(|| Some("eu-west-1".to_owned()))
            }
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        };
        self.lookup.get(name).or(filled)
    }
}

pub(crate) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "[::1]")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(
        given: Option<&str>,
        variables: &[(&str, &str)],
        expected: Result<Option<&str>, &str>,
    ) {
        let endpoint = given.map(str::to_owned);
        check_pipeline(&Pipeline { endpoint, ..Pipeline::default() }, variables, expected);
    }

    #[track_caller]
    fn check_pipeline(
        pipeline: &Pipeline,
        variables: &[(&str, &str)],
        expected: Result<Option<&str>, &str>,
    ) {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match (runtime.block_on(Endpoint::of(pipeline, &variables)), expected) {
            (Ok(endpoint), Ok(url)) => assert_eq!(endpoint.url.as_deref(), url),
            (Err(failure), Err(about)) => {
                assert!(failure.to_string().contains(about), "{failure}");
            }
            (got, _) => panic!("{:?}", got.map(|endpoint| endpoint.url)),
        }
    }

    #[test]
    fn an_emulator_on_this_machine_needs_no_setup_and_aws_says_what_it_lacks() {
        let known =
            [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "r")];
        check(None, &[], Ok(Some(OURS)));
        check(None, &[("AWS_ENDPOINT_URL", "http://localhost:9/")], Ok(Some("http://localhost:9")));
        check(
            Some("http://127.0.0.1:1"),
            &[("AWS_ENDPOINT_URL", "http://b")],
            Ok(Some("http://127.0.0.1:1")),
        );
        check(Some("aws"), &[], Err("AWS_REGION"));
        check(Some("aws"), &known[..2], Err("AWS_REGION"));
        check(Some("aws"), &known, Ok(None));
        check(Some("http://127.example.com"), &[], Err("AWS_REGION"));
        check(Some("localhost:4566"), &[], Err("give a URL"));
    }

    #[test]
    fn whoever_names_a_stack_a_profile_or_a_region_means_aws() {
        let known =
            [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "r")];
        let word = Some("it".to_owned());
        let stack = Pipeline { stack: word.clone(), ..Pipeline::default() };
        let region = Pipeline { region: word.clone(), ..Pipeline::default() };
        let profile = Pipeline { profile: word, ..Pipeline::default() };
        for pipeline in [&stack, &region] {
            check_pipeline(pipeline, &known, Ok(None));
            let emulator = [&known[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]].concat();
            check_pipeline(pipeline, &emulator, Ok(Some("http://127.0.0.1:1")));
        }
        check_pipeline(&profile, &known, Err("there is no profile `it`"));
        check_pipeline(&stack, &[], Err("no region is known"));
    }
}
