//! Whether an event is late or early by the rules of its contract, and what becomes of it then.

use std::time::Duration;

use event::{Code, Failure, Timeliness, Timestamp};

use crate::{Beyond, Contract};

impl Contract {
    /// Whether any event of the dataset may go to the late queue.
    #[must_use]
    pub fn may_divert(&self) -> bool {
        [Timeliness::Late, Timeliness::Early].into_iter().any(|each| self.diverts(each))
    }

    /// Whether events that are marked with this go to the late queue.
    #[must_use]
    pub fn diverts(&self, timeliness: Timeliness) -> bool {
        self.time.of(timeliness).is_some_and(|rule| rule.beyond == Beyond::Divert)
    }

    /// Whether an event of this time that is taken in at `taken_in` is late or early. `None` if it is within the limits.
    ///
    /// # Errors
    /// [`Code::TimeLate`] or [`Code::TimeEarly`], permanent and with the pointer of the event time, if the contract
    /// rejects it.
    pub(crate) fn check_time(
        &self,
        event_time: Timestamp,
        taken_in: Timestamp,
    ) -> Result<Option<Timeliness>, Failure> {
        // At most one of the two is not zero.
        for (timeliness, distance) in [
            (Timeliness::Late, taken_in.since(event_time)),
            (Timeliness::Early, event_time.since(taken_in)),
        ] {
            let Some(rule) = self.time.of(timeliness) else { continue };
            if distance > rule.allowed {
                return match rule.beyond {
                    Beyond::Accept | Beyond::Divert => Ok(Some(timeliness)),
                    Beyond::Reject => Err(self.rejected(timeliness, rule.allowed, distance)),
                };
            }
        }
        Ok(None)
    }

    /// The failure of an event whose time is this far from that at which it was taken in.
    fn rejected(&self, timeliness: Timeliness, allowed: Duration, distance: Duration) -> Failure {
        let (code, side) = match timeliness {
            Timeliness::Late => (Code::TimeLate, "before"),
            Timeliness::Early => (Code::TimeEarly, "after"),
        };
        let at = self.keys.event_time.at.as_str();
        let allowed = allowed.as_secs();
        let expected = format!("expected a time at most {allowed} s {side} the event was taken in");
        // The distance gives the time away.
        let reason = if self.is_personal(at) {
            format!("{expected}, found another one")
        } else {
            let found = distance.as_secs() + u64::from(distance.subsec_nanos() > 0);
            format!("{expected}, found one {found} s {side}")
        };
        Failure::permanent(code, reason).at(at)
    }
}

#[cfg(test)]
mod tests;
