//! Writing a batch once: as few transactions as the limits allow, each cancelled one tried again
//! without what its reasons have settled.

use std::collections::BTreeSet;

use event::{Code, Failure, Timestamp};

use crate::batch::{Distinct, distinct};
use crate::{Reason, Store, Verdict, Write, WriteError};

/// What one transaction may hold, and how often a contended one is tried.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub writes: usize,
    pub bytes: usize,
    pub contended_tries: u32,
}

impl Limits {
    /// `TransactWriteItems` takes 100 actions and 4 MB; a write is two actions:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
    pub const DYNAMODB: Self = Self { writes: 50, bytes: 4_000_000, contended_tries: 3 };
}

type Outcome = Result<Verdict, Failure>;

/// Writes each effect whose key has not taken effect. One outcome for each write, in their order.
///
/// A failed write is one that the store did not confirm: delivered again, it is either written or a
/// duplicate.
pub async fn write_once<S: Store>(
    store: &S,
    writes: &[Write<S::Effect>],
    limits: Limits,
    now: Timestamp,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; writes.len()];
    let mut waiting: Vec<usize> = (0..writes.len()).collect();
    // One round, but for keys whose first delivery was rejected: their other payloads have the next.
    while !waiting.is_empty() {
        let batch = distinct(writes, &waiting);
        let rejected = write_firsts(store, writes, &batch, limits, now, &mut outcomes).await;
        waiting.clear();
        for (position, first, verdict) in batch.repeats {
            if rejected.contains(&first) && verdict != Verdict::Duplicate {
                waiting.push(position);
            } else {
                outcomes[position] = Some(repeat(&outcomes[first], verdict, &writes[position]));
            }
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(contended()))).collect()
}

/// What a later delivery of a key is, from what became of the first one.
fn repeat<E>(first: &Option<Outcome>, verdict: Verdict, write: &Write<E>) -> Outcome {
    match first {
        // What the store holds decides, where it had the key before this batch.
        Some(Ok(Verdict::Conflict { first: stored })) if *stored == write.fingerprint => {
            Ok(Verdict::Duplicate)
        }
        Some(Ok(Verdict::Conflict { first: stored })) => {
            Ok(Verdict::Conflict { first: stored.clone() })
        }
        Some(Ok(Verdict::Written | Verdict::Duplicate)) => Ok(verdict),
        Some(Err(failure)) => Err(failure.clone()),
        None => Err(contended()),
    }
}

/// Writes the first delivery of each key; returns those that the store will never take.
async fn write_firsts<S: Store>(
    store: &S,
    writes: &[Write<S::Effect>],
    batch: &Distinct,
    limits: Limits,
    now: Timestamp,
    outcomes: &mut [Option<Outcome>],
) -> BTreeSet<usize> {
    let mut rejected = BTreeSet::new();
    let mut waiting = pack(writes, &batch.firsts, limits);
    while let Some(Transaction { positions, tries }) = waiting.pop() {
        let chunk: Vec<Write<S::Effect>> = positions.iter().map(|&at| writes[at].clone()).collect();
        let mut settle = |at: usize, outcome: Outcome| outcomes[at] = Some(outcome);
        match store.write_all(&chunk, now).await {
            Ok(()) => positions.iter().for_each(|&at| settle(at, Ok(Verdict::Written))),
            Err(WriteError::Failed(failure)) => {
                positions.iter().for_each(|&at| settle(at, Err(failure.clone())));
            }
            Err(WriteError::Rejected { reason }) => match positions.as_slice() {
                [single] => {
                    rejected.insert(*single);
                    settle(*single, Err(Failure::permanent(Code::DependencyRefused, reason)));
                }
                // One of them is at fault, and the store does not say which: halve until it stands
                // alone.
                several => {
                    let (left, right) = several.split_at(several.len() / 2);
                    waiting.push(Transaction { positions: right.to_vec(), tries });
                    waiting.push(Transaction { positions: left.to_vec(), tries });
                }
            },
            Err(WriteError::Cancelled(reasons)) => {
                let mut rest = Vec::new();
                for (&at, reason) in positions.iter().zip(&reasons) {
                    match reason {
                        Reason::Exists(completed) => {
                            settle(at, Ok(completed.judge(&writes[at].fingerprint)));
                        }
                        Reason::Innocent | Reason::Contended => rest.push(at),
                    }
                }
                let settled_some = rest.len() < positions.len();
                if settled_some || tries < limits.contended_tries {
                    let tries = if settled_some { tries } else { tries + 1 };
                    waiting.extend(
                        (!rest.is_empty()).then_some(Transaction { positions: rest, tries }),
                    );
                } else {
                    rest.iter().for_each(|&at| settle(at, Err(contended())));
                }
            }
        }
    }
    rejected
}

struct Transaction {
    positions: Vec<usize>,
    tries: u32,
}

fn contended() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "another writer holds this key's item")
}

/// Transactions as full as the limits allow, the first one last: they are taken from the end.
fn pack<E>(writes: &[Write<E>], firsts: &[usize], limits: Limits) -> Vec<Transaction> {
    let mut packed: Vec<Transaction> = Vec::new();
    let mut bytes = 0;
    for &at in firsts {
        let size = writes[at].bytes;
        match packed.last_mut() {
            Some(last) if last.positions.len() < limits.writes && bytes + size <= limits.bytes => {
                last.positions.push(at);
                bytes += size;
            }
            _ => {
                packed.push(Transaction { positions: vec![at], tries: 0 });
                bytes = size;
            }
        }
    }
    packed.reverse();
    packed
}
