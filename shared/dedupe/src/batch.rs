//! Duplicates within a batch, settled before any call.

use std::collections::BTreeMap;

use crate::{Verdict, Write};

/// Deliveries among which each key is written once.
pub(crate) struct Distinct {
    /// The positions of the first delivery of each key.
    pub(crate) firsts: Vec<usize>,
    /// For each later delivery: its position, its first's, and its verdict if the first is written.
    pub(crate) repeats: Vec<(usize, usize, Verdict)>,
}

/// Of the writes at these positions, in their order.
pub(crate) fn distinct<E>(writes: &[Write<E>], among: &[usize]) -> Distinct {
    let mut by_id = BTreeMap::new();
    let (mut firsts, mut repeats) = (Vec::new(), Vec::new());
    for &position in among {
        let write = &writes[position];
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
