//! The transactional protocol: dedupe record and effect are written in one transaction. There is no state
//! between the two, and so nothing to recover.
//!
//! [`TransactionalBatch`] decides and calls no store, so that a model checker can go through every order of
//! events. [`write_once`] is the loop that calls a [`Store`].

mod batch;
mod packing;

use std::sync::Mutex;

use event::{Fingerprint, Timestamp};
use futures_util::future::join_all;

pub use self::batch::TransactionalBatch;
use crate::{Limits, Outcome, RecentKey, RecentKeys, RecordId, Store};

/// One effect under its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write<E> {
    /// The sink and the key.
    pub id: RecordId,
    /// The payload of the event.
    pub fingerprint: Fingerprint,
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
    /// What the event does to its target.
    pub effect: E,
    /// The size of effect and dedupe record in bytes, as the store's limit on a transaction counts it.
    pub bytes: usize,
}

impl<E> Write<E> {
    fn recent_key(&self) -> RecentKey {
        RecentKey {
            id: self.id.clone(),
            fingerprint: self.fingerprint.clone(),
            expires_at: self.expires_at,
        }
    }
}

/// Writes each effect whose key has not taken effect. Answers with one outcome for each write, in their
/// order.
///
/// A write with a failure is one that the store did not confirm. When its event is received again, it is
/// written, or found to be a duplicate.
pub async fn write_once<S: Store>(
    store: &S,
    writes: Vec<Write<S::Effect>>,
    limits: Limits,
    now: Timestamp,
) -> Vec<Outcome> {
    let mut batch = TransactionalBatch::new(writes, limits);
    loop {
        let transactions = batch.transactions();
        if transactions.is_empty() {
            return batch.into_outcomes();
        }
        if let Some(pause) = batch.pause() {
            store.pause(pause).await;
        }
        let commits = transactions.into_iter().map(|transaction| store.commit(transaction, now));
        batch.apply_results(join_all(commits).await);
    }
}

/// Does the same as [`write_once`], with the same outcomes. A key that is known to have taken effect costs
/// no call, and the keys that are written now are known from here on.
pub async fn write_unknown_once<S: Store>(
    recent: &Mutex<RecentKeys>,
    store: &S,
    writes: Vec<Write<S::Effect>>,
    limits: Limits,
    now: Timestamp,
) -> Vec<Outcome> {
    RecentKeys::skip_known(recent, writes, Write::recent_key, now, |unknown| {
        write_once(store, unknown, limits, now)
    })
    .await
}
