//! The port to Lambda's event source mappings.

use aws::NotUpdated;
use breaker::polling::{Mapping, MappingState};

/// Event source mappings, by their UUIDs.
pub(crate) trait Mappings {
    /// The mapping's current state.
    ///
    /// # Errors
    /// The reason for which it is not known.
    async fn describe(&self, uuid: &str) -> Result<Mapping, String>;

    /// Asks Lambda to enable the mapping, which takes Lambda a while.
    ///
    /// # Errors
    /// [`NotUpdated`], when Lambda refused or did not answer.
    async fn enable(&self, uuid: &str) -> Result<(), NotUpdated>;

    /// Asks Lambda to disable the mapping, which takes Lambda a while.
    ///
    /// # Errors
    /// [`NotUpdated`], when Lambda refused or did not answer.
    async fn disable(&self, uuid: &str) -> Result<(), NotUpdated>;
}

impl Mappings for aws::EventSourceMappings {
    async fn describe(&self, uuid: &str) -> Result<Mapping, String> {
        let found = self.describe(uuid).await?;
        Ok(Mapping { state: state(&found.state), is_fifo: found.source_arn.ends_with(".fifo") })
    }

    async fn enable(&self, uuid: &str) -> Result<(), NotUpdated> {
        self.enable(uuid).await
    }

    async fn disable(&self, uuid: &str) -> Result<(), NotUpdated> {
        self.disable(uuid).await
    }
}

fn state(name: &str) -> MappingState {
    match name {
        "Enabled" => MappingState::Enabled,
        "Enabling" => MappingState::Enabling,
        "Disabled" => MappingState::Disabled,
        "Disabling" => MappingState::Disabling,
        _ => MappingState::Other,
    }
}
