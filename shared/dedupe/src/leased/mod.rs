//! The leased protocol, for effects that no condition can guard, such as a request to a service: claim,
//! deliver, complete.
//!
//! A claim names its owner and a lease. While the lease lasts, nobody else delivers. An attempt that finds
//! a claim whose lease has ended delivers once more, under the same key, because only the target knows
//! whether the earlier attempt took effect. So a key takes effect once if the target honours the key (the
//! `Idempotency-Key` header:
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>). Otherwise it takes
//! effect at least once: once as long as no owner dies, no answer is lost, and no lease ends while its
//! owner is at work.
//!
//! Three things hold whatever the target does. A completed key is not delivered again. Another payload is
//! never delivered while an earlier one may have taken effect under its key, and it is in conflict only
//! with a payload that did take effect. Nobody completes or removes a claim that another attempt holds by
//! now.
//!
//! A refused delivery gives its key back. A delivery that may have taken effect keeps its key and ends its
//! lease, so that the next attempt need not wait. Another payload waits meanwhile. If a repeated attempt is
//! refused for good, it waits in vain: the earlier attempt may have taken effect, and nobody will ever know.
//!
//! [`LeasedBatch`] decides and calls no store, so that a model checker can go through every order of
//! events. [`write_leased`] is the loop that calls a [`Store`] and a [`Target`].

mod batch;
mod step;

use std::future::Future;

use event::{Failure, Timestamp};
use futures_util::future::join_all;

pub use self::batch::{Answer, Call, LeasedBatch};
use crate::{Claim, Lease, Outcome, Store, Transaction};

/// The service that the events are delivered to.
pub trait Target: Send + Sync {
    /// Delivers the event of the claim at this position, under its key.
    fn deliver(
        &self,
        position: usize,
        claim: &Claim,
        attempt: Attempt,
    ) -> impl Future<Output = Delivery> + Send;
}

/// Whether an event was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attempt {
    /// No earlier attempt took effect.
    First,
    /// An earlier attempt may have taken effect.
    Repeated,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The event took effect, now or before.
    Taken,
    /// This attempt took no effect, and will take none.
    Refused(Failure),
    /// This attempt may have taken effect, or may still do so.
    Unknown(Failure),
}

/// Delivers each event whose key has not taken effect. Answers with one outcome for each claim, in their
/// order. `now` tells the time.
///
/// An event with a failure may have taken effect. When it is received again, it is delivered again under
/// its key.
pub async fn write_leased<S: Store, T: Target>(
    store: &S,
    target: &T,
    claims: Vec<Claim>,
    lease: Lease,
    now: impl Fn() -> Timestamp,
) -> Vec<Outcome> {
    let mut batch = LeasedBatch::new(claims.clone(), lease);
    loop {
        let calls = batch.calls(now());
        if calls.is_empty() {
            return batch.into_outcomes();
        }
        if let Some(pause) = batch.pause() {
            store.pause(pause).await;
        }
        let at = now();
        let answers = calls.into_iter().map(|call| make_call(store, target, &claims, call, at));
        batch.apply_answers(join_all(answers).await, now());
    }
}

async fn make_call<S: Store, T: Target>(
    store: &S,
    target: &T,
    claims: &[Claim],
    call: Call,
    now: Timestamp,
) -> Answer {
    match call {
        Call::Commit(changes) => {
            let transaction = Transaction { changes, effects: Vec::new() };
            Answer::Committed(store.commit(transaction, now).await)
        }
        Call::Deliver { position, attempt } => {
            Answer::Delivered(target.deliver(position, &claims[position], attempt).await)
        }
    }
}
