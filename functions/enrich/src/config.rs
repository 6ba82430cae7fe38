//! The settings of enrich, which it reads from its environment.

use std::collections::BTreeMap;

use aws::ServiceSettings;
use contracts::SinkKind;
use runtime::Settings;
use runtime::env::{EnvError, Lookup, is_url, parsed, required};

/// The settings that the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The table of the letters and of redrive's runs. A message of a cancelled run is dropped.
    pub(crate) letters_table: String,
    /// The URL of the queue of each kind of sink.
    pub(crate) sink_queues: BTreeMap<SinkKind, String>,
    pub(crate) services: ServiceSettings,
    /// The names of the DynamoDB tables that enrichers read, by the names that contracts give them.
    pub(crate) lookup_tables: BTreeMap<String, String>,
    /// The S3 bucket of the reference data.
    pub(crate) reference_bucket: String,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let sinks =
            r#"a JSON object from kinds of sink to queue URLs, such as {"table":"https://…"}"#;
        let tables = r#"a JSON object from the contracts' names to tables, such as {} or {"airlines":"Airlines"}"#;
        Ok(Self {
            settings: Settings::read(lookup)?,
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            sink_queues: parsed(lookup, "SINK_QUEUES", sinks, read_sinks)?,
            services: ServiceSettings::read(lookup)?,
            lookup_tables: parsed(lookup, "LOOKUP_TABLES", tables, read_tables)?,
            reference_bucket: required(lookup, "REFERENCE_BUCKET", "the name of a bucket")?,
        })
    }
}

fn read_sinks(text: &str) -> Option<BTreeMap<SinkKind, String>> {
    let queues: BTreeMap<SinkKind, String> = serde_json::from_str(text).ok()?;
    (!queues.is_empty() && queues.values().all(|url| is_url(url))).then_some(queues)
}

fn read_tables(text: &str) -> Option<BTreeMap<String, String>> {
    let tables: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    tables.values().all(|table| !table.is_empty()).then_some(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("ARCHIVE_BUCKET", "archive"),
            ("BREAKERS_TABLE", "breakers"),
            ("LOOKUP_TABLES", r#"{"airlines":"Airlines-1A2B"}"#),
            ("REFERENCE_BUCKET", "reference"),
            ("MAXIMUM_CONCURRENCY", "4"),
            ("SECRETS_PREFIX", "stack/"),
            ("CONTRACTS_DIR", "/opt"),
            ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1/1/dlq"),
            ("LETTERS_TABLE", "letters"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
            ("SINK_QUEUES", r#"{"table":"http://127.0.0.1/1/sink"}"#),
            ("VARIABLES_FILE", "/opt/variables/local.yaml"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        for (name, malformed) in
            [("LOOKUP_TABLES", r#"{"airlines":""}"#), ("LOOKUP_TABLES", "Airlines")]
        {
            let mut wrong = all.clone();
            wrong.insert(name, malformed);
            let error = Config::read(&wrong).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let mut wrong = all.clone();
        wrong.insert("SINK_QUEUES", r#"{"tabel":"http://127.0.0.1/1/sink"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("SINK_QUEUES is `{\"tabel\""), "{error}");
    }
}
