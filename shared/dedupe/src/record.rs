//! A dedupe record, and the verdict on a second delivery of its key.

use std::fmt;

use event::{Fingerprint, IdempotencyKey, Timestamp};

/// A sink and an idempotency key. The pair takes effect once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The name of the sink, which is unique among all sinks and has no `#`.
    pub sink: String,
    /// The key of the event.
    pub key: IdempotencyKey,
}

/// `<sink>#<key>`. A sink's name has no `#`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.sink, self.key)
    }
}

/// Who claimed a key. An owner is never used twice, so that nobody completes or removes a claim that
/// another attempt holds by now.
///
/// For objects the owner is also the object's key: one owner writes one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

impl Owner {
    /// The name of the owner. For objects it is the object's key.
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

/// What the store knows of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DedupeRecord {
    /// An attempt to let it take effect is under way.
    InProgress(InProgress),
    /// It took effect.
    Completed(Completed),
}

/// A claim on a key, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InProgress {
    /// The attempt that holds the claim.
    pub owner: Owner,
    /// Until this time the owner is assumed to be at work. No promise depends on that: an owner that
    /// works for longer is fenced.
    pub lease_ends_at: Timestamp,
    /// The payload that the attempt writes.
    pub fingerprint: Fingerprint,
    /// From this time on the claim counts as absent.
    pub expires_at: Timestamp,
}

/// A key that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completed {
    /// The payload that took effect.
    pub fingerprint: Fingerprint,
    /// Where the effect is, if the sink has more than one place. A compaction of a lake may have moved it
    /// to another object since.
    pub place: Option<String>,
    /// From this time on the record counts as absent, even if the store still has it. DynamoDB takes up
    /// to a few days to remove it
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>).
    pub expires_at: Timestamp,
}

impl DedupeRecord {
    /// From this time on the record counts as absent.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match self {
            Self::InProgress(claim) => claim.expires_at,
            Self::Completed(completed) => completed.expires_at,
        }
    }

    /// Whether the record counts as absent at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at() <= now
    }
}

impl Completed {
    /// The verdict on a delivery with this payload, now that the key has taken effect.
    #[must_use]
    pub fn judge(&self, delivered: &Fingerprint) -> Verdict {
        Verdict::after(&self.fingerprint, delivered)
    }
}

/// What became of one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The event took effect now.
    Written,
    /// The event had taken effect before.
    Duplicate,
    /// The event is older than the content of its target. Its key is remembered, and nothing was changed.
    Stale,
    /// The key had taken effect with another payload. The event is neither applied nor dropped.
    Conflict {
        /// The payload that took effect.
        first: Fingerprint,
    },
}

impl Verdict {
    /// The verdict on a delivery whose key has taken effect with the payload `first`.
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
