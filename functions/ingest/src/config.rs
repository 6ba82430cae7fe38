//! The environment of ingest.

use runtime::env::{EnvError, Lookup, queue_url, required};
use runtime::{Settings, TrustedSenders};

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) archive_bucket: String,
    pub(crate) enrich_queue_url: String,
    /// Whose messages in the inbox may say that they failed before; anybody may send there.
    pub(crate) trusted_senders: TrustedSenders,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            settings: Settings::read(lookup)?,
            archive_bucket: required(lookup, "ARCHIVE_BUCKET", "the name of a bucket")?,
            enrich_queue_url: queue_url(lookup, "ENRICH_QUEUE_URL")?,
            trusted_senders: TrustedSenders::read(lookup)?,
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
            ("TRUSTED_SENDERS", "AROAREDRIVE"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
    }
}
