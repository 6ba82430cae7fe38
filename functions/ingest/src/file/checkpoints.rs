//! The places of a file at which its reading can begin anew: where nothing that was unpacked or decoded depends on bytes
//! before them.

use std::collections::VecDeque;

/// The most places that are remembered. A single entry may be as long as the file, and has a place every 4 KiB.
const MOST: usize = 1_024;

/// A place of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// How many bytes of the object precede it.
    pub(super) offset: u64,
    /// How many bytes were unpacked and decoded of those since the reading began.
    pub(super) decoded: u64,
}

#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// In the order of the file.
    places: VecDeque<Checkpoint>,
}

impl Checkpoints {
    /// Adds a place, which follows all others. When there are too many it is left out, so that more will be read twice.
    pub(super) fn add(&mut self, place: Checkpoint) {
        let is_new = self.places.back().is_none_or(|last| last.offset < place.offset);
        if is_new && self.places.len() < MOST {
            self.places.push_back(place);
        }
    }

    /// The last place that precedes a decoded byte. Those before it are forgotten.
    pub(super) fn before(&mut self, decoded: u64) -> Option<Checkpoint> {
        while self.places.get(1).is_some_and(|next| next.decoded <= decoded) {
            self.places.pop_front();
        }
        self.places.front().copied().filter(|first| first.decoded <= decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_before_a_byte_is_found_and_those_before_it_are_forgotten() {
        let mut checkpoints = Checkpoints::default();
        assert_eq!(checkpoints.before(7), None);
        let places = [(10, 100), (20, 200), (30, 300)];
        let places = places.map(|(offset, decoded)| Checkpoint { offset, decoded });
        places.into_iter().for_each(|place| checkpoints.add(place));
        assert_eq!(checkpoints.before(99), None);
        assert_eq!(checkpoints.before(100), Some(places[0]));
        assert_eq!(checkpoints.before(299), Some(places[1]));
        assert_eq!(checkpoints.places.len(), 2);
        assert_eq!(checkpoints.before(1_000), Some(places[2]));
    }

    #[test]
    fn one_long_entry_takes_little_memory() {
        let mut checkpoints = Checkpoints::default();
        for number in 0..100_000 {
            checkpoints.add(Checkpoint { offset: number, decoded: number });
        }
        assert_eq!(checkpoints.places.len(), MOST);
        assert_eq!(checkpoints.before(0), Some(Checkpoint::default()));
    }
}
