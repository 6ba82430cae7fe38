//! What an environment's breaker is like, for a log line.

use event::Timestamp;

use super::{Environment, PROBING};
use crate::{Cause, Counts, State, StateName, Wait, WaitReason};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub state: StateName,
    /// The environment goes by what it saw itself.
    pub is_store_away: bool,
    /// Its own recent calls.
    pub recent: Counts,
    /// The rates are reached, where they trip nothing: in the mode that only counts.
    pub would_trip: bool,
    /// How calls are to wait while the dependency is unavailable: where the breaker is open or half-open.
    pub wait: Option<Wait>,
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
            wait: self.unavailable_wait(state, now),
        }
    }

    /// Whether its status says nothing that needs a look.
    pub(crate) fn is_usual(&self, now: Timestamp) -> bool {
        let is_forced = self.view.record.forced_at(now).is_some();
        self.is_quiet() && !is_forced && !self.view.is_store_away(now)
    }

    fn unavailable_wait(&self, state: StateName, now: Timestamp) -> Option<Wait> {
        let (until, reason) = match (state, &self.view.record.state) {
            (StateName::Open, State::Open { until, cause, .. }) => {
                let until = self.settings.open_until(*until, self.view.seen_since);
                (until.max(now), WaitReason::Open(*cause))
            }
            (StateName::HalfOpen, _) => (now.plus(PROBING), WaitReason::Probing),
            (StateName::ForcedOpen, _) => {
                (self.forced_open_until(now), WaitReason::Open(Cause::Operator))
            }
            _ => return None,
        };
        Some(Wait { until, reason, since: self.view.record.unavailable_since })
    }
}
