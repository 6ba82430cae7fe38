//! A producer that does not remember what it has sent.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Each of them from once up to `copies` times (of three: five ninths once, one ninth thrice), in an
/// order of the seed's.
pub(crate) fn repeated<T: Clone>(all: &[T], seed: u64, copies: u64) -> Vec<T> {
    let mut places = Vec::new();
    for place in 0..all.len() {
        let more = |number| draw(seed, place, number) % copies.max(1);
        let times = 1 + more(0).min(more(1));
        places.extend((0..times).map(|copy| (draw(seed, place, 2 + copy), place)));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, place)| all[place].clone()).collect()
}

/// The same for the same, on whatever machine.
fn draw(seed: u64, place: usize, number: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, place, number).hash(&mut hasher);
    hasher.finish()
}
