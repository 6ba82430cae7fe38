//! The status of an environment's breaker, for a log line.

use event::Timestamp;

use super::{Environment, PROBING};
use crate::{Cause, Counts, State, StateName, Wait, WaitReason};

/// The status of one breaker as an environment sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state that is in force.
    pub state: StateName,
    /// Whether the store cannot be read or written, so that the environment decides by its own calls.
    pub is_store_away: bool,
    /// The environment's own calls in the window.
    pub recent: Counts,
    /// Whether a rate is reached in the mode [`Mode::MetricsOnly`](crate::Mode::MetricsOnly), in which nothing trips.
    pub would_trip: bool,
    /// How calls have to wait while the breaker is open or half-open.
    pub wait: Option<Wait>,
}

impl Environment {
    /// The status at `now`.
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

    /// Whether the status need not be looked at: it is closed, no call counts towards a rate, no operator's act is in
    /// force, and the store is available.
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
