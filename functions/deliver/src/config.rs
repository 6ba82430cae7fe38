//! The environment of deliver.

use std::path::PathBuf;

use outbound::Reach;
use runtime::Settings;
use runtime::env::{EnvError, Lookup, required};

const VARIABLES_FILE: &str = "a file such as /opt/variables/production.yaml";

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) dedupe_table: String,
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
