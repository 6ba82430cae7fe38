//! The leased form, for effects that nothing can be conditional on, as a service's: claim, deliver,
//! complete.
//!
//! A claim names its owner and a lease; while the lease lasts nobody else delivers. Whoever meets a
//! claim whose lease has ended delivers once more, under the same key: whether the attempt before took
//! effect only the target knows. So a key takes effect once where the target honours it (the
//! `Idempotency-Key` header: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>),
//! and at least once elsewhere: once as long as nobody dies, no answer is lost and no lease ends while
//! its owner is at work.
//!
//! What is certain here needs no target's help: a completed key is not delivered again; another payload
//! is never delivered while one may have taken effect under its key, and is in conflict only with one
//! that did; nobody completes or removes what another now holds. What was refused gives its key back;
//! what may have taken effect keeps it, with its lease ended, so that the next attempt need not wait.
//! Another payload waits meanwhile. It waits in vain where a repeated attempt is refused for good: the
//! one before may have taken effect, and nobody will ever say so.
//!
//! [`Rounds`] decides and knows no store, so that a model checker can take every way through it;
//! [`write_leased`] is the loop that asks a [`Store`] and a [`Target`].

mod rounds;
mod step;

use std::future::Future;

use event::{Failure, Timestamp};
use futures_util::future::join_all;

pub use self::rounds::{Answer, Call, Rounds};
use crate::{Claim, Lease, Outcome, Store, Transaction};

/// Where the effects are.
pub trait Target: Send + Sync {
    /// Lets the claim at this position take effect, under its key. `is_repeat` says that an earlier
    /// attempt may have done so.
    fn deliver(
        &self,
        position: usize,
        claim: &Claim,
        is_repeat: bool,
    ) -> impl Future<Output = Delivery> + Send;
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It took effect, now or before.
    Taken,
    /// This attempt took no effect, and will take none.
    Refused(Failure),
    /// It may have taken effect, or may yet.
    Unknown(Failure),
}

/// Lets each event take effect whose key has not. One outcome for each claim, in their order. `now`
/// tells the time.
///
/// A failed one may have taken effect; delivered again, it is attempted again under its key.
pub async fn write_leased<S: Store, T: Target>(
    store: &S,
    target: &T,
    claims: Vec<Claim>,
    lease: Lease,
    now: impl Fn() -> Timestamp,
) -> Vec<Outcome> {
    let mut rounds = Rounds::new(claims.clone(), lease);
    loop {
        let calls = rounds.calls(now());
        if calls.is_empty() {
            return rounds.into_outcomes();
        }
        if let Some(wait) = rounds.wait() {
            store.pause(wait).await;
        }
        let at = now();
        let asked = calls.into_iter().map(|call| ask(store, target, &claims, call, at));
        rounds.answer(join_all(asked).await, now());
    }
}

async fn ask<S: Store, T: Target>(
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
        Call::Deliver { position, is_repeat } => {
            Answer::Delivered(target.deliver(position, &claims[position], is_repeat).await)
        }
    }
}
