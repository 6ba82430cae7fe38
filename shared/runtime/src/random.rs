//! Random numbers at little cost. A breaker needs some for each call.

use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>. The numbers spread waits and need not be secret. Asking the
/// system for each number would take longer than everything else that a breaker does.
pub(crate) struct RandomNumbers(AtomicU64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl RandomNumbers {
    /// The numbers that follow from a seed, which is different in each environment.
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut number = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's first numbers for this seed: <https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64>.
    #[test]
    fn the_numbers_are_those_of_the_reference() {
        let rolls = RandomNumbers::new(1_234_567);
        let first =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([rolls.next(), rolls.next(), rolls.next()], first);
    }
}
