//! Describes, enables and disables Lambda's event source mappings.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html> and
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{Builder, Config};
use aws_sdk_lambda::error::{DisplayErrorContext, SdkError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// The longest time for one call.
const LIMIT: Duration = Duration::from_secs(5);

/// A client for event source mappings, which it names by their UUIDs.
#[derive(Clone, Debug)]
pub struct EventSourceMappings {
    client: Client,
}

/// The part of a mapping's description that polling needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSourceMapping {
    /// `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`; empty if Lambda's
    /// answer has none.
    pub state: String,
    /// The ARN of the queue or stream that the mapping polls; empty if Lambda's answer has none.
    pub source_arn: String,
}

/// Why it is not known that a mapping has changed. Each holds the SDK's error, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUpdated {
    /// Lambda answered with a 4xx status, so nothing has changed.
    #[error("Lambda refused: {0}")]
    Refused(String),
    /// Lambda did not answer, or failed. The mapping may have changed, or may still change.
    #[error("Lambda did not answer: {0}")]
    Unknown(String),
}

impl EventSourceMappings {
    /// A client that gives up a call after 5 s, and makes each call once.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(LIMIT).build();
        // The SDK does not retry. Lambda would refuse the second request for a change while it applies the first.
        let config: Config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config) }
    }

    /// The state and the source of a mapping (`GetEventSourceMapping`).
    ///
    /// # Errors
    /// The SDK's error, as a person reads it.
    pub async fn describe(&self, uuid: &str) -> Result<EventSourceMapping, String> {
        let asked = self.client.get_event_source_mapping().uuid(uuid).send().await;
        let found = asked.map_err(|error| DisplayErrorContext(error).to_string())?;
        Ok(EventSourceMapping {
            state: found.state.unwrap_or_default(),
            source_arn: found.event_source_arn.unwrap_or_default(),
        })
    }

    /// Asks Lambda to enable a mapping. It is `Enabling` for a while before it polls.
    ///
    /// # Errors
    /// [`NotUpdated`], which says whether the request may still take effect.
    pub async fn enable(&self, uuid: &str) -> Result<(), NotUpdated> {
        self.update(uuid, true).await
    }

    /// Asks Lambda to disable a mapping. It is `Disabling` for a while before it stops polling.
    ///
    /// # Errors
    /// [`NotUpdated`], which says whether the request may still take effect.
    pub async fn disable(&self, uuid: &str) -> Result<(), NotUpdated> {
        self.update(uuid, false).await
    }

    async fn update(&self, uuid: &str, enabled: bool) -> Result<(), NotUpdated> {
        let update = self.client.update_event_source_mapping().uuid(uuid).enabled(enabled);
        let Err(error) = update.send().await else { return Ok(()) };
        let is_refused = match &error {
            SdkError::ServiceError(answer) => answer.raw().status().is_client_error(),
            _ => false,
        };
        let reason = DisplayErrorContext(error).to_string();
        Err(if is_refused { NotUpdated::Refused(reason) } else { NotUpdated::Unknown(reason) })
    }
}
