//! The settings of ingest, which it reads from its environment.

use std::path::PathBuf;

use runtime::env::{EnvError, Lookup, number, optional_queue_url, queue_url, variables_file};
use runtime::{Settings, TrustedSenders};

/// The settings that the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The URL of the queue that events are sent on to.
    pub(crate) enrich_queue_url: String,
    /// The URL of the queue for events that contracts divert. `None` if there is none, and then no contract may.
    pub(crate) late_queue_url: Option<String>,
    /// About how many bytes of a file one invocation reads. It ends earlier when its time is over.
    pub(crate) slice_bytes: u64,
    /// The senders whose messages in the inbox may carry an earlier failure. Any producer may send to the inbox, so
    /// that of others such an attribute is not believed.
    pub(crate) trusted_senders: TrustedSenders,
    /// The file with the variables by which contracts name who may send.
    pub(crate) variables_file: PathBuf,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            enrich_queue_url: queue_url(lookup, "ENRICH_QUEUE_URL")?,
            late_queue_url: optional_queue_url(lookup, "LATE_QUEUE_URL")?,
            slice_bytes: u64::from(number(lookup, "SLICE_MIB", 1..=1_000_000)?) * 1_024 * 1_024,
            trusted_senders: TrustedSenders::read(lookup)?,
            variables_file: variables_file(lookup)?,
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
            ("ENRICH_QUEUE_URL", "http://127.0.0.1/1/enrich"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/inbox"),
            ("SLICE_MIB", "1024"),
            ("TRUSTED_SENDERS", "AROAREDRIVE"),
            ("VARIABLES_FILE", "/opt/variables/local.yaml"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        assert_eq!(Config::read(&all).unwrap().late_queue_url, None);
        for (late, expected) in [("http://h/late", true), ("", false), ("late", false)] {
            let mut variables = all.clone();
            variables.insert("LATE_QUEUE_URL", late);
            let read = Config::read(&variables).map(|config| config.late_queue_url);
            assert_eq!(read.is_ok_and(|url| url.as_deref() == Some(late)), expected, "{late}");
        }
    }
}
