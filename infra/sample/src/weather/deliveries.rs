//! Lets each idempotency key take effect once, as
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/> requires of a
//! service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// The request that took effect under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The body of the first request.
    pub body: Bytes,
    /// How often this body was put, the first time included.
    pub times: u32,
    /// How often another body was put under the key.
    pub conflicts: u32,
}

#[derive(Default)]
pub(super) struct Deliveries {
    by_key: Mutex<BTreeMap<String, Delivered>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Now,
    Before,
    /// The key was used with another body before.
    Otherwise,
}

impl Deliveries {
    pub(super) fn take(&self, key: &str, body: &Bytes) -> Taken {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        match by_key.get_mut(key) {
            None => {
                let first = Delivered { body: body.clone(), times: 1, conflicts: 0 };
                by_key.insert(key.to_owned(), first);
                Taken::Now
            }
            Some(known) if known.body == *body => {
                known.times += 1;
                Taken::Before
            }
            Some(known) => {
                known.conflicts += 1;
                Taken::Otherwise
            }
        }
    }

    pub(super) fn all(&self) -> BTreeMap<String, Delivered> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
