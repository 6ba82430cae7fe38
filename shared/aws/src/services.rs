//! What a function needs to call services that are not AWS's: its part of the environment, and the client that is
//! made of it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use aws_types::SdkConfig;
use contracts::Dependency;
use outbound::{BreakerParts, Client, DependencyClient, Reach, Secrets, TokioPause};
use runtime::env::{EnvError, Lookup, number, required};
use runtime::{Clock, SystemClock, unique_name};

use crate::{BreakerTable, SecretsManager};

/// Calls to services, with secrets from Secrets Manager and breakers in a table.
pub type ServiceClient =
    DependencyClient<Client, SecretsManager, BreakerTable, TokioPause<SystemClock>>;

/// What the template gives to each function that calls services.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// `VARIABLES_FILE`: what the contracts' variables stand for.
    pub variables_file: PathBuf,
    /// `SECRETS_PREFIX`: what the stack's secrets begin with in Secrets Manager.
    secrets_prefix: String,
    /// `BREAKERS_TABLE`: where the fleet's circuit breakers are kept.
    breakers_table: String,
    /// `MAXIMUM_CONCURRENCY`: how many environments share a limit of calls a second.
    maximum_concurrency: u32,
    reach: Reach,
}

impl ServiceSettings {
    /// # Errors
    /// Naming the variable that is missing or malformed.
    pub fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let file = "a file such as /opt/variables/production.yaml";
        Ok(Self {
            variables_file: required(lookup, "VARIABLES_FILE", file)?.into(),
            secrets_prefix: required(lookup, "SECRETS_PREFIX", "a prefix such as sluicegate/")?,
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            maximum_concurrency: number(lookup, "MAXIMUM_CONCURRENCY", 2..=1_000)?,
            reach: Reach::beside(lookup.get("AWS_ENDPOINT_URL").as_deref()),
        })
    }

    /// A client of these dependencies, by their names. TLS is needed where one of their URLs begins with `https://`.
    ///
    /// # Errors
    /// When TLS is needed and the system has no root certificates.
    pub fn client(
        self,
        sdk: &SdkConfig,
        needs_tls: bool,
        dependencies: BTreeMap<String, Dependency>,
    ) -> io::Result<ServiceClient> {
        let http = Client::new(needs_tls, self.reach)?;
        let secrets = Secrets::new(SecretsManager::lazy(sdk, self.secrets_prefix));
        let breakers = BreakerParts {
            store: BreakerTable::new(sdk, self.breakers_table),
            host: TokioPause(SystemClock),
            environment: unique_name(SystemClock.now()),
            environments: self.maximum_concurrency,
        };
        Ok(DependencyClient::new(http, secrets, breakers, dependencies))
    }
}
