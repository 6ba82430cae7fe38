//! What an environment's breaker is like, for a log line.

use event::Timestamp;

use super::Environment;
use crate::{Counts, StateName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub state: StateName,
    /// The environment goes by what it saw itself.
    pub is_store_away: bool,
    /// Its own recent calls.
    pub recent: Counts,
    /// The rates are reached, where they trip nothing: in the mode that only counts.
    pub would_trip: bool,
}

impl Environment {
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let state = self.view.record.state_name(&self.settings, now);
        Status {
            state,
            is_store_away: self.view.is_store_away(now),
            recent: self.recent.sum(now),
            would_trip: state == StateName::MetricsOnly && self.cause(now).is_some(),
        }
    }
}
