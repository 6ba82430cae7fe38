//! The fenced form, for objects that many events share: claim, write, complete.
//!
//! A claim names its owner and a lease; the object's place follows from the owner, it is written only
//! if nothing is there, and it carries the keys that it holds. Whoever meets a claim whose lease has
//! ended looks there first. If the object is there, a key that it holds took effect and is completed;
//! one that it does not hold did not (the claim's answer was lost, or came late), and is claimed anew.
//! If nothing is there, a tombstone is put there: now the late owner cannot write any more, and gives
//! its events back. No clock decides whether a key takes effect twice; a lease that ends early costs
//! time alone.
//!
//! [`Rounds`] decides and knows no store, so that a model checker can take every way through it;
//! [`write_fenced`] is the loop that asks a [`Store`] and [`Objects`].

mod rounds;
mod step;

use std::collections::BTreeSet;
use std::future::Future;

use event::{Failure, IdempotencyKey, Timestamp};
use futures_util::future::join_all;

pub use self::rounds::{Answer, Call, Rounds};
use crate::{Claim, Lease, Outcome, Owner, Store, Transaction};

/// Where the objects are. All of it may be repeated.
pub trait Objects: Send + Sync {
    /// Writes an owner's object with the events at these positions, unless something is there.
    ///
    /// # Errors
    /// When whether it was written is not known.
    fn put(
        &self,
        owner: &Owner,
        positions: &[usize],
    ) -> impl Future<Output = Result<Put, Failure>> + Send;

    /// The keys of an owner's object; none of a tombstone's; `None` where there is neither.
    ///
    /// # Errors
    /// When that cannot be told.
    fn look(
        &self,
        owner: &Owner,
    ) -> impl Future<Output = Result<Option<BTreeSet<IdempotencyKey>>, Failure>> + Send;

    /// Puts a tombstone in the place of an owner's object, unless something is there: an object
    /// without events, that readers do not notice.
    ///
    /// # Errors
    /// When whether it was written is not known.
    fn fence(&self, owner: &Owner) -> impl Future<Output = Result<Put, Failure>> + Send;

    /// Lets readers know of an owner's object, which is there.
    ///
    /// # Errors
    /// When whether they do is not known.
    fn publish(&self, owner: &Owner) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What became of writing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Put {
    Created,
    /// Something was there before, be it one's own.
    Exists,
}

/// Writes each event whose key has not taken effect into the object of its owner. One outcome for
/// each claim, in their order. `now` tells the time.
///
/// A failure leaves a claim behind at worst: delivered again, the event is found to be written or is
/// written then.
pub async fn write_fenced<S: Store, O: Objects>(
    store: &S,
    objects: &O,
    claims: Vec<Claim>,
    lease: Lease,
    now: impl Fn() -> Timestamp,
) -> Vec<Outcome> {
    let mut rounds = Rounds::new(claims, lease);
    loop {
        let calls = rounds.calls(now());
        if calls.is_empty() {
            return rounds.into_outcomes();
        }
        if let Some(wait) = rounds.wait() {
            store.pause(wait).await;
        }
        let at = now();
        let answers = join_all(calls.into_iter().map(|call| ask(store, objects, call, at))).await;
        rounds.answer(answers, now());
    }
}

async fn ask<S: Store, O: Objects>(store: &S, objects: &O, call: Call, now: Timestamp) -> Answer {
    match call {
        Call::Commit(changes) => {
            let transaction = Transaction { changes, effects: Vec::new() };
            Answer::Committed(store.commit(transaction, now).await)
        }
        Call::Put { owner, positions } => Answer::Put(objects.put(&owner, &positions).await),
        Call::Look(owner) => Answer::Looked(objects.look(&owner).await),
        Call::Fence(owner) => Answer::Fenced(objects.fence(&owner).await),
        Call::Publish(owner) => Answer::Published(objects.publish(&owner).await),
    }
}
