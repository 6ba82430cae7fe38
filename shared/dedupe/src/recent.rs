//! Keys that are known to have taken effect, so that a near duplicate costs no call.
//!
//! Deliveries of one message come close together, and often to the same environment: what was just
//! written there needs no question to the store, which would cost a call and a write unit to be
//! cancelled. Only that is answered here: a key that is not known, one whose record has expired, and
//! another payload under a known key (which may be a conflict) all go to the store, whose word is the
//! last. A record never changes before it expires, and so an answer from here is the store's own; a
//! record that is removed by hand is remembered until the environment ends.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Fingerprint, Timestamp};

use crate::batch::contended;
use crate::{Outcome, RecordId, Verdict};

/// At most so many of the keys that were written last; clones know nothing of each other.
#[derive(Clone, Debug)]
pub struct Recent {
    capacity: usize,
    young: HashMap<RecordId, Known>,
    /// Dropped as a whole when the young ones have grown to half of the capacity.
    old: HashMap<RecordId, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    fingerprint: Fingerprint,
    expires_at: Timestamp,
}

impl Recent {
    /// A capacity below two remembers nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    /// Whether this very payload is known to have taken effect under this key.
    #[must_use]
    pub fn is_duplicate(&self, id: &RecordId, delivered: &Fingerprint, now: Timestamp) -> bool {
        let known = self.young.get(id).or_else(|| self.old.get(id));
        known.is_some_and(|known| known.expires_at > now && known.fingerprint == *delivered)
    }

    /// For what the store has just confirmed, with the expiry that the record was given.
    pub fn remember(&mut self, id: RecordId, fingerprint: Fingerprint, expires_at: Timestamp) {
        let half = self.capacity / 2;
        if half == 0 {
            return;
        }
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, Known { fingerprint, expires_at });
    }

    /// One outcome for each of these, in their order: what is known to have taken effect is a duplicate,
    /// and for all others `write` is asked. What that has written is known from here on.
    pub async fn spare<T, F>(
        shared: &Mutex<Self>,
        all: Vec<T>,
        key: impl Fn(&T) -> (RecordId, Fingerprint, Timestamp),
        now: Timestamp,
        write: impl FnOnce(Vec<T>) -> F,
    ) -> Vec<Outcome>
    where
        F: Future<Output = Vec<Outcome>>,
    {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(all.len());
        let (mut unknown, mut keys) = (Vec::new(), Vec::new());
        {
            let known = Self::lock(shared);
            for each in all {
                let (id, fingerprint, expires_at) = key(&each);
                let is_known = known.is_duplicate(&id, &fingerprint, now);
                outcomes.push(is_known.then_some(Ok(Verdict::Duplicate)));
                if !is_known {
                    unknown.push(each);
                    keys.push((id, fingerprint, expires_at));
                }
            }
        }
        let answered = if unknown.is_empty() { Vec::new() } else { write(unknown).await };
        let mut known = Self::lock(shared);
        for ((id, fingerprint, expires_at), outcome) in keys.into_iter().zip(&answered) {
            // The expiry of a record that was there before is not known here.
            if matches!(outcome, Ok(Verdict::Written | Verdict::Stale)) {
                known.remember(id, fingerprint, expires_at);
            }
        }
        let mut answered = answered.into_iter();
        let open = outcomes.into_iter().map(|outcome| outcome.or_else(|| answered.next()));
        open.map(|outcome| outcome.unwrap_or_else(|| Err(contended()))).collect()
    }

    /// Nothing is left half done where a holder panics: what is known is known.
    fn lock(shared: &Mutex<Self>) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
