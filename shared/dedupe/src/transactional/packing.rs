//! Packs deliveries into transactions that are as full as the limits allow and have no target twice.

use std::collections::BTreeSet;

use super::Write;
use crate::{Effect, Limits, Merged};

/// One transaction of a round: the deliveries in it, and what it writes for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlannedTransaction<E> {
    pub(super) positions: Vec<usize>,
    /// The deliveries whose dedupe record is an item of its own.
    pub(super) recorded: Vec<usize>,
    pub(super) effects: Vec<PackedEffect<E>>,
    bytes: usize,
}

/// One effect of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackedEffect<E> {
    /// The merged effect of several deliveries. `None` for the effect of a single delivery.
    merged: Option<E>,
    /// The deliveries that the effect is written for: one delivery, or those that are merged.
    pub(super) members: Vec<usize>,
    /// The deliveries with the same target that are older than the effect.
    pub(super) superseded: Vec<usize>,
}

/// The transactions of one round, which may be committed concurrently.
pub(super) struct Packed<E> {
    pub(super) planned: Vec<PlannedTransaction<E>>,
    /// The deliveries that have to wait for a later round, because a transaction of this one has their
    /// target. The groups are kept apart. Otherwise the halves of a rejected transaction would become one
    /// transaction again, and the delivery at fault would never stand alone.
    pub(super) deferred: Vec<Vec<usize>>,
}

impl<E> PlannedTransaction<E> {
    fn empty() -> Self {
        Self { positions: Vec::new(), recorded: Vec::new(), effects: Vec::new(), bytes: 0 }
    }

    fn actions(&self) -> usize {
        self.recorded.len() + self.effects.len()
    }
}

/// Whether a delivery was added to a transaction.
enum Placement {
    Yes,
    /// It needs another transaction of this round.
    Full,
    /// It needs another round.
    Deferred,
}

/// Packs each group by itself. Of a delivery in `stale`, only the dedupe record is written.
pub(super) fn pack<E: Effect>(
    writes: &[Write<E>],
    groups: &[Vec<usize>],
    stale: &BTreeSet<usize>,
    limits: Limits,
) -> Packed<E> {
    let mut packed = Packed { planned: Vec::new(), deferred: Vec::new() };
    // The targets of the transactions that are full.
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for group in groups {
        let mut planned = PlannedTransaction::empty();
        let mut deferred = Vec::new();
        for &position in group {
            let is_stale = stale.contains(&position);
            let mut placed = place(&mut planned, position, writes, is_stale, &taken, limits);
            if matches!(placed, Placement::Full) {
                taken.extend(targets(&planned, writes));
                packed.planned.push(std::mem::replace(&mut planned, PlannedTransaction::empty()));
                placed = place(&mut planned, position, writes, is_stale, &taken, limits);
            }
            if matches!(placed, Placement::Deferred) {
                deferred.push(position);
            }
        }
        if !deferred.is_empty() {
            packed.deferred.push(deferred);
        }
        if !planned.positions.is_empty() {
            taken.extend(targets(&planned, writes));
            packed.planned.push(planned);
        }
    }
    packed
}

/// The targets that a transaction writes to.
fn targets<'a, E: Effect>(
    planned: &PlannedTransaction<E>,
    writes: &'a [Write<E>],
) -> impl Iterator<Item = &'a str> {
    let positions: Vec<usize> =
        planned.effects.iter().filter_map(|effect| effect.members.first().copied()).collect();
    positions.into_iter().filter_map(|position| writes[position].effect.target())
}

/// Adds a delivery to a transaction, if it fits.
fn place<E: Effect>(
    planned: &mut PlannedTransaction<E>,
    position: usize,
    writes: &[Write<E>],
    is_stale: bool,
    taken: &BTreeSet<&str>,
    limits: Limits,
) -> Placement {
    let write = &writes[position];
    let change = usize::from(is_stale || write.effect.own_record().is_none());
    let target = write.effect.target().filter(|_| !is_stale);
    let same = target.and_then(|target| {
        planned.effects.iter().position(|effect| effect.effect(writes).target() == Some(target))
    });
    if same.is_none() && target.is_some_and(|target| taken.contains(target)) {
        return Placement::Deferred;
    }
    let effect = usize::from(!is_stale && same.is_none());
    let fits = planned.actions() + change + effect <= limits.actions
        && planned.bytes + write.bytes <= limits.bytes;
    if !fits && !planned.positions.is_empty() {
        return if same.is_some() { Placement::Deferred } else { Placement::Full };
    }
    if let Some(at) = same {
        if !planned.effects[at].merge(position, writes) {
            return Placement::Deferred;
        }
    } else if !is_stale {
        let (members, superseded) = (vec![position], Vec::new());
        planned.effects.push(PackedEffect { merged: None, members, superseded });
    }
    planned.positions.push(position);
    planned.recorded.extend((change == 1).then_some(position));
    planned.bytes += write.bytes;
    Placement::Yes
}

impl<E: Effect> PackedEffect<E> {
    pub(super) fn effect<'a>(&'a self, writes: &'a [Write<E>]) -> &'a E {
        self.merged.as_ref().unwrap_or_else(|| &writes[self.members[0]].effect)
    }

    /// Merges the effect of one more delivery, if the two can be merged. Answers whether they were.
    fn merge(&mut self, position: usize, writes: &[Write<E>]) -> bool {
        match self.effect(writes).merge(&writes[position].effect) {
            Merged::Apart => return false,
            Merged::Both(both) => {
                self.merged = Some(both);
                self.members.push(position);
            }
            Merged::This => self.superseded.push(position),
            Merged::Other => {
                self.merged = None;
                let older = std::mem::replace(&mut self.members, vec![position]);
                self.superseded.extend(older);
            }
        }
        true
    }
}
