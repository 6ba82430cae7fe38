//! Builds the client with which a function calls services that are not AWS's, from the function's environment.

use std::path::PathBuf;

use aws_types::SdkConfig;
use contracts::Dependencies;
use outbound::{BreakerParts, Client, DependencyClient, Reach, Secrets, TokioPause};
use runtime::env::{EnvError, Lookup, number, required, variables_file};
use runtime::{Clock, Recorder, SystemClock, unique_name};

use crate::{BreakerTable, SecretsManager};

/// Calls to services, with secrets from Secrets Manager and breakers in a table.
pub type ServiceClient =
    DependencyClient<Client, SecretsManager, BreakerTable, TokioPause<SystemClock>>;

/// The variables that the template sets for each function that calls services.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// `VARIABLES_FILE`: the path of the YAML file with the values of the contracts' variables.
    pub variables_file: PathBuf,
    /// `SECRETS_PREFIX`: how the names of the stack's secrets begin in Secrets Manager.
    secrets_prefix: String,
    /// `BREAKERS_TABLE`: the table of the fleet's circuit breakers.
    breakers_table: String,
    /// `MAXIMUM_CONCURRENCY`: the number of environments that share a limit of calls a second.
    maximum_concurrency: u32,
    reach: Reach,
}

impl ServiceSettings {
    /// Reads the settings from a function's environment. With `AWS_ENDPOINT_URL` (an emulator's), services on this
    /// machine may be called too.
    ///
    /// # Errors
    /// The name of the variable that is missing or malformed.
    pub fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            variables_file: variables_file(lookup)?,
            secrets_prefix: required(lookup, "SECRETS_PREFIX", "a prefix such as sluicegate/")?,
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            maximum_concurrency: number(lookup, "MAXIMUM_CONCURRENCY", 2..=1_000)?,
            reach: Reach::beside(lookup.get("AWS_ENDPOINT_URL").as_deref()),
        })
    }

    /// A client for dependencies with these settings.
    #[must_use]
    pub fn client(
        self,
        sdk: &SdkConfig,
        dependencies: Dependencies,
        metrics: Recorder,
    ) -> ServiceClient {
        let http = Client::new(self.reach);
        let secrets = Secrets::new(SecretsManager::lazy(sdk, self.secrets_prefix));
        let breakers = BreakerParts {
            store: BreakerTable::new(sdk, self.breakers_table),
            host: TokioPause(SystemClock),
            environment: unique_name(SystemClock.now()),
            environments: self.maximum_concurrency,
            metrics,
        };
        DependencyClient::new(http, secrets, breakers, dependencies)
    }
}
