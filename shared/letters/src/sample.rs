//! A uniform sample of letters that are offered one after another, however many there are.
//!
//! A letter's id is a hash. The letters with the smallest ids are therefore a uniform random sample of all ("bottom-k
//! sampling": Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007,
//! <https://doi.org/10.1145/1281100.1281133>; for the error of estimates see Thorup, STOC 2013,
//! <https://arxiv.org/abs/1303.5479>). The sample does not depend on the order in which letters are offered, and a
//! second plan of the same letters has the same sample.

use std::collections::BTreeMap;

use crate::LetterId;

/// The offered letters with the smallest ids, up to a given number.
#[derive(Clone, Debug)]
pub struct Sample<T> {
    most: usize,
    kept: BTreeMap<LetterId, T>,
}

impl<T: Clone> Sample<T> {
    /// An empty sample that will keep at most `most` letters.
    #[must_use]
    pub fn of_at_most(most: usize) -> Self {
        Self { most, kept: BTreeMap::new() }
    }

    /// Keeps a copy of the letter if its id is one of the smallest so far.
    pub fn offer(&mut self, id: &LetterId, letter: &T) {
        let is_full = self.kept.len() >= self.most;
        if is_full && self.kept.last_key_value().is_none_or(|(largest, _)| largest < id) {
            return;
        }
        self.kept.insert(id.clone(), letter.clone());
        if self.kept.len() > self.most {
            self.kept.pop_last();
        }
    }

    /// The sampled letters, sorted by id.
    pub fn letters(&self) -> impl Iterator<Item = &T> {
        self.kept.values()
    }
}
