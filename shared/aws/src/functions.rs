//! Invokes Lambda functions by name.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{Builder, Config};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use event::{Code, Failure};

use crate::failure_of;

/// A client that invokes functions.
#[derive(Clone, Debug)]
pub struct Functions {
    client: Client,
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// The function's answer.
    Answered(Vec<u8>),
    /// The function failed; the payload of its error, `{"errorType": …, "errorMessage": …}`.
    Failed(Vec<u8>),
}

impl Functions {
    /// A client that waits up to `patience` for an answer. It does not retry, since a function whose answer was lost
    /// may have done what it was asked for.
    #[must_use]
    pub fn new(sdk: &SdkConfig, patience: Duration) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(patience).build();
        let config: Config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config) }
    }

    /// Invokes a function, and waits for its answer.
    ///
    /// # Errors
    /// When Lambda did not run it, or its answer did not arrive.
    pub async fn invoke(&self, function: &str, payload: Vec<u8>) -> Result<Invoked, Failure> {
        let call = self.client.invoke().function_name(function).payload(Blob::new(payload));
        let answer =
            call.send().await.map_err(|error| failure_of("invoking a function", &error))?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        Ok(match answer.function_error {
            None => Invoked::Answered(payload),
            Some(_) => Invoked::Failed(payload),
        })
    }

    /// Invokes a function asynchronously: Lambda queues the invocation, and runs it later.
    ///
    /// # Errors
    /// When Lambda did not accept the invocation.
    pub async fn invoke_later(&self, function: &str, payload: Vec<u8>) -> Result<(), Failure> {
        let call = self.client.invoke().function_name(function).payload(Blob::new(payload));
        let call = call.invocation_type(InvocationType::Event);
        let answer =
            call.send().await.map_err(|error| failure_of("invoking a function", &error))?;
        if answer.status_code == 202 {
            return Ok(());
        }
        let reason = "invoking a function: it was not taken";
        Err(Failure::transient(Code::DependencyUnavailable, reason))
    }
}
