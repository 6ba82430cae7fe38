//! Repeatable random draws, which depend only on the seed, the stream and the number of the decision.
//!
//! Streams share no state, so the draws do not depend on how requests interleave. The numbers are good
//! enough to spread faults, but must not be used for secrets.

/// The draws of one decision.
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The draws of the decision with this number in a stream.
    pub(super) fn new(seed: u64, stream: &str, number: u64) -> Self {
        let mut dice = Self { state: seed ^ fnv_1a(stream) };
        dice.state = dice.next() ^ number;
        dice
    }

    /// Draws an event with a probability from 0 to 1.
    pub(super) fn happens(&mut self, chance: f64) -> bool {
        // 53 bits are what an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < chance
    }

    /// Draws a number less than `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let drawn = self.next();
        // The bias is below one in 2^32 for every bound that is used here.
        drawn.checked_rem(bound).unwrap_or(0)
    }

    /// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv_1a(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64, stream: &str) -> Vec<u64> {
        (0..100).map(|number| Dice::new(seed, stream, number).below(1_000)).collect()
    }

    #[test]
    fn a_stream_repeats_with_its_seed_and_differs_from_all_others() {
        assert_eq!(draws(7, "a"), draws(7, "a"));
        assert_ne!(draws(7, "a"), draws(8, "a"));
        assert_ne!(draws(7, "a"), draws(7, "b"));
    }

    #[test]
    fn a_chance_is_met_about_as_often_as_it_says() {
        for percent in [0_u32, 5, 50, 100] {
            let chance = f64::from(percent) / 100.0;
            let met = (0..10_000).filter(|&n| Dice::new(1, "s", n).happens(chance)).count();
            let expected = usize::try_from(percent).unwrap() * 100;
            assert!(met.abs_diff(expected) < 200, "{met} of 10,000 at {percent} %");
        }
        assert_eq!(Dice::new(1, "s", 1).below(0), 0);
    }
}
