//! A store that does not answer, or does not write what it is told to.

use std::time::Duration;

use event::Timestamp;

use crate::CLOCK_SKEW;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An attempt that is made later than so long after the pause is not one in a row with those before: no one
/// asked in between, and the store may have been back.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// Attempts that failed in a row. After each the store is left alone, for twice as long as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StoreAway {
    since: Timestamp,
    /// When it was asked last.
    asked_at: Timestamp,
    pause: Duration,
    in_a_row: u32,
}

impl StoreAway {
    /// One more attempt failed; `first_pause` is the pause after the first of them.
    pub(super) fn again(before: Option<Self>, first_pause: Duration, now: Timestamp) -> Self {
        let before = before.filter(|before| before.is_current(now));
        let in_a_row = before.map_or(0, |before| before.in_a_row);
        Self {
            since: before.map_or(now, |before| before.since),
            asked_at: now,
            pause: first_pause.saturating_mul(1 << in_a_row.min(16)).min(LONGEST_PAUSE),
            in_a_row: in_a_row.saturating_add(1),
        }
    }

    /// The store is not asked yet.
    pub(super) fn is_paused(self, now: Timestamp) -> bool {
        now.since(self.asked_at) < self.pause && !self.is_ahead(now)
    }

    /// For how long it has been away, as far as that is known: if no one asked for long, it is not.
    pub(super) fn lasts(self, now: Timestamp) -> Duration {
        if self.is_current(now) { now.since(self.since) } else { Duration::ZERO }
    }

    fn is_current(self, now: Timestamp) -> bool {
        now.since(self.asked_at) < self.pause + LONGEST_SILENCE && !self.is_ahead(now)
    }

    /// The clock went back since.
    fn is_ahead(self, now: Timestamp) -> bool {
        self.asked_at.since(now) > CLOCK_SKEW
    }
}
