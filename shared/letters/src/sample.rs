//! A uniform sample of letters that come one after another, however many they are.
//!
//! A letter's id is a hash, and so those with the smallest ids are a uniform random sample of all ("bottom-k sampling":
//! Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007, <https://doi.org/10.1145/1281100.1281133>; how
//! far an estimate by it is off: Thorup, STOC 2013, <https://arxiv.org/abs/1303.5479>). It does not depend on the order
//! in which letters come, and a second plan of the same letters has the same sample.

use std::collections::BTreeMap;

use crate::LetterId;

/// Of all that were offered, those with the smallest ids, at most so many.
#[derive(Clone, Debug)]
pub struct Sample<T> {
    most: usize,
    kept: BTreeMap<LetterId, T>,
}

impl<T: Clone> Sample<T> {
    #[must_use]
    pub fn of_at_most(most: usize) -> Self {
        Self { most, kept: BTreeMap::new() }
    }

    /// Keeps a copy of it, if it is one of those with the smallest ids so far.
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

    /// In the order of their ids.
    pub fn letters(&self) -> impl Iterator<Item = &T> {
        self.kept.values()
    }
}
