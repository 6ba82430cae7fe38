//! The environment of the collector.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::TrustedSenders;
use runtime::env::{EnvError, Lookup, parsed, required};

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) letters_table: String,
    pub(crate) letters_bucket: String,
    /// Where the layer with the contracts is unpacked.
    pub(crate) contracts_dir: PathBuf,
    /// By the ARN of each dead-letter queue, the stage whose letters are in it.
    pub(crate) stages: BTreeMap<String, String>,
    /// Whose messages may say that they failed before, where SQS itself moved them.
    pub(crate) trusted_senders: TrustedSenders,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected =
            r#"a JSON object such as {"arn:aws:sqs:eu-west-1:111122223333:SinkDlq":"sink"}"#;
        Ok(Self {
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            letters_bucket: required(lookup, "LETTERS_BUCKET", "the name of a bucket")?,
            contracts_dir: required(lookup, "CONTRACTS_DIR", "a folder such as /opt")?.into(),
            stages: parsed(lookup, "STAGES", expected, read_stages)?,
            trusted_senders: TrustedSenders::read(lookup)?,
        })
    }
}

/// A stage's name becomes part of objects' keys.
fn read_stages(text: &str) -> Option<BTreeMap<String, String>> {
    let stages: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_stage = |stage: &String| !stage.is_empty() && stage.chars().all(is_plain);
    let are = stages.iter().all(|(arn, stage)| arn.starts_with("arn:") && is_stage(stage));
    (!stages.is_empty() && are).then_some(stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("LETTERS_TABLE", "letters"),
            ("LETTERS_BUCKET", "archive"),
            ("CONTRACTS_DIR", "/opt"),
            ("STAGES", r#"{"arn:aws:sqs:eu-west-1:000000000000:SinkDlq":"sink"}"#),
            ("TRUSTED_SENDERS", "AROAREDRIVE"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        for bad in ["{}", "[]", r#"{"http://h/dlq":"sink"}"#, r#"{"arn:aws:sqs:a":"../sink"}"#] {
            let mut wrong = all.clone();
            wrong.insert("STAGES", bad);
            let error = Config::read(&wrong).unwrap_err().to_string();
            assert!(error.contains("STAGES") && error.contains("JSON object"), "{error}");
        }
    }
}
