//! What an environment remembers of answers.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{ContractError, invalid};

/// How answers are remembered in an environment, by the request that they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// How long an answer is as good as a new one.
    pub ttl_s: u64,
    /// How long it is one that there is no answer (404). At most a minute, if not given.
    pub absent_ttl_s: Option<u64>,
    /// For how long after that an answer may stand in while the service is unavailable, where the event goes on
    /// without (`degrade`): it is marked then all the same.
    #[serde(default)]
    pub stale_s: u64,
    /// The most answers that are kept.
    #[serde(default = "default_entries")]
    pub entries: usize,
}

fn default_entries() -> usize {
    1_000
}

impl CacheRule {
    pub(super) fn check(&self) -> Result<(), ContractError> {
        const DAY_S: u64 = 24 * 60 * 60;
        if !(1..=DAY_S).contains(&self.ttl_s) {
            return Err(invalid("enrichers.cache.ttl_s", "from 1 to 86400"));
        }
        if self.absent_ttl_s.is_some_and(|absent_s| absent_s > DAY_S) || self.stale_s > DAY_S {
            return Err(invalid("enrichers.cache", "absent_ttl_s and stale_s are at most 86400"));
        }
        if !(1..=100_000).contains(&self.entries) {
            return Err(invalid("enrichers.cache.entries", "from 1 to 100000"));
        }
        Ok(())
    }

    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_s)
    }

    #[must_use]
    pub fn absent_ttl(&self) -> Duration {
        Duration::from_secs(self.absent_ttl_s.unwrap_or(self.ttl_s.min(60)))
    }

    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_secs(self.stale_s)
    }
}
