//! What an environment does when it is told to slow down (429).
//!
//! It holds its calls back for as long as it is asked to. That alone is no failure: a service that says
//! when to come back is there. A call that waited, and is told the same again, is one.

use std::time::Duration;

use event::Timestamp;

/// The first hold where the service names no time; each in a row is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest hold, whatever the service asks for: an answer must not stop a fleet for a year.
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hold {
    /// When it was told to, and until when it holds back.
    told_at: Option<Timestamp>,
    until: Option<Timestamp>,
    /// In a row, without an answer in between.
    pub(super) holds: u32,
}

impl Hold {
    pub(super) fn until(self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| now < *until)
    }

    /// A call that was admitted after so many holds was told to slow down. Whether that is a failure.
    pub(super) fn throttled(
        &mut self,
        admitted_after: u32,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> bool {
        let usual = FIRST.saturating_mul(1 << self.holds.min(16));
        let until = now.plus(retry_after.unwrap_or(usual).min(LONGEST));
        // Calls that were under way together are one hold.
        if admitted_after == self.holds {
            self.holds = self.holds.saturating_add(1);
        }
        self.told_at = Some(now);
        self.until = self.until.max(Some(until));
        admitted_after > 0
    }

    /// Times after `latest` are from before the clock went back: the hold is over.
    pub(super) fn notice_clock(&mut self, latest: Timestamp) {
        if self.told_at.is_some_and(|told_at| told_at > latest) {
            (self.told_at, self.until) = (None, None);
        }
    }

    /// A call that was admitted after so many holds was answered.
    pub(super) fn note_answer(&mut self, admitted_after: u32) {
        if admitted_after == self.holds {
            *self = Self::default();
        }
    }
}
