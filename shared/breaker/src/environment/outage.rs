//! A store that does not answer, or does not write what it is asked to.

use std::time::Duration;

use event::Timestamp;

use crate::CLOCK_SKEW;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// If the next attempt comes later than this after the pause, it does not count as being in a row with the attempts
/// before. Nobody asked in between, and the store may have been available.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// Attempts that failed in a row. After each of them the store is not asked for a time, which is twice as long as
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StoreOutage {
    since: Timestamp,
    /// When the store was last asked.
    asked_at: Timestamp,
    pause: Duration,
    in_a_row: u32,
}

impl StoreOutage {
    /// Counts one more failed attempt. `first_pause` is the pause after the first of them.
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

    /// Whether the store is not to be asked yet.
    pub(super) fn is_paused(self, now: Timestamp) -> bool {
        now.since(self.asked_at) < self.pause && !self.is_ahead(now)
    }

    /// How long the store has been unavailable, as far as it is known. It is zero if nobody asked for a long time.
    pub(super) fn lasts(self, now: Timestamp) -> Duration {
        if self.is_current(now) { now.since(self.since) } else { Duration::ZERO }
    }

    fn is_current(self, now: Timestamp) -> bool {
        now.since(self.asked_at) < self.pause + LONGEST_SILENCE && !self.is_ahead(now)
    }

    /// Whether the clock went back since the last attempt.
    fn is_ahead(self, now: Timestamp) -> bool {
        self.asked_at.since(now) > CLOCK_SKEW
    }
}
