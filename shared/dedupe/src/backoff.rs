//! How long to wait for what another holds.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);

/// Before the `tries`-th repetition: between half and the whole of 20 ms, doubled with each, up to
/// `longest`. What is added by chance follows from `seed`, so that two writers in each other's way, who
/// have not the same one, do not meet again:
/// <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>.
#[must_use]
pub fn backoff(tries: u32, longest: Duration, seed: &impl Hash) -> Duration {
    let doubled =
        FIRST.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    let most = doubled.min(longest);
    let mut hasher = DefaultHasher::new();
    (tries, seed).hash(&mut hasher);
    let half = most / 2;
    let permille = u32::try_from(hasher.finish() % 1_000).unwrap_or(0);
    half + half * permille / 1_000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LONGEST: Duration = Duration::from_millis(500);

    #[test]
    fn waits_double_between_half_and_the_whole_up_to_the_longest() {
        for (tries, whole_ms) in [(0, 20), (1, 20), (2, 40), (3, 80), (5, 320), (6, 500), (99, 500)]
        {
            let (whole, mut waits) = (Duration::from_millis(whole_ms), BTreeSet::new());
            for seed in 0..100 {
                let wait = backoff(tries, LONGEST, &seed);
                assert!((whole / 2..=whole).contains(&wait), "{tries} {seed}: {wait:?}");
                waits.insert(wait);
            }
            // Spread over what is between the two: in each quarter of it are some.
            for quarter in 0..4 {
                let from = whole / 2 + whole / 8 * quarter;
                let is_in = |wait: &&Duration| (from..=from + whole / 8).contains(*wait);
                assert!(waits.iter().filter(is_in).count() > 5, "{tries}: {waits:?}");
            }
        }
    }
}
