//! Which objects a compaction touches.

use std::time::Duration;

use event::Timestamp;

/// The longest time that a writer can work, with the time that its last request can be late. Lambda ends an invocation
/// after 15 minutes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const LONGEST_LIFE: Duration = Duration::from_secs(20 * 60);

/// The limits of a compaction.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    older_than: Duration,
    keep_replaced: Duration,
    pub(super) target_bytes: usize,
}

/// A time is shorter than [`LONGEST_LIFE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("less than {} minutes: a writer of that time may still be at work", LONGEST_LIFE.as_secs() / 60)]
pub struct TooShort;

impl Settings {
    /// Only objects older than `older_than` are touched. Replaced objects are kept for `keep_replaced`. Objects smaller
    /// than `target_bytes` are merged into objects of up to that size.
    ///
    /// # Errors
    /// When one of the two times is shorter than [`LONGEST_LIFE`].
    pub fn new(
        older_than: Duration,
        keep_replaced: Duration,
        target_bytes: usize,
    ) -> Result<Self, TooShort> {
        if older_than.min(keep_replaced) < LONGEST_LIFE {
            return Err(TooShort);
        }
        Ok(Self { older_than, keep_replaced, target_bytes })
    }

    /// Whether all writers of the time at which an object was made are dead.
    pub(super) fn is_old(&self, made: Timestamp, now: Timestamp) -> bool {
        made.plus(self.older_than) <= now
    }

    /// Whether a replaced object can be deleted.
    pub(super) fn is_due(&self, replaced: Timestamp, now: Timestamp) -> bool {
        replaced.plus(self.keep_replaced) <= now
    }
}
