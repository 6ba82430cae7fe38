//! Effects for tests of the dedupe protocols: numbers, which may meet at one target.

use dedupe::{Effect, Merged, OwnRecord, RecordId};
use event::{Fingerprint, Timestamp};

/// An effect that a test recognizes by its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TestEffect {
    /// The number, or the sum of several.
    pub value: usize,
    own: Option<(RecordId, Fingerprint, Option<Timestamp>)>,
    place: Option<(String, Meeting)>,
}

/// What two effects at one target do to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meeting {
    /// They add up.
    Add,
    /// The one with the greater value stays.
    Newest,
    /// Each of them needs its own transaction.
    Apart,
}

impl TestEffect {
    /// An effect without a target.
    #[must_use]
    pub fn new(value: usize) -> Self {
        Self { value, own: None, place: None }
    }

    /// Makes the effect its own dedupe record.
    #[must_use]
    pub fn own_record(mut self, own: OwnRecord<'_>) -> Self {
        self.own = Some((own.id.clone(), own.fingerprint.clone(), own.expires_at));
        self
    }

    /// Gives the effect a target, and what it does to others there.
    #[must_use]
    pub fn at(mut self, target: impl Into<String>, meeting: Meeting) -> Self {
        self.place = Some((target.into(), meeting));
        self
    }
}

impl Effect for TestEffect {
    fn target(&self) -> Option<&str> {
        self.place.as_ref().map(|(target, _)| target.as_str())
    }

    fn merge(&self, other: &Self) -> Merged<Self> {
        match self.place {
            Some((_, Meeting::Add)) => {
                let value = self.value + other.value;
                Merged::Both(Self { value, ..self.clone() })
            }
            Some((_, Meeting::Newest)) if other.value > self.value => Merged::Other,
            Some((_, Meeting::Newest)) => Merged::This,
            Some((_, Meeting::Apart)) | None => Merged::Apart,
        }
    }

    fn own_record(&self) -> Option<OwnRecord<'_>> {
        let (id, fingerprint, expires_at) = self.own.as_ref()?;
        Some(OwnRecord { id, fingerprint, expires_at: *expires_at })
    }
}
