//! The settings of the operators' function, which it reads from its environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::env::{EnvError, Lookup, is_url, parsed, required};

/// The settings that the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) breakers_table: String,
    /// The bucket that has the audit log, in its folder `audit/`.
    pub(crate) audit_bucket: String,
    /// The URLs of the queues in which events wait for a dependency, by their stages.
    pub(crate) parking_queues: BTreeMap<String, String>,
    /// The name of the redrive function, which gets the verbs on dead letters.
    pub(crate) redrive_function: String,
    /// The folder into which Lambda unpacks the layer with the contracts.
    pub(crate) contracts_dir: PathBuf,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected = r#"a JSON object such as {"enrich":"https://…"}"#;
        Ok(Self {
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            audit_bucket: required(lookup, "AUDIT_BUCKET", "the name of a bucket")?,
            parking_queues: parsed(lookup, "PARKING_QUEUES", expected, read_queues)?,
            redrive_function: required(lookup, "REDRIVE_FUNCTION", "the name of a function")?,
            contracts_dir: required(lookup, "CONTRACTS_DIR", "a folder such as /opt")?.into(),
        })
    }
}

fn read_queues(text: &str) -> Option<BTreeMap<String, String>> {
    let queues: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    queues.values().all(|url| is_url(url)).then_some(queues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("BREAKERS_TABLE", "breakers"),
            ("AUDIT_BUCKET", "archive"),
            ("PARKING_QUEUES", r#"{"enrich":"http://127.0.0.1/1/enrich"}"#),
            ("REDRIVE_FUNCTION", "redrive"),
            ("CONTRACTS_DIR", "/opt"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        let mut wrong = all;
        wrong.insert("PARKING_QUEUES", r#"{"enrich":"enrich"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("PARKING_QUEUES") && error.contains("JSON object"), "{error}");
    }
}
