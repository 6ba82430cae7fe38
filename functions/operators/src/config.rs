//! The environment of the operators' function.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::env::{EnvError, Lookup, is_url, number, parsed, required};

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) breakers_table: String,
    /// Where the audit log is, below `audit/`.
    pub(crate) audit_bucket: String,
    /// The URLs of the queues in which events wait for a dependency, by their stages.
    pub(crate) parking_queues: BTreeMap<String, String>,
    /// For how long an event may wait for a dependency before it is a dead letter.
    pub(crate) longest_wait: Duration,
}

/// Longest wait, in seconds: less than what SQS keeps a message for.
const WAITS_S: std::ops::RangeInclusive<u32> = 60..=1_209_600;

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected = r#"a JSON object such as {"enrich":"https://…"}"#;
        let longest_wait_s = number(lookup, "LONGEST_WAIT_S", WAITS_S)?;
        Ok(Self {
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            audit_bucket: required(lookup, "AUDIT_BUCKET", "the name of a bucket")?,
            parking_queues: parsed(lookup, "PARKING_QUEUES", expected, read_queues)?,
            longest_wait: Duration::from_secs(longest_wait_s.into()),
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
            ("LONGEST_WAIT_S", "21600"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        let mut wrong = all;
        wrong.insert("PARKING_QUEUES", r#"{"enrich":"enrich"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("PARKING_QUEUES") && error.contains("JSON object"), "{error}");
    }
}
