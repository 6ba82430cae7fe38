//! Repeats of a key within one batch. They are decided from the first delivery of the key, without a
//! call of their own.

use std::collections::BTreeMap;

use event::{Code, Failure, FailureKind, Fingerprint};

use crate::{Limits, RecordId, Verdict};

/// What became of one delivery, or why it is not known.
pub type Outcome = Result<Verdict, Failure>;

/// The deliveries of a batch: the first one of each key, and all others.
pub(crate) struct FirstsAndRepeats {
    /// The positions of the first delivery of each key.
    pub(crate) firsts: Vec<usize>,
    pub(crate) repeats: Vec<Repeat>,
}

/// A later delivery of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repeat {
    pub(crate) position: usize,
    /// The position of the first delivery of the same key.
    pub(crate) first: usize,
    /// The verdict on this delivery if the first one is written.
    pub(crate) verdict: Verdict,
}

/// Finds the first delivery of each key among these positions, in their order. `delivery` looks up the
/// key and the payload of a position.
pub(crate) fn find_repeats<'a>(
    positions: impl IntoIterator<Item = usize>,
    delivery: impl Fn(usize) -> (&'a RecordId, &'a Fingerprint),
) -> FirstsAndRepeats {
    let mut first_of = BTreeMap::new();
    let (mut firsts, mut repeats) = (Vec::new(), Vec::new());
    for position in positions {
        let (id, fingerprint) = delivery(position);
        match first_of.get(id) {
            None => {
                first_of.insert(id, position);
                firsts.push(position);
            }
            Some(&first) => {
                let (_, written) = delivery(first);
                let verdict = Verdict::after(written, fingerprint);
                repeats.push(Repeat { position, first, verdict });
            }
        }
    }
    FirstsAndRepeats { firsts, repeats }
}

impl Repeat {
    /// The outcome of this delivery, from the outcome of the first one. `fingerprint` is the payload of
    /// this delivery.
    pub(crate) fn outcome(&self, first: Option<&Outcome>, fingerprint: &Fingerprint) -> Outcome {
        match first {
            // The store had the key before this batch, so that the stored payload decides.
            Some(Ok(Verdict::Conflict { first: stored })) if stored == fingerprint => {
                Ok(Verdict::Duplicate)
            }
            Some(Ok(Verdict::Conflict { first: stored })) => {
                Ok(Verdict::Conflict { first: stored.clone() })
            }
            Some(Ok(Verdict::Written | Verdict::Duplicate | Verdict::Stale)) => {
                Ok(self.verdict.clone())
            }
            // A permanent failure is about the first payload, and says nothing about another one.
            Some(Err(failure))
                if failure.kind == FailureKind::Permanent && self.verdict != Verdict::Duplicate =>
            {
                Err(undecided_failure())
            }
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(contention_failure()),
        }
    }
}

/// One outcome for each delivery, from the outcomes of the first deliveries.
pub(crate) fn add_repeats<'a>(
    mut outcomes: Vec<Option<Outcome>>,
    repeats: &[Repeat],
    fingerprint: impl Fn(usize) -> &'a Fingerprint,
) -> Vec<Outcome> {
    for repeat in repeats {
        let first = outcomes[repeat.first].as_ref();
        outcomes[repeat.position] = Some(repeat.outcome(first, fingerprint(repeat.position)));
    }
    outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(contention_failure())))
        .collect()
}

/// Groups positions into transactions. Each transaction has as many as the store allows; those for which
/// `is_alone` holds have one each.
pub(crate) fn group_into_transactions(
    positions: impl Iterator<Item = usize>,
    limits: Limits,
    is_alone: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let (alone, together): (Vec<usize>, Vec<usize>) = positions.partition(|&at| is_alone(at));
    together.chunks(limits.actions).chain(alone.chunks(1)).map(<[usize]>::to_vec).collect()
}

/// The failure of a delivery whose item another writer held each time.
pub(crate) fn contention_failure() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "another writer holds this key's item")
}

/// The failure of a delivery whose key another payload may still take.
pub(crate) fn undecided_failure() -> Failure {
    let reason =
        "another payload came first under this key, and what becomes of it is not known yet";
    Failure::transient(Code::Conflict, reason)
}
