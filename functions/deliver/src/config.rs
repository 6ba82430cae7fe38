//! The environment of deliver.

use std::path::PathBuf;

use outbound::Reach;
use runtime::Settings;
use runtime::env::{EnvError, Lookup, number, required};

const VARIABLES_FILE: &str = "a file such as /opt/variables/production.yaml";

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) dedupe_table: String,
    /// `BREAKERS_TABLE`: where the fleet's circuit breakers are kept.
    pub(crate) breakers_table: String,
    /// `MAXIMUM_CONCURRENCY`: how many environments share a limit of calls a second.
    pub(crate) maximum_concurrency: u32,
    /// `VARIABLES_FILE`: what the contracts' variables stand for.
    pub(crate) variables_file: PathBuf,
    /// `SECRETS_PREFIX`: what the stack's secrets begin with in Secrets Manager.
    pub(crate) secrets_prefix: String,
    pub(crate) reach: Reach,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            dedupe_table: required(lookup, "DEDUPE_TABLE", "the name of a table")?,
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            maximum_concurrency: number(lookup, "MAXIMUM_CONCURRENCY", 2..=1_000)?,
            variables_file: required(lookup, "VARIABLES_FILE", VARIABLES_FILE)?.into(),
            secrets_prefix: required(lookup, "SECRETS_PREFIX", "a prefix such as sluicegate/")?,
            reach: Reach::beside(lookup.get("AWS_ENDPOINT_URL").as_deref()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("BREAKERS_TABLE", "breakers"),
            ("MAXIMUM_CONCURRENCY", "4"),
            ("CONTRACTS_DIR", "/opt"),
            ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1/1/dlq"),
            ("DEDUPE_TABLE", "dedupe"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
            ("SECRETS_PREFIX", "stack/"),
            ("VARIABLES_FILE", "/opt/variables/local.yaml"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
    }
}
