//! Lambda's event source mappings: looked at, enabled and disabled.
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

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A client of mappings, by their UUIDs.
#[derive(Clone, Debug)]
pub struct EventSourceMappings {
    client: Client,
}

/// What is told of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSourceMapping {
    /// `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`.
    pub state: String,
    pub source_arn: String,
}

/// Why a mapping is not known to be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUpdated {
    /// Nothing has changed.
    #[error("Lambda refused: {0}")]
    Refused(String),
    /// It may have changed, or may yet.
    #[error("Lambda did not answer: {0}")]
    Unknown(String),
}

impl EventSourceMappings {
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(LIMIT).build();
        // A change is asked for once: of the second of two, Lambda would say that the first is in the way.
        let config: Config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config) }
    }

    /// # Errors
    /// Why it is not known, as a person reads it.
    pub async fn describe(&self, uuid: &str) -> Result<EventSourceMapping, String> {
        let asked = self.client.get_event_source_mapping().uuid(uuid).send().await;
        let found = asked.map_err(|error| DisplayErrorContext(error).to_string())?;
        Ok(EventSourceMapping {
            state: found.state.unwrap_or_default(),
            source_arn: found.event_source_arn.unwrap_or_default(),
        })
    }

    /// Asks for a mapping to be enabled. It takes a while until it polls.
    ///
    /// # Errors
    /// [`NotUpdated`].
    pub async fn enable(&self, uuid: &str) -> Result<(), NotUpdated> {
        self.update(uuid, true).await
    }

    /// Asks for a mapping to be disabled. It takes a while until it polls no more.
    ///
    /// # Errors
    /// [`NotUpdated`].
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
