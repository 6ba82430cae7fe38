//! The environment of deliver.

use aws::ServiceSettings;
use runtime::Settings;
use runtime::env::{EnvError, Lookup, required};

/// The variables that the template sets for this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The table of redrive's runs, which says which of them are cancelled.
    pub(crate) letters_table: String,
    pub(crate) dedupe_table: String,
    pub(crate) services: ServiceSettings,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            dedupe_table: required(lookup, "DEDUPE_TABLE", "the name of a table")?,
            services: ServiceSettings::read(lookup)?,
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
            ("ARCHIVE_BUCKET", "archive"),
            ("BREAKERS_TABLE", "breakers"),
            ("MAXIMUM_CONCURRENCY", "4"),
            ("CONTRACTS_DIR", "/opt"),
            ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1/1/dlq"),
            ("DEDUPE_TABLE", "dedupe"),
            ("LETTERS_TABLE", "letters"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
            ("SECRETS_PREFIX", "stack/"),
            ("VARIABLES_FILE", "/opt/variables/local.yaml"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
    }
}
