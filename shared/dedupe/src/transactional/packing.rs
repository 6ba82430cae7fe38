//! Transactions as full as the limits allow, in which no target stands twice.

use std::collections::BTreeSet;

use super::Write;
use crate::{Effect, Limits, Merged};

/// One transaction of a round: which deliveries are in it, and what it does for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call<E> {
    pub(super) positions: Vec<usize>,
    /// Those of them whose dedupe record is an item of its own.
    pub(super) recorded: Vec<usize>,
    pub(super) carried: Vec<Carried<E>>,
    bytes: usize,
}

/// One effect of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Carried<E> {
    /// What the effects of several deliveries come to; that of a single one is its own.
    merged: Option<E>,
    /// The deliveries that it takes effect for: one, or those that are merged.
    pub(super) members: Vec<usize>,
    /// Those of the same target that are older than what it writes.
    pub(super) superseded: Vec<usize>,
}

/// One round of transactions, all of which may be under way at once.
pub(super) struct Packed<E> {
    pub(super) calls: Vec<Call<E>>,
    /// What has to wait for a later round, since a transaction of this one has its target. Each group's by
    /// itself: halves of a transaction that was rejected would else become one again, and never stand
    /// alone.
    pub(super) deferred: Vec<Vec<usize>>,
}

impl<E> Call<E> {
    fn empty() -> Self {
        Self { positions: Vec::new(), recorded: Vec::new(), carried: Vec::new(), bytes: 0 }
    }

    fn actions(&self) -> usize {
        self.recorded.len() + self.carried.len()
    }
}

/// Whether a delivery got into a transaction.
enum Placed {
    Yes,
    /// It needs another transaction of this round.
    Full,
    /// It needs another round.
    Deferred,
}

/// Packs each group by itself. Of what is in `stale`, only the dedupe record is written.
pub(super) fn pack<E: Effect>(
    writes: &[Write<E>],
    groups: &[Vec<usize>],
    stale: &BTreeSet<usize>,
    limits: Limits,
) -> Packed<E> {
    let mut packed = Packed { calls: Vec::new(), deferred: Vec::new() };
    // Of the transactions that are full.
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for group in groups {
        let mut call = Call::empty();
        let mut deferred = Vec::new();
        for &position in group {
            let is_stale = stale.contains(&position);
            let mut placed = place(&mut call, position, writes, is_stale, &taken, limits);
            if matches!(placed, Placed::Full) {
                taken.extend(targets(&call, writes));
                packed.calls.push(std::mem::replace(&mut call, Call::empty()));
                placed = place(&mut call, position, writes, is_stale, &taken, limits);
            }
            if matches!(placed, Placed::Deferred) {
                deferred.push(position);
            }
        }
        if !deferred.is_empty() {
            packed.deferred.push(deferred);
        }
        if !call.positions.is_empty() {
            taken.extend(targets(&call, writes));
            packed.calls.push(call);
        }
    }
    packed
}

/// The targets that a transaction writes to, which are those of its deliveries.
fn targets<'a, E: Effect>(call: &Call<E>, writes: &'a [Write<E>]) -> impl Iterator<Item = &'a str> {
    let first = |carried: &Carried<E>| carried.members.first().copied();
    let positions: Vec<usize> = call.carried.iter().filter_map(first).collect();
    positions.into_iter().filter_map(|position| writes[position].effect.target())
}

fn place<E: Effect>(
    call: &mut Call<E>,
    position: usize,
    writes: &[Write<E>],
    is_stale: bool,
    taken: &BTreeSet<&str>,
    limits: Limits,
) -> Placed {
    let write = &writes[position];
    let change = usize::from(is_stale || write.effect.own_record().is_none());
    let target = write.effect.target().filter(|_| !is_stale);
    let same = target.and_then(|target| {
        call.carried.iter().position(|carried| carried.effect(writes).target() == Some(target))
    });
    if same.is_none() && target.is_some_and(|target| taken.contains(target)) {
        return Placed::Deferred;
    }
    let effect = usize::from(!is_stale && same.is_none());
    let fits = call.actions() + change + effect <= limits.actions
        && call.bytes + write.bytes <= limits.bytes;
    if !fits && !call.positions.is_empty() {
        return if same.is_some() { Placed::Deferred } else { Placed::Full };
    }
    if let Some(at) = same {
        if !call.carried[at].join(position, writes) {
            return Placed::Deferred;
        }
    } else if !is_stale {
        let (members, superseded) = (vec![position], Vec::new());
        call.carried.push(Carried { merged: None, members, superseded });
    }
    call.positions.push(position);
    call.recorded.extend((change == 1).then_some(position));
    call.bytes += write.bytes;
    Placed::Yes
}

impl<E: Effect> Carried<E> {
    pub(super) fn effect<'a>(&'a self, writes: &'a [Write<E>]) -> &'a E {
        self.merged.as_ref().unwrap_or_else(|| &writes[self.members[0]].effect)
    }

    /// Lets it take effect for one more delivery, where the two can be one.
    fn join(&mut self, position: usize, writes: &[Write<E>]) -> bool {
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
