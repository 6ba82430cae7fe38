//! The settings of the lake's function, which it reads from its environment.

use runtime::Settings;
use runtime::env::{EnvError, Lookup, required};

/// What the template sets for this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The table of the letters and of redrive's runs. A message of a cancelled run is dropped.
    pub(crate) letters_table: String,
    /// The table that records which events are written.
    pub(crate) dedupe_table: String,
    /// The name of the bucket that has the lakes.
    pub(crate) lake_bucket: String,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            dedupe_table: required(lookup, "DEDUPE_TABLE", "the name of a table")?,
            lake_bucket: required(lookup, "LAKE_BUCKET", "the name of a bucket")?,
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
            ("CONTRACTS_DIR", "/opt"),
            ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1/1/dlq"),
            ("DEDUPE_TABLE", "dedupe"),
            ("LAKE_BUCKET", "lake"),
            ("LETTERS_TABLE", "letters"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
    }
}
