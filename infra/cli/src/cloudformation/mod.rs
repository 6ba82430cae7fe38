//! Calls to CloudFormation.
//!
//! Each is one signed request of its query API, because the SDK for CloudFormation takes twice as long to compile as
//! the SDK that finds the credentials. <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>

pub(crate) mod answers;

use std::io;

use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::signed::{Answer, Content, SignedClient};

const SERVICE: &str = "cloudformation";
const FORM: &str = "application/x-www-form-urlencoded";
const VERSION: &str = "2010-05-15";

pub(crate) struct CloudFormation {
    client: SignedClient,
    url: String,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no answer.
    NoAnswer(Failure),
    /// CloudFormation refused the call.
    Refused(Refusal),
    /// The answer is not CloudFormation's.
    NotUnderstood(StatusCode),
}

/// The words with which CloudFormation refuses a call.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(rename = "Code")]
    pub(crate) code: String,
    #[serde(rename = "Message", default)]
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
struct Refused {
    #[serde(rename = "Error")]
    error: Refusal,
}

/// The parameters of a call, with the names of the query protocol, such as `Tags.member.1.Key`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(String);

impl Parameters {
    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        self.0.push_str(&format!("&{name}={value}"));
        self
    }
}

impl Refusal {
    /// As the cause of a failure.
    pub(crate) fn cause(&self) -> io::Error {
        io::Error::other(format!("{}: {}", self.code, self.message))
    }

    /// Whether the caller lacks a right.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self.code.as_str(), "AccessDenied" | "AccessDeniedException")
    }

    /// Whether a session is over.
    pub(crate) fn is_expired_session(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "ExpiredTokenException")
    }

    /// Whether there is no such stack.
    pub(crate) fn is_missing_stack(&self) -> bool {
        self.code == "ValidationError" && self.message.contains("does not exist")
    }
}

impl CloudFormation {
    /// CloudFormation at a URL, or that of the configured region on AWS. `advice` is what to do if nothing answers.
    ///
    /// # Errors
    /// If there are no credentials to sign with.
    pub(crate) async fn new(
        config: &SdkConfig,
        url: Option<&str>,
        advice: String,
    ) -> Result<Self, Failure> {
        let region = config.region().map_or("", |region| region.as_ref());
        let client = SignedClient::new(config, SERVICE, advice).await?;
        Ok(Self { client, url: address(url, region) })
    }

    /// The address of the calls.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// One call and its result.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        action: &str,
        parameters: Parameters,
    ) -> Result<T, CallError> {
        let form = format!("Action={action}&Version={VERSION}{}", parameters.0);
        let content = Content { kind: FORM, body: Bytes::from(form) };
        let answer = self.client.send(Method::POST, &self.url, Some(content)).await;
        read(&answer.map_err(CallError::NoAnswer)?)
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    let not_understood = || CallError::NotUnderstood(answer.status);
    let text = std::str::from_utf8(&answer.body).map_err(|_| not_understood())?;
    if !answer.status.is_success() {
        let refused: Refused = quick_xml::de::from_str(text).map_err(|_| not_understood())?;
        return Err(CallError::Refused(refused.error));
    }
    quick_xml::de::from_str(text).map_err(|_| not_understood())
}

/// The address of CloudFormation: <https://docs.aws.amazon.com/general/latest/gr/cfn.html>.
fn address(url: Option<&str>, region: &str) -> String {
    match url {
        Some(url) => format!("{url}/"),
        None => format!("https://{SERVICE}.{region}.{}/", domain(region)),
    }
}

/// The domain of the addresses of AWS in a region.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_address() {
        for (region, expected) in [
            ("eu-west-1", "https://cloudformation.eu-west-1.amazonaws.com/"),
            ("us-gov-west-1", "https://cloudformation.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://cloudformation.cn-north-1.amazonaws.com.cn/"),
        ] {
            assert_eq!(address(None, region), expected);
        }
        assert_eq!(address(Some("http://127.0.0.1:1"), "eu-west-1"), "http://127.0.0.1:1/");
    }
}
