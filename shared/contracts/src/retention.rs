//! For how long the keys of a dataset's events are remembered.

use std::time::Duration;

use event::Timestamp;

use crate::Contract;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Clocks of functions that differ by more are broken.
pub const MOST_CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

impl Contract {
    /// Until when a key is remembered that is written at this time.
    #[must_use]
    pub fn remembered_until(&self, written_at: Timestamp) -> Timestamp {
        written_at.plus(DAY * self.retention_days)
    }

    /// Until when no key of an event can be forgotten that was taken in at this time: none was written before that. A
    /// redrive may have seen to it that they are remembered for longer, until `extended_to`.
    #[must_use]
    pub fn surely_remembered_until(
        &self,
        taken_in: Timestamp,
        extended_to: Option<Timestamp>,
    ) -> Timestamp {
        let by_contract = self.remembered_until(taken_in);
        extended_to.map_or(by_contract, |extended| extended.max(by_contract))
    }
}

/// Whether what is remembered until then may be relied on now.
#[must_use]
pub fn is_still_remembered(until: Timestamp, now: Timestamp) -> bool {
    now.plus(MOST_CLOCK_SKEW) < until
}
