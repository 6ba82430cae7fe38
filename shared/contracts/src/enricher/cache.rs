//! The cache of an enricher in each execution environment.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{ContractError, invalid};

/// How an execution environment remembers the answers of an enricher. The key is the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// How many seconds an answer is used: 1 to 86,400.
    pub ttl_s: u64,
    /// How many seconds it is remembered that there is no answer, such as HTTP 404: at most 86,400. The default is in
    /// [`CacheRule::absent_ttl`].
    pub absent_ttl_s: Option<u64>,
    /// How many seconds longer an answer is used while the service is unavailable: at most 86,400, and 0 by default. It
    /// only matters with [`Unavailable::Degrade`](crate::Unavailable::Degrade), and the event is marked as degraded.
    #[serde(default)]
    pub stale_s: u64,
    /// The most answers that are remembered: 1 to 100,000, and 1,000 by default.
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

    /// [`CacheRule::ttl_s`] as a duration.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_s)
    }

    /// How long it is remembered that there is no answer. By default it is the time of an answer, and at most a minute.
    #[must_use]
    pub fn absent_ttl(&self) -> Duration {
        Duration::from_secs(self.absent_ttl_s.unwrap_or(self.ttl_s.min(60)))
    }

    /// [`CacheRule::stale_s`] as a duration.
    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_secs(self.stale_s)
    }
}
