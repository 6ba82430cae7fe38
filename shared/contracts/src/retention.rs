//! How long the idempotency keys of a dataset's events are remembered.

use std::time::Duration;

use event::Timestamp;

use crate::Contract;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest difference between the clocks of two functions that is allowed for.
pub const MOST_CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

impl Contract {
    /// The time until which a key is remembered that is written at `written_at`.
    #[must_use]
    pub fn remembered_until(&self, written_at: Timestamp) -> Timestamp {
        written_at.plus(DAY * self.retention_days)
    }

    /// The time until which every key of an event is remembered that was taken in at `taken_in`.
    ///
    /// No key is written before its event is taken in, so that the retention counts from there. A redrive may have
    /// extended it to `extended_to`; the later of both times counts.
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

/// Whether a key that is remembered until `until` is certainly known at `now`, even if a clock is wrong by
/// [`MOST_CLOCK_SKEW`].
#[must_use]
pub fn is_still_remembered(until: Timestamp, now: Timestamp) -> bool {
    now.plus(MOST_CLOCK_SKEW) < until
}
