//! The settings of the sink, which it reads from its environment.

use runtime::Settings;
use runtime::env::{EnvError, Lookup, parsed, required};

use crate::tables::Tables;

/// The settings that the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The table of the letters and of redrive's runs. A message of a cancelled run is dropped.
    pub(crate) letters_table: String,
    /// The table that records which events are written.
    pub(crate) dedupe_table: String,
    pub(crate) tables: Tables,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            dedupe_table: required(lookup, "DEDUPE_TABLE", "the name of a table")?,
            tables: parsed(lookup, "TABLES", Tables::EXPECTED, Tables::parse)?,
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
            ("LETTERS_TABLE", "letters"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
            ("TABLES", r#"{"records":"sluicegate-RecordsTable"}"#),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        for malformed in ["records", "{}", r#"{"records":""}"#, r#"["records"]"#] {
            let mut with = all.clone();
            with.insert("TABLES", malformed);
            let error = Config::read(&with).unwrap_err().to_string();
            assert!(error.contains("TABLES") && error.contains("a JSON object from"), "{error}");
        }
    }
}
