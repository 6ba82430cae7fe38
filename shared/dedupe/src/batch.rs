//! Duplicates within a batch, settled before any call.

use std::collections::BTreeMap;

use crate::{Verdict, Write};

/// A batch in which each key is written once.
pub(crate) struct Distinct {
    /// The positions of the first delivery of each key.
    pub(crate) firsts: Vec<usize>,
    /// For each later delivery: its position, its first's, and its verdict if the first is written.
    pub(crate) repeats: Vec<(usize, usize, Verdict)>,
}

pub(crate) fn distinct<E>(writes: &[Write<E>]) -> Distinct {
    let mut by_id = BTreeMap::new();
    let (mut firsts, mut repeats) = (Vec::new(), Vec::new());
    for (position, write) in writes.iter().enumerate() {
        match by_id.get(&write.id) {
            None => {
                by_id.insert(&write.id, position);
                firsts.push(position);
            }
            Some(&first) => {
                let verdict = if writes[first].fingerprint == write.fingerprint {
                    Verdict::Duplicate
                } else {
                    Verdict::Conflict { first: writes[first].fingerprint.clone() }
                };
                repeats.push((position, first, verdict));
            }
        }
    }
    Distinct { firsts, repeats }
}
