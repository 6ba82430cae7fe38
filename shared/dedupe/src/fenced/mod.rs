//! The fenced protocol, for objects that many events share: claim, write, complete.
//!
//! A claim names its owner and a lease. The object's key follows from the owner, the object is written only
//! if nothing is there, and it contains the keys of its events. An attempt that finds a claim whose lease
//! has ended looks for that object first:
//!
//! - If the object is there, a key that it contains took effect, and is completed. A key that it does not
//!   contain did not take effect (the claim's answer was lost, or came late), and is claimed anew.
//! - If no object is there, a tombstone is put in its place. From then on the late owner cannot write any
//!   more, and gives its events back.
//!
//! No clock decides whether a key takes effect twice. A lease that ends too early costs only time.
//!
//! [`FencedBatch`] decides and calls no store, so that a model checker can go through every order of
//! events. [`write_fenced`] is the loop that calls a [`Store`] and [`Objects`].

mod batch;
mod step;

use std::collections::BTreeSet;
use std::future::Future;

use event::{Failure, IdempotencyKey, Timestamp};
use futures_util::future::join_all;

pub use self::batch::{Answer, Call, FencedBatch};
use crate::{Claim, Lease, Outcome, Owner, Store, Transaction};

/// The store of objects. Each call may be repeated.
pub trait Objects: Send + Sync {
    /// Writes an owner's object with the events at these positions, if no object is there.
    ///
    /// # Errors
    /// When it is not known whether the object was written.
    fn put(
        &self,
        owner: &Owner,
        positions: &[usize],
    ) -> impl Future<Output = Result<PutOutcome, Failure>> + Send;

    /// Reads the keys of an owner's object. A tombstone has no keys. `None` if there is neither.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_keys(
        &self,
        owner: &Owner,
    ) -> impl Future<Output = Result<Option<BTreeSet<IdempotencyKey>>, Failure>> + Send;

    /// Puts a tombstone in the place of an owner's object, if no object is there. A tombstone is an object
    /// without events, which readers do not notice.
    ///
    /// # Errors
    /// When it is not known whether the tombstone was written.
    fn put_tombstone(
        &self,
        owner: &Owner,
    ) -> impl Future<Output = Result<PutOutcome, Failure>> + Send;

    /// Makes an owner's object, which is there, visible to readers.
    ///
    /// # Errors
    /// When it is not known whether they see it.
    fn publish(&self, owner: &Owner) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The result of writing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PutOutcome {
    /// The object was written.
    Created,
    /// An object was there before. It may be from an earlier try of the same owner.
    Exists,
}

/// Writes each event whose key has not taken effect into the object of its owner. Answers with one outcome
/// for each claim, in their order. `now` tells the time.
///
/// An event with a failure leaves at most a claim behind. When it is received again, it is found to be
/// written, or is written then.
pub async fn write_fenced<S: Store, O: Objects>(
    store: &S,
    objects: &O,
    claims: Vec<Claim>,
    lease: Lease,
    now: impl Fn() -> Timestamp,
) -> Vec<Outcome> {
    let mut batch = FencedBatch::new(claims, lease);
    loop {
        let calls = batch.calls(now());
        if calls.is_empty() {
            return batch.into_outcomes();
        }
        if let Some(pause) = batch.pause() {
            store.pause(pause).await;
        }
        let at = now();
        let answers = calls.into_iter().map(|call| make_call(store, objects, call, at));
        batch.apply_answers(join_all(answers).await, now());
    }
}

async fn make_call<S: Store, O: Objects>(
    store: &S,
    objects: &O,
    call: Call,
    now: Timestamp,
) -> Answer {
    match call {
        Call::Commit(changes) => {
            let transaction = Transaction { changes, effects: Vec::new() };
            Answer::Committed(store.commit(transaction, now).await)
        }
        Call::Put { owner, positions } => Answer::Put(objects.put(&owner, &positions).await),
        Call::ReadKeys(owner) => Answer::Keys(objects.read_keys(&owner).await),
        Call::PutTombstone(owner) => Answer::Tombstone(objects.put_tombstone(&owner).await),
        Call::Publish(owner) => Answer::Published(objects.publish(&owner).await),
    }
}
