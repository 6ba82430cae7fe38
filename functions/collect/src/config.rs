//! The environment of the collector.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::TrustedSenders;
use runtime::env::{EnvError, Lookup, parsed, required};

/// The variables that the template sets for this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) letters_table: String,
    pub(crate) letters_bucket: String,
    /// The folder of the layer with the contracts.
    pub(crate) contracts_dir: PathBuf,
    /// The stage whose letters are in each dead-letter queue, by the queue's ARN.
    pub(crate) stages: BTreeMap<String, String>,
    /// The senders whose messages may say that they failed before, even if SQS itself moved them.
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

fn read_stages(text: &str) -> Option<BTreeMap<String, String>> {
    let stages: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let are_valid = stages.iter().all(|(arn, stage)| arn.starts_with("arn:") && is_stage(stage));
    (!stages.is_empty() && are_valid).then_some(stages)
}

/// Whether a text can be the name of a stage, which becomes part of the keys of objects.
fn is_stage(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
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
