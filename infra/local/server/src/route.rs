//! Finds the service and the operation of a request.
//!
//! The service follows from the signature, otherwise from the target, otherwise from the path, and is S3 if
//! none of these decides. Every request has a route, and all strings in it are short.

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Uri};

use super::operation;

/// The maximum length of a caller, in bytes. Access key ids have up to 128:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
const MAX_CALLER: usize = 128;
const SQS_TARGET: &str = "AmazonSQS.";
const DYNAMODB_TARGET: &str = "DynamoDB_20120810.";
const SECRETS_TARGET: &str = "secretsmanager.";
const LAMBDA_PATH: &str = "/2015-03-31/";
const URL_PATH: &str = "/function-urls/";
const API_PATH: &str = "/http-apis/";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) destination: Destination,
    /// The access key id; empty if the request is not signed.
    pub(super) caller: String,
    /// The session token; empty if the request has none.
    pub(super) token: String,
    pub(super) operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Sqs,
    DynamoDb,
    S3,
    SecretsManager,
    Lambda,
    /// A function URL. The path is relative to the URL and includes the query.
    FunctionUrl {
        function: String,
        path: String,
    },
    /// An HTTP API. The path is relative to its URL and includes the query.
    HttpApi {
        /// The logical id of the API.
        api: String,
        path: String,
    },
}

impl Destination {
    pub(super) fn service(&self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
            Self::SecretsManager => "secretsmanager",
            Self::Lambda => "lambda",
            Self::FunctionUrl { .. } => "lambda-url",
            Self::HttpApi { .. } => "execute-api",
        }
    }
}

impl Route {
    pub(super) fn of(parts: &Parts) -> Self {
        let credential = credential(parts);
        let mut scope = credential.split('/');
        let caller = scope.next().unwrap_or_default();
        // The access key id is followed by the date, the region and the service.
        let service = scope.nth(2).unwrap_or_default();
        let target = text(&parts.headers, "x-amz-target");
        let destination = destination(parts, service, target);
        let operation = match &destination {
            Destination::Sqs | Destination::DynamoDb | Destination::SecretsManager => {
                operation::of_target(target)
            }
            Destination::S3 => operation::of_s3(parts).to_owned(),
            Destination::Lambda => operation::of_lambda(parts).to_owned(),
            Destination::FunctionUrl { .. } => "InvokeFunctionUrl".to_owned(),
            Destination::HttpApi { .. } => "Invoke".to_owned(),
        };
        let is_short = caller.len() <= MAX_CALLER;
        let caller = if is_short { caller } else { "" }.to_owned();
        let token = text(&parts.headers, "x-amz-security-token").to_owned();
        Self { destination, caller, token, operation }
    }
}

fn destination(parts: &Parts, service: &str, target: &str) -> Destination {
    match service {
        "sqs" => return Destination::Sqs,
        "dynamodb" => return Destination::DynamoDb,
        "s3" => return Destination::S3,
        "secretsmanager" => return Destination::SecretsManager,
        _ => {}
    }
    if target.starts_with(SQS_TARGET) {
        return Destination::Sqs;
    }
    if target.starts_with(DYNAMODB_TARGET) {
        return Destination::DynamoDb;
    }
    if target.starts_with(SECRETS_TARGET) {
        return Destination::SecretsManager;
    }
    if let Some((function, path)) = below(parts, URL_PATH) {
        return Destination::FunctionUrl { function, path };
    }
    if let Some((api, path)) = below(parts, API_PATH) {
        return Destination::HttpApi { api, path };
    }
    if service == "lambda" || parts.uri.path().starts_with(LAMBDA_PATH) {
        return Destination::Lambda;
    }
    Destination::S3
}

/// Splits the path after `prefix` into a name and the path below it.
fn below(parts: &Parts, prefix: &str) -> Option<(String, String)> {
    let below = parts.uri.path().strip_prefix(prefix)?;
    let (name, path) = below.split_once('/').unwrap_or((below, ""));
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    (!name.is_empty()).then(|| (name.to_owned(), format!("/{path}{query}")))
}

/// The credential of the signature, such as `AKID/20130101/eu-west-1/sqs/aws4_request`, from the header or
/// from a presigned URL; empty if the request is not signed:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>
fn credential(parts: &Parts) -> String {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some((_, from)) = header.and_then(|header| header.split_once("Credential=")) {
        return from.split([',', ' ']).next().unwrap_or_default().to_owned();
    }
    let mut parameters = parts.uri.query().unwrap_or_default().split('&');
    let found = parameters.find_map(|parameter| parameter.strip_prefix("X-Amz-Credential="));
    let Some(found) = found else { return String::new() };
    percent_encoding::percent_decode_str(found).decode_utf8_lossy().into_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Replaces the path of a request by the path below its URL. Returns `None` if that is not a path.
pub(crate) fn with_path(mut parts: Parts, body: Body, path: String) -> Option<Request<Body>> {
    parts.uri = Uri::try_from(path).ok()?;
    Some(Request::from_parts(parts, body))
}
