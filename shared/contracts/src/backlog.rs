//! How many events may wait behind ingest before it takes no more.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{ContractError, invalid};

/// The longest wait that is asked of a producer. A file that has to wait is parked, and SQS delays a message by at most
/// 15 minutes:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>.
const LONGEST_RETRY_AFTER_S: u64 = 900;

const DEFAULT_RETRY_AFTER_S: u64 = 30;

/// The bound on the messages in the queue behind ingest. While there are more, requests and files of the dataset wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The most messages that may wait there, delayed ones included.
    pub limit: u64,
    /// For how long a producer is asked to wait.
    pub retry_after: Duration,
}

/// The bound as it is written in the contract.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBacklog {
    limit: u64,
    #[serde(default = "default_retry_after_s")]
    retry_after_s: u64,
}

fn default_retry_after_s() -> u64 {
    DEFAULT_RETRY_AFTER_S
}

impl RawBacklog {
    pub(crate) fn validate(self) -> Result<Backlog, ContractError> {
        if self.limit == 0 {
            return Err(invalid("backlog.limit", "0; expected 1 or more"));
        }
        if !(1..=LONGEST_RETRY_AFTER_S).contains(&self.retry_after_s) {
            let problem = format!("{}; expected 1 to {LONGEST_RETRY_AFTER_S}", self.retry_after_s);
            return Err(invalid("backlog.retry_after_s", &problem));
        }
        Ok(Backlog { limit: self.limit, retry_after: Duration::from_secs(self.retry_after_s) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(yaml: &str) -> Result<Backlog, String> {
        let raw: RawBacklog = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        raw.validate().map_err(|error| error.to_string())
    }

    #[test]
    fn the_bound_is_read_with_its_default() {
        let retry_after = Duration::from_secs(30);
        assert_eq!(backlog("{limit: 5}"), Ok(Backlog { limit: 5, retry_after }));
        let retry_after = Duration::from_secs(900);
        let longest = backlog("{limit: 1, retry_after_s: 900}");
        assert_eq!(longest, Ok(Backlog { limit: 1, retry_after }));
    }

    #[test]
    fn a_bound_that_lets_nothing_in_or_waits_too_long_is_refused() {
        for (yaml, expected) in [
            ("{limit: 0}", "`backlog.limit`: 0; expected 1 or more"),
            ("{limit: 1, retry_after_s: 0}", "`backlog.retry_after_s`: 0; expected 1 to 900"),
            ("{limit: 1, retry_after_s: 901}", "`backlog.retry_after_s`: 901; expected 1 to 900"),
            ("{most: 1}", "most"),
        ] {
            let error = backlog(yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
