//! Keys that are known to have taken effect, so that a duplicate that follows soon costs no call.
//!
//! Deliveries of one message come close together, and often to the same environment. Asking the store
//! about a key that this environment has just written would cost a call, and a write unit for a
//! transaction that is cancelled. Only such duplicates are decided here. The store decides about a key
//! that is not known, about a key whose record has expired, and about another payload under a known key,
//! which may be a conflict.
//!
//! A record does not change before it expires, so that a decision from here is the one that the store
//! would make. A record that somebody removes by hand stays known here until the environment ends.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Fingerprint, Timestamp};

use crate::repeats::contention_failure;
use crate::{Outcome, RecordId, Verdict};

/// The keys that were written last, up to a capacity. A clone is independent of its original.
#[derive(Clone, Debug)]
pub struct RecentKeys {
    capacity: usize,
    newer: HashMap<RecordId, Known>,
    /// Dropped as a whole when `newer` has reached half of the capacity.
    older: HashMap<RecordId, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    fingerprint: Fingerprint,
    expires_at: Timestamp,
}

/// A key with the payload that came under it, and the expiry of its dedupe record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentKey {
    /// The sink and the key.
    pub id: RecordId,
    /// The payload that took effect.
    pub fingerprint: Fingerprint,
    /// When the record expires.
    pub expires_at: Timestamp,
}

impl RecentKeys {
    /// A memory of at most `capacity` keys. A capacity below two remembers nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, newer: HashMap::new(), older: HashMap::new() }
    }

    /// Whether this payload is known to have taken effect under this key.
    #[must_use]
    pub fn is_duplicate(&self, id: &RecordId, delivered: &Fingerprint, now: Timestamp) -> bool {
        let known = self.newer.get(id).or_else(|| self.older.get(id));
        known.is_some_and(|known| known.expires_at > now && known.fingerprint == *delivered)
    }

    /// Remembers a key that the store has just confirmed.
    pub fn remember(&mut self, key: RecentKey) {
        let half = self.capacity / 2;
        if half == 0 {
            return;
        }
        if self.newer.len() >= half {
            self.older = std::mem::take(&mut self.newer);
        }
        let RecentKey { id, fingerprint, expires_at } = key;
        self.newer.insert(id, Known { fingerprint, expires_at });
    }

    /// Writes the items whose keys are not known, and remembers what was written. An item whose key is
    /// known is a duplicate. Answers with one outcome for each item, in their order.
    pub async fn skip_known<T, F>(
        shared: &Mutex<Self>,
        items: Vec<T>,
        key: impl Fn(&T) -> RecentKey,
        now: Timestamp,
        write: impl FnOnce(Vec<T>) -> F,
    ) -> Vec<Outcome>
    where
        F: Future<Output = Vec<Outcome>>,
    {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(items.len());
        let (mut unknown, mut keys) = (Vec::new(), Vec::new());
        {
            let known = Self::lock(shared);
            for item in items {
                let key = key(&item);
                if known.is_duplicate(&key.id, &key.fingerprint, now) {
                    outcomes.push(Some(Ok(Verdict::Duplicate)));
                } else {
                    outcomes.push(None);
                    unknown.push(item);
                    keys.push(key);
                }
            }
        }
        let written = if unknown.is_empty() { Vec::new() } else { write(unknown).await };
        let mut known = Self::lock(shared);
        for (key, outcome) in keys.into_iter().zip(&written) {
            // A duplicate is not remembered, because the expiry of its record is not known here.
            if matches!(outcome, Ok(Verdict::Written | Verdict::Stale)) {
                known.remember(key);
            }
        }
        let mut written = written.into_iter();
        let mut all = Vec::with_capacity(outcomes.len());
        for decided in outcomes {
            let outcome = decided.or_else(|| written.next());
            all.push(outcome.unwrap_or_else(|| Err(contention_failure())));
        }
        all
    }

    /// A poisoned lock is used all the same: a panic of its holder leaves the map consistent.
    fn lock(shared: &Mutex<Self>) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
