//! Reads realistic profile files, and expects what the AWS CLI would use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::*;

const ASSUMED: &str = r"<AssumeRoleResponse><AssumeRoleResult><Credentials>
  <AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
  <SessionToken>token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>";

/// STS without a network.
#[derive(Clone, Debug, Default)]
struct Sts {
    /// The bodies of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.asked.lock().unwrap().push(String::from_utf8_lossy(body).into_owned());
        let status = 200_u16.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(ASSUMED))))
    }
}

impl Sts {
    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

fn fixture(name: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path: PathBuf = here.join("tests/profiles").join(name);
    path.display().to_string()
}

/// The account that is found with the fixture's files and these variables.
async fn found(
    pipeline: &Pipeline,
    variables: &[(&str, &str)],
    sts: &Sts,
) -> Result<Account, Failure> {
    let (config, credentials) = (fixture("config"), fixture("credentials"));
    let mut all: BTreeMap<&str, &str> = variables.iter().copied().collect();
    all.entry("AWS_CONFIG_FILE").or_insert(&config);
    all.entry("AWS_SHARED_CREDENTIALS_FILE").or_insert(&credentials);
    Account::find(pipeline, &all, sts.client()).await
}

fn profile(name: &str) -> Pipeline {
    Pipeline { profile: Some(name.to_owned()), ..Pipeline::default() }
}

/// The access key and the region.
async fn key_and_region(pipeline: &Pipeline, variables: &[(&str, &str)]) -> [String; 2] {
    let account = found(pipeline, variables, &Sts::default()).await.unwrap();
    let credentials = account.credentials.provide_credentials().await.unwrap();
    [credentials.access_key_id().to_owned(), account.region.to_string()]
}

async fn refused(pipeline: &Pipeline, variables: &[(&str, &str)]) -> String {
    found(pipeline, variables, &Sts::default()).await.unwrap_err().to_string()
}

const ENVIRONMENT: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "ENVIRONMENT"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_REGION", "us-east-1"),
];

/// The options, the environment, and the expected access key and region.
type Case<'a> = (Pipeline, &'a [(&'a str, &'a str)], [&'a str; 2]);

#[tokio::test]
async fn whose_credentials_and_which_region_follow_the_aws_cli() {
    let region = |pipeline: Pipeline| Pipeline { region: Some("eu-west-3".to_owned()), ..pipeline };
    let named = [("AWS_PROFILE", "regional")];
    let variables = ENVIRONMENT;
    let both = [&ENVIRONMENT[..], &named].concat();
    let cases: [Case<'_>; 8] = [
        (Pipeline::default(), &[], ["DEFAULT", "eu-central-1"]),
        (profile("regional"), &[], ["REGIONAL", "eu-north-1"]),
        (Pipeline::default(), &named, ["REGIONAL", "eu-north-1"]),
        (Pipeline::default(), &variables, ["ENVIRONMENT", "us-east-1"]),
        (Pipeline::default(), &both, ["ENVIRONMENT", "us-east-1"]),
        (profile("regional"), &variables, ["REGIONAL", "us-east-1"]),
        (region(profile("regional")), &variables, ["REGIONAL", "eu-west-3"]),
        (region(profile("plain")), &[], ["PLAIN", "eu-west-3"]),
    ];
    for (pipeline, variables, expected) in cases {
        assert_eq!(
            key_and_region(&pipeline, variables).await,
            expected,
            "{pipeline:?} {variables:?}"
        );
    }
}

#[tokio::test]
async fn a_process_that_gives_credentials_is_run() {
    assert_eq!(key_and_region(&profile("process"), &[]).await, ["PROCESS", "eu-west-1"]);
}

#[tokio::test]
async fn a_role_is_assumed_with_the_source_profile() {
    let sts = Sts::default();
    let account = found(&profile("assumed"), &[], &sts).await.unwrap();
    for _ in 0..2 {
        let credentials = account.credentials.provide_credentials().await.unwrap();
        assert_eq!(credentials.access_key_id(), "ASSUMED");
    }
    assert_eq!(account.region.as_ref(), "eu-west-2");
    let asked = sts.asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "credentials are asked for once");
    assert!(asked[0].contains("Action=AssumeRole&"), "{asked:?}");
    assert!(asked[0].contains("role%2FOperator"), "{asked:?}");
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_told_with_the_files() {
    for (pipeline, variables) in
        [(profile("nobody"), &[][..]), (Pipeline::default(), &[("AWS_PROFILE", "nobody")])]
    {
        let text = refused(&pipeline, variables).await;
        let (config, credentials) = (fixture("config"), fixture("credentials"));
        let first = format!("error: there is no profile `nobody` in {config} or {credentials}");
        assert_eq!(text.lines().next(), Some(first.as_str()));
    }
    let nowhere = [("HOME", "/nowhere"), ("AWS_CONFIG_FILE", ""), ("AWS_REGION", "r")];
    let nowhere = [&nowhere[..], &[("AWS_SHARED_CREDENTIALS_FILE", "~/mine")]].concat();
    let text = refused(&Pipeline::default(), &nowhere).await;
    let first = "error: there is no profile `default` in /nowhere/.aws/config or /nowhere/mine";
    assert_eq!(text.lines().next(), Some(first));
}

#[tokio::test]
async fn a_region_that_is_not_known_is_told_with_how_to_give_it() {
    let text = refused(&profile("plain"), &[]).await;
    let first = "error: no region is known: profile `plain` has none";
    assert_eq!(text.lines().next(), Some(first));
    assert!(text.contains("--region") && text.contains("AWS_REGION"), "{text}");
}

/// The home folder of the person who runs the tests has no such session.
#[tokio::test]
async fn who_is_not_signed_in_is_told_how_to_sign_in() {
    for name in ["signed-out", "legacy-signed-out", "assumed-signed-out"] {
        let text = refused(&profile(name), &[]).await;
        let first = format!("error: profile `{name}` gives no credentials");
        assert_eq!(text.lines().next(), Some(first.as_str()));
        assert!(text.contains(&format!("aws sso login --profile {name}")), "{text}");
    }
}

#[tokio::test]
async fn a_profile_that_says_nothing_of_credentials_is_no_matter_of_signing_in() {
    let text = refused(&profile("empty"), &[]).await;
    assert!(text.starts_with("error: profile `empty` gives no credentials"), "{text}");
    assert!(!text.contains("sso login"), "{text}");
}
