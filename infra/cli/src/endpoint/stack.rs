//! The outputs of a CloudFormation stack.
//!
//! They are read with one signed request, because the SDK for CloudFormation takes twice as long to
//! compile as the SDK that finds the credentials.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::Endpoint;
use crate::failure::Failure;
use crate::signed::{Answer, Content, SignedClient};

const SERVICE: &str = "cloudformation";
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Debug, Deserialize)]
struct Described {
    #[serde(rename = "DescribeStacksResult")]
    result: Stacks,
}

#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(rename = "Stacks")]
    stacks: Members<Stack>,
}

/// A list in the form of the query protocol.
#[derive(Debug, Deserialize)]
struct Members<T> {
    #[serde(default = "Vec::new")]
    member: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Stack {
    #[serde(rename = "Outputs")]
    outputs: Option<Members<Output>>,
}

#[derive(Debug, Deserialize)]
struct Output {
    #[serde(rename = "OutputKey")]
    key: String,
    #[serde(rename = "OutputValue", default)]
    value: String,
}

#[derive(Debug, Deserialize)]
struct Refused {
    #[serde(rename = "Error")]
    error: Problem,
}

#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

impl Endpoint {
    /// All outputs of the stack that was named. `None` if none was named.
    pub(crate) async fn outputs(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        match &self.stack {
            Some(name) => describe_stack(self, name).await.map(Some),
            None => Ok(None),
        }
    }

    /// An output of the stack that was named; `flag` is the option that can replace it. `None` if
    /// no stack was named.
    pub(crate) async fn output(&self, name: &str, flag: &str) -> Result<Option<String>, Failure> {
        let (Some(stack), Some(mut outputs)) = (&self.stack, self.outputs().await?) else {
            return Ok(None);
        };
        let output = outputs.remove(name).filter(|value| !value.is_empty());
        let output = output.ok_or_else(|| {
            Failure::new(format!("stack `{stack}` has no output {name}")).next(format!(
                "is it a pipeline of this version? deploy template.yaml, or give {flag}"
            ))
        })?;
        Ok(Some(output))
    }
}

/// All outputs of a stack, by their names.
async fn describe_stack(
    endpoint: &Endpoint,
    stack: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let client = SignedClient::new(&endpoint.config, SERVICE, endpoint.advice()).await?;
    let name = utf8_percent_encode(stack, NON_ALPHANUMERIC);
    let form = format!("Action=DescribeStacks&Version=2010-05-15&StackName={name}");
    let content = Content { kind: FORM, body: Bytes::from(form) };
    let answer = client.send(Method::POST, &url(endpoint), Some(content)).await?;
    parse_outputs(&answer).map_err(|error| failure(endpoint, stack, error))
}

/// The address of CloudFormation: <https://docs.aws.amazon.com/general/latest/gr/cfn.html>.
fn url(endpoint: &Endpoint) -> String {
    if let Some(url) = &endpoint.url {
        return format!("{url}/");
    }
    let region = endpoint.region();
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{SERVICE}.{region}.{end}/")
}

/// Why there are no outputs.
#[derive(Debug)]
enum NoOutputs {
    Refused(Problem),
    /// The answer is not CloudFormation's.
    NotUnderstood(StatusCode),
}

fn parse_outputs(answer: &Answer) -> Result<BTreeMap<String, String>, NoOutputs> {
    let text =
        std::str::from_utf8(&answer.body).map_err(|_| NoOutputs::NotUnderstood(answer.status))?;
    if !answer.status.is_success() {
        let refused = quick_xml::de::from_str::<Refused>(text)
            .map_err(|_| NoOutputs::NotUnderstood(answer.status))?;
        return Err(NoOutputs::Refused(refused.error));
    }
    let described = quick_xml::de::from_str::<Described>(text)
        .map_err(|_| NoOutputs::NotUnderstood(answer.status))?;
    let stack = described
        .result
        .stacks
        .member
        .into_iter()
        .next()
        .ok_or(NoOutputs::NotUnderstood(answer.status))?;
    let outputs = stack.outputs.map(|outputs| outputs.member).unwrap_or_default();
    Ok(outputs.into_iter().map(|output| (output.key, output.value)).collect())
}

fn failure(endpoint: &Endpoint, stack: &str, error: NoOutputs) -> Failure {
    let problem = match error {
        NoOutputs::Refused(problem) => problem,
        NoOutputs::NotUnderstood(status) => {
            let what = format!("{} is not CloudFormation: HTTP {status}", url(endpoint));
            return Failure::new(what)
                .next("--endpoint aws is AWS itself; the emulation needs no --stack");
        }
    };
    let because = io::Error::other(format!("{}: {}", problem.code, problem.message));
    match problem.code.as_str() {
        "ValidationError" if problem.message.contains("does not exist") => {
            Failure::new(format!("there is no stack `{stack}` in {}", endpoint.region()))
                .next("are --stack, --region and --profile those that you mean?")
        }
        "AccessDenied" | "AccessDeniedException" => Failure::new(format!(
            "the outputs of stack `{stack}` are not yours to read: DescribeStacks was denied"
        ))
        .because(because)
        .next("your role needs cloudformation:DescribeStacks on the stack"),
        "ExpiredToken" | "ExpiredTokenException" => {
            Failure::new(format!("stack `{stack}` cannot be read: your session is over"))
                .because(because)
                .next("sign in again: aws sso login, or whatever gave the credentials")
        }
        _ => Failure::new(format!("stack `{stack}` cannot be read"))
            .because(because)
            .next(endpoint.advice()),
    }
}

#[cfg(test)]
mod tests;
