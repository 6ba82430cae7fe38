//! The transactional form: dedupe record and effect in one transaction, so that there is no state
//! between the two and nothing to recover.
//!
//! [`Rounds`] decides and knows no store, so that a model checker can take every way through it;
//! [`write_once`] is the loop that asks a [`Store`].

mod packing;
mod rounds;

use std::sync::Mutex;

use event::{Fingerprint, Timestamp};
use futures_util::future::join_all;

pub use self::rounds::Rounds;
use crate::{Limits, Outcome, Recent, RecordId, Store};

/// One effect under its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write<E> {
    pub id: RecordId,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
    pub effect: E,
    /// What effect and dedupe record count towards the store's limit on a transaction.
    pub bytes: usize,
}

/// Writes each effect whose key has not taken effect. One outcome for each write, in their order.
///
/// A failed write is one that the store did not confirm: delivered again, it is either written or a
/// duplicate.
pub async fn write_once<S: Store>(
    store: &S,
    writes: Vec<Write<S::Effect>>,
    limits: Limits,
    now: Timestamp,
) -> Vec<Outcome> {
    let mut rounds = Rounds::new(writes, limits);
    loop {
        let transactions = rounds.transactions();
        if transactions.is_empty() {
            return rounds.into_outcomes();
        }
        if let Some(wait) = rounds.wait() {
            store.pause(wait).await;
        }
        let calls = transactions.into_iter().map(|transaction| store.commit(transaction, now));
        rounds.answer(join_all(calls).await);
    }
}

/// As [`write_once`], and with the same outcomes; what is known to have taken effect costs no call, and
/// what is written now is known from here on.
pub async fn write_once_with<S: Store>(
    recent: &Mutex<Recent>,
    store: &S,
    writes: Vec<Write<S::Effect>>,
    limits: Limits,
    now: Timestamp,
) -> Vec<Outcome> {
    let key =
        |write: &Write<S::Effect>| (write.id.clone(), write.fingerprint.clone(), write.expires_at);
    let ask = |unknown| write_once(store, unknown, limits, now);
    Recent::spare(recent, writes, key, now, ask).await
}
