//! Keys that are known to have taken effect, so that a near duplicate costs no call.
//!
//! Deliveries of one message come close together, and often to the same environment: what was just
//! written there needs no question to the store, which would cost a call and a write unit to be
//! cancelled. Only that is answered here: a key that is not known, one whose record has expired, and
//! another payload under a known key (which may be a conflict) all go to the store, whose word is the
//! last. A record never changes before it expires, and so an answer from here is the store's own; a
//! record that is removed by hand is remembered until the environment ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Fingerprint, Timestamp};

use crate::RecordId;

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

    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// Nothing is left half done where a holder panics: what is known is known.
    pub(crate) fn lock(shared: &Mutex<Self>) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
