//! A dedupe record, and what it says of a second delivery.

use std::fmt;

use event::{Fingerprint, IdempotencyKey, Timestamp};

/// A sink and an idempotency key: what happens once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    pub sink: String,
    pub key: IdempotencyKey,
}

/// `<sink>#<key>`; a sink's name holds no `#`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.sink, self.key)
    }
}

/// What a store remembers of a key that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub fingerprint: Fingerprint,
    /// From here on the record counts as absent, whether or not the store has removed it: DynamoDB
    /// takes up to a few days
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>).
    pub expires_at: Timestamp,
}

impl Completed {
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// What a delivery with this payload is, now that the key has taken effect.
    #[must_use]
    pub fn judge(&self, delivered: &Fingerprint) -> Verdict {
        if self.fingerprint == *delivered {
            Verdict::Duplicate
        } else {
            Verdict::Conflict { first: self.fingerprint.clone() }
        }
    }
}

/// What became of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect now.
    Written,
    /// It had taken effect before.
    Duplicate,
    /// Its key had taken effect with another payload: never applied, never dropped.
    Conflict { first: Fingerprint },
}
