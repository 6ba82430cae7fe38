//! The environment variables that all stages of the pipeline share.

use std::path::PathBuf;

use crate::env::{EnvError, Lookup, number, queue_url, required};
use crate::{DeadLetterQueue, Policy, Queue};

/// The variables that the template gives each function that a queue triggers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ARCHIVE_BUCKET`: the bucket that has the events which are too large for a message.
    pub archive_bucket: String,
    /// `CONTRACTS_DIR`: the folder into which the layer with the contracts is unpacked.
    pub contracts_dir: PathBuf,
    /// `DEAD_LETTER_QUEUE_URL`: where records go that are given up.
    pub dead_letter_queue_url: String,
    /// `MAX_RECEIVE_COUNT`: the source queue's `maxReceiveCount`, 1 to 1,000.
    pub max_receive_count: u32,
    /// `QUEUE_URL`: the source queue.
    pub queue_url: String,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`EnvError`] of the first one that is missing or malformed.
    pub fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        Ok(Self {
            archive_bucket: required(lookup, "ARCHIVE_BUCKET", "the name of a bucket")?,
            contracts_dir: required(lookup, "CONTRACTS_DIR", "a folder such as /opt")?.into(),
            dead_letter_queue_url: queue_url(lookup, "DEAD_LETTER_QUEUE_URL")?,
            max_receive_count: number(lookup, "MAX_RECEIVE_COUNT", 1..=1_000)?,
            queue_url: queue_url(lookup, "QUEUE_URL")?,
        })
    }

    /// The policy of a batch loop with these settings; see [`Policy::new`].
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::new(self.queue_url.clone(), self.max_receive_count)
    }

    /// The dead-letter queue of these settings.
    pub fn dead_letters<Q: Queue>(&self, queue: Q) -> DeadLetterQueue<Q> {
        DeadLetterQueue::new(queue, self.dead_letter_queue_url.clone())
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
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
        ]);
        assert!(Settings::read(&all).is_ok());
        for name in all.keys() {
            let mut without = all.clone();
            without.remove(name);
            let error = Settings::read(&without).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
