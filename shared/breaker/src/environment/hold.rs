//! What an environment does when a service answers that calls should slow down (429).
//!
//! It makes no calls for as long as the service asks. Such an answer alone is not a failure, because a service that
//! says when to come back is available. If a call that was made after a hold gets the same answer again, that is a
//! failure.

use std::time::Duration;

use event::Timestamp;

/// The first hold if the service names no time. Each further one in a row is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest hold, whatever the service asks for. An answer must not stop a fleet for a year.
const LONGEST: Duration = Duration::from_secs(300);

/// The calls that are held back because the service asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hold {
    /// When the service last asked for it.
    throttled_at: Option<Timestamp>,
    /// When calls may be made again.
    until: Option<Timestamp>,
    /// How many holds there were in a row, without another answer in between.
    pub(super) holds: u32,
}

impl Hold {
    pub(super) fn until(self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| now < *until)
    }

    /// Takes the answer 429 to a call that was admitted after so many holds. The result is whether it is a failure.
    pub(super) fn note_throttled(
        &mut self,
        admitted_after: u32,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> bool {
        let usual = FIRST.saturating_mul(1 << self.holds.min(16));
        let until = now.plus(retry_after.unwrap_or(usual).min(LONGEST));
        // The calls that were under way at the same time are one hold.
        if admitted_after == self.holds {
            self.holds = self.holds.saturating_add(1);
        }
        self.throttled_at = Some(now);
        self.until = self.until.max(Some(until));
        admitted_after > 0
    }

    /// Ends the hold if the clock went back: a time after `latest` was taken before that.
    pub(super) fn notice_clock(&mut self, latest: Timestamp) {
        if self.throttled_at.is_some_and(|at| at > latest) {
            (self.throttled_at, self.until) = (None, None);
        }
    }

    /// Takes another answer to a call that was admitted after so many holds.
    pub(super) fn note_answer(&mut self, admitted_after: u32) {
        if admitted_after == self.holds {
            *self = Self::default();
        }
    }
}
