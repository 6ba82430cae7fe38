//! How long to wait before another try.

use std::time::Duration;

/// Exponential backoff with equal jitter, as in
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
///
/// ```
/// use std::time::Duration;
/// use sluicegate_event::Backoff;
///
/// let backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(900) };
/// let wait = backoff.wait(3, "message-1");
/// assert!(wait >= Duration::from_secs(4) && wait <= Duration::from_secs(8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first repetition, before jitter. Each later wait is twice as long.
    pub first: Duration,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Backoff {
    /// For an item that another writer holds: from 20 ms up to `longest`.
    #[must_use]
    pub const fn for_contention(longest: Duration) -> Self {
        Self { first: Duration::from_millis(20), longest }
    }

    /// The wait before the `tries`-th repetition, counted from 1. It is between half and all of `first · 2^(tries -
    /// 1)`, or of `longest` if that is shorter.
    ///
    /// The jitter is derived from `seed` and `tries`, so that a wait can be computed again. Two writers that block each
    /// other have different seeds, and so do not meet again.
    #[must_use]
    pub fn wait(&self, tries: u32, seed: &str) -> Duration {
        let doublings = tries.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        half + jitter(half, seed, tries)
    }
}

/// A duration from zero up to `range`, in whole microseconds, derived from `seed` and `salt`.
#[must_use]
pub fn jitter(range: Duration, seed: &str, salt: u32) -> Duration {
    let micros = u64::try_from(range.as_micros()).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(fnv_1a(seed, salt) % micros)
}

/// FNV-1a, 64 bit: <https://www.ietf.org/archive/id/draft-eastlake-fnv-29.html>.
fn fnv_1a(text: &str, salt: u32) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes().chain(salt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BACKOFF: Backoff = Backoff::for_contention(Duration::from_millis(500));

    #[test]
    fn waits_double_between_half_and_the_whole_up_to_the_longest() {
        for (tries, whole_ms) in [(0, 20), (1, 20), (2, 40), (3, 80), (5, 320), (6, 500), (99, 500)]
        {
            let (whole, mut waits) = (Duration::from_millis(whole_ms), BTreeSet::new());
            for seed in 0..100 {
                let wait = BACKOFF.wait(tries, &seed.to_string());
                assert!((whole / 2..=whole).contains(&wait), "{tries} {seed}: {wait:?}");
                waits.insert(wait);
            }
            // The waits are spread over the whole range: some are in each quarter of it.
            for quarter in 0..4 {
                let from = whole / 2 + whole / 8 * quarter;
                let in_quarter = waits.range(from..=from + whole / 8).count();
                assert!(in_quarter > 5, "{tries}: {waits:?}");
            }
        }
    }
}
