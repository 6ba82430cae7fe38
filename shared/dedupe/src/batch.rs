//! Duplicates within a batch, settled before any call.

use std::collections::BTreeMap;

use event::{Code, Failure, FailureKind, Fingerprint};

use crate::{Limits, RecordId, Verdict};

/// What became of one delivery, or why it is not known.
pub type Outcome = Result<Verdict, Failure>;

/// Deliveries among which each key is written once.
pub(crate) struct Distinct {
    /// The positions of the first delivery of each key.
    pub(crate) firsts: Vec<usize>,
    pub(crate) repeats: Vec<Repeat>,
}

/// A later delivery of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repeat {
    pub(crate) position: usize,
    pub(crate) first: usize,
    /// What it is, if the first one is written.
    pub(crate) verdict: Verdict,
}

/// Of the deliveries at these positions, in their order.
pub(crate) fn distinct<'a>(
    among: impl IntoIterator<Item = usize>,
    delivery: impl Fn(usize) -> (&'a RecordId, &'a Fingerprint),
) -> Distinct {
    let mut by_id = BTreeMap::new();
    let (mut firsts, mut repeats) = (Vec::new(), Vec::new());
    for position in among {
        let (id, fingerprint) = delivery(position);
        match by_id.get(id) {
            None => {
                by_id.insert(id, position);
                firsts.push(position);
            }
            Some(&first) => {
                let (_, written) = delivery(first);
                let verdict = Verdict::after(written, fingerprint);
                repeats.push(Repeat { position, first, verdict });
            }
        }
    }
    Distinct { firsts, repeats }
}

impl Repeat {
    /// What it is, from what became of the first one. `fingerprint` is its own.
    pub(crate) fn outcome(&self, first: Option<&Outcome>, fingerprint: &Fingerprint) -> Outcome {
        match first {
            // What the store holds decides, where it had the key before this batch.
            Some(Ok(Verdict::Conflict { first: stored })) if stored == fingerprint => {
                Ok(Verdict::Duplicate)
            }
            Some(Ok(Verdict::Conflict { first: stored })) => {
                Ok(Verdict::Conflict { first: stored.clone() })
            }
            Some(Ok(Verdict::Written | Verdict::Duplicate | Verdict::Stale)) => {
                Ok(self.verdict.clone())
            }
            // What is wrong with one payload says nothing of another.
            Some(Err(failure))
                if failure.kind == FailureKind::Permanent && self.verdict != Verdict::Duplicate =>
            {
                Err(undecided())
            }
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(contended()),
        }
    }
}

/// One for each delivery, from those of the first ones.
pub(crate) fn join_repeats<'a>(
    mut outcomes: Vec<Option<Outcome>>,
    repeats: &[Repeat],
    fingerprint: impl Fn(usize) -> &'a Fingerprint,
) -> Vec<Outcome> {
    for repeat in repeats {
        let outcome = repeat.outcome(outcomes[repeat.first].as_ref(), fingerprint(repeat.position));
        outcomes[repeat.position] = Some(outcome);
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(contended()))).collect()
}

/// These positions, as many to a transaction as it takes changes; some only by themselves.
pub(crate) fn in_transactions(
    positions: impl Iterator<Item = usize>,
    limits: Limits,
    is_alone: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let (alone, together): (Vec<usize>, Vec<usize>) = positions.partition(|&at| is_alone(at));
    together.chunks(limits.actions).chain(alone.chunks(1)).map(<[usize]>::to_vec).collect()
}

pub(crate) fn contended() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "another writer holds this key's item")
}

/// Of a delivery whose key another payload may take.
pub(crate) fn undecided() -> Failure {
    let reason =
        "another payload came first under this key, and what becomes of it is not known yet";
    Failure::transient(Code::Conflict, reason)
}
