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

/// Who claimed a key: never used twice, so that nobody completes or removes what another now holds.
///
/// For an object it is also where the object is: one owner writes one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

impl Owner {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a store remembers of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DedupeRecord {
    /// Somebody is about to let it take effect.
    InProgress(InProgress),
    /// It took effect.
    Completed(Completed),
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InProgress {
    pub owner: Owner,
    /// Until then its owner is taken to be alive. Nothing that must hold rests on it: an owner that
    /// lives longer is fenced.
    pub lease_ends_at: Timestamp,
    pub fingerprint: Fingerprint,
    pub expires_at: Timestamp,
}

/// A key that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completed {
    pub fingerprint: Fingerprint,
    /// Where the effect was put, unless the sink has one place for all. A lake's compaction may have put
    /// it together with others since.
    pub place: Option<String>,
    /// From here on the record counts as absent, whether or not the store has removed it: DynamoDB
    /// takes up to a few days
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>).
    pub expires_at: Timestamp,
}

impl DedupeRecord {
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match self {
            Self::InProgress(claim) => claim.expires_at,
            Self::Completed(completed) => completed.expires_at,
        }
    }

    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at() <= now
    }
}

impl Completed {
    /// What a delivery with this payload is, now that the key has taken effect.
    #[must_use]
    pub fn judge(&self, delivered: &Fingerprint) -> Verdict {
        Verdict::after(&self.fingerprint, delivered)
    }
}

/// What became of one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It took effect now.
    Written,
    /// It had taken effect before.
    Duplicate,
    /// What it would have changed is newer already: remembered, and changed nothing.
    Stale,
    /// Its key had taken effect with another payload: never applied, never dropped.
    Conflict { first: Fingerprint },
}

impl Verdict {
    /// Of a delivery whose key has taken effect with the payload `first`.
    pub(crate) fn after(first: &Fingerprint, delivered: &Fingerprint) -> Self {
        if first == delivered { Self::Duplicate } else { Self::Conflict { first: first.clone() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key under which a dedupe record is stored: with another one, everything that was written
    /// before would be written again.
    #[test]
    fn a_record_is_found_under_its_sink_and_its_key() {
        let key = IdempotencyKey::from("[\"UA\",\"2013-02-01\"]".to_owned());
        let id = RecordId { sink: "flights-table".to_owned(), key };
        assert_eq!(id.to_string(), "flights-table#[\"UA\",\"2013-02-01\"]");
    }

    #[test]
    fn an_owner_reads_as_it_was_named() {
        let owner = Owner::from("lake/flights/a1".to_owned());
        assert_eq!(owner.as_str(), "lake/flights/a1");
        assert_eq!(owner.to_string(), "lake/flights/a1");
    }
}
