//! The lake's environment.

use runtime::Settings;
use runtime::env::{EnvError, Lookup, required};

/// What the template gives this function.
#[derive(Clone, Debug)]
pub struct Config {
    pub settings: Settings,
    /// Where the runs of redrive are, of which some may be cancelled.
    pub letters_table: String,
    pub dedupe_table: String,
    pub lake_bucket: String,
}

impl Config {
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
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
