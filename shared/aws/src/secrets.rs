//! The [`SecretStore`] port, implemented with Secrets Manager.

use std::sync::OnceLock;

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use event::{Code, Failure};
use outbound::{SecretStore, SecretText};

use crate::failure_of;

/// The secrets of one stack, whose names begin with its prefix.
#[derive(Debug)]
pub struct SecretsManager {
    config: SdkConfig,
    prefix: String,
    client: OnceLock<Client>,
}

impl SecretsManager {
    /// Creates the client when the first secret is read, since most functions need none. A secret's name is `prefix`,
    /// such as `sluicegate/`, and the name in the contract's reference.
    #[must_use]
    pub fn lazy(config: &SdkConfig, prefix: String) -> Self {
        Self { config: config.clone(), prefix, client: OnceLock::new() }
    }
}

impl SecretStore for SecretsManager {
    async fn read(&self, name: &str) -> Result<SecretText, Failure> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let id = format!("{}{name}", self.prefix);
        let what = format!("reading the secret `{id}`");
        let answer = client.get_secret_value().secret_id(&id).send().await;
        let answer = answer.map_err(|error| failure_of(&what, &error))?;
        answer.secret_string.map(SecretText::new).ok_or_else(|| {
            let reason = format!("{what}: it is bytes, and no text");
            Failure::transient(Code::DependencyRefused, reason)
        })
    }
}
