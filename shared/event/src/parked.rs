//! What a parked copy carries of the message that it is a copy of.
//!
//! A record that has to wait for more than a minute is sent to its own queue again, with a delay, and the received
//! message is deleted. For SQS the copy is a new message with its own id, time and receive count. One message attribute
//! of it describes the first message, as JSON. If the producer used all ten attributes that SQS allows, one of them is
//! stored inside this attribute, and [`Parked::original`] puts it back.

use serde::{Deserialize, Serialize};

use crate::attributes::{JsonAttribute, restored};
use crate::{Attribute, Attributes, Code, Failure, FailureKind, Timestamp};

/// The message attribute that holds a [`Parked`] as JSON.
pub const PARKED_ATTRIBUTE: &str = "sluicegate.parked";

/// The version that is written. A reader of a version also reads the one before.
///
/// | version | what changed |
/// | --- | --- |
/// | 1 | |
/// | 2 | `sender`: who sent the first message |
const FORMAT: u32 = 2;

/// The message that a parked copy stands for, and what became of it so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    parked_format: u32,
    /// The SQS id of the first message.
    pub message_id: String,
    /// When the first message was sent; absent if SQS did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The `SenderId` of the first message, as SQS gave it. Only copies in a queue have it to which anybody may send, and
    /// copies of the version before do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// How often it was tried: the receives of all earlier copies, without waits for an unavailable dependency.
    pub attempts: u32,
    /// How often it was parked, this time included.
    pub parks: u32,
    /// When it first failed or first had to wait.
    pub first_failed_at: Timestamp,
    /// Since when it has waited for a dependency that is known to be unavailable; absent if it waits for another
    /// reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_since: Option<Timestamp>,
    /// The time before which it is not to be tried, if that is later than the longest delay of SQS allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The code of the failure for which it was parked last.
    pub code: Code,
    /// Why it was parked last, in a sentence.
    pub reason: String,
    /// The JSON Pointer or the line of a file that the reason is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    displaced: Option<(String, Attribute)>,
}

impl Parked {
    /// A message that is parked for the first time, after its first failure.
    #[must_use]
    pub fn new(
        message_id: &str,
        sent_at: Option<Timestamp>,
        failure: &Failure,
        now: Timestamp,
    ) -> Self {
        Self {
            parked_format: FORMAT,
            message_id: message_id.to_owned(),
            sent_at,
            sender: None,
            attempts: 1,
            parks: 1,
            first_failed_at: now,
            unavailable_since: None,
            not_before: None,
            code: failure.code,
            reason: failure.reason.clone().into_owned(),
            at: failure.at.clone(),
            displaced: None,
        }
    }

    /// Takes over what an earlier copy of the same message says about it.
    #[must_use]
    pub fn following(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier {
            self.message_id.clone_from(&earlier.message_id);
            self.sent_at = earlier.sent_at;
            self.sender.clone_from(&earlier.sender);
            self.parks = earlier.parks.saturating_add(1);
            self.first_failed_at = earlier.first_failed_at;
            self.unavailable_since = earlier.unavailable_since;
        }
        self
    }

    /// The parked message, if a message's attributes say that it is a copy.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        serde_json::from_str(&attributes.get(PARKED_ATTRIBUTE)?.value).ok()
    }

    /// Why it was parked last, as a transient failure.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let reason = self.reason.clone().into();
        Failure { kind: FailureKind::Transient, code: self.code, reason, at: self.at.clone() }
    }

    /// The attributes of the copy, made from those of the message. They take at most `room` bytes as SQS counts them
    /// ([`crate::attributes_size`]), if possible: first the reason is shortened, then the place. Counts, times and the
    /// id are never left out.
    #[must_use]
    pub fn write_within(self, attributes: Attributes, room: usize) -> Attributes {
        self.added_to(attributes, room)
    }

    /// The message's attributes as they were before it was parked, from those of the copy.
    #[must_use]
    pub fn original(&self, attributes: Attributes) -> Attributes {
        restored(attributes, PARKED_ATTRIBUTE, self.displaced.as_ref())
    }
}

impl JsonAttribute for Parked {
    const NAME: &'static str = PARKED_ATTRIBUTE;

    fn displaced(&mut self) -> &mut Option<(String, Attribute)> {
        &mut self.displaced
    }

    fn reason(&mut self) -> &mut String {
        &mut self.reason
    }

    fn at(&mut self) -> &mut Option<String> {
        &mut self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FAILURE_ATTRIBUTE, attributes_size};

    fn time(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn attributes(count: usize) -> Attributes {
        (0..count).map(|n| (format!("a{n}"), Attribute::string("v"))).collect()
    }

    fn parked(reason: &str) -> Parked {
        let why = Failure::transient(Code::DependencyUnavailable, reason.to_owned()).at("/a/b");
        Parked::new("m-1", Some(time(500)), &why, time(1_000))
    }

    #[test]
    fn a_copy_tells_of_its_message_and_gives_its_attributes_back() {
        for count in [0, 3, 9, 10] {
            let before = attributes(count);
            let copy = parked("away").write_within(before.clone(), usize::MAX);
            assert!(copy.len() <= 10, "{count}: {copy:?}");
            let read = Parked::read(&copy).unwrap();
            assert_eq!(read.original(copy), before, "{count}");
            assert_eq!((read.message_id.as_str(), read.sent_at), ("m-1", Some(time(500))));
            assert_eq!((read.attempts, read.parks, read.first_failed_at), (1, 1, time(1_000)));
            assert_eq!(read.failure().at.as_deref(), Some("/a/b"));
        }
    }

    /// A dead letter that was redriven with ten attributes is parked.
    #[test]
    fn an_earlier_failure_stays_beside_it() {
        let mut before = attributes(9);
        before.insert(FAILURE_ATTRIBUTE.to_owned(), Attribute::string("{}"));
        let copy = parked("away").write_within(before.clone(), usize::MAX);
        assert!(copy.contains_key(FAILURE_ATTRIBUTE) && copy.len() == 10, "{copy:?}");
        assert_eq!(Parked::read(&copy).unwrap().original(copy), before);
    }

    #[test]
    fn a_later_park_is_of_the_first_message() {
        let mut first = parked("away");
        first.unavailable_since = Some(time(2_000));
        first.not_before = Some(time(3_000));
        let why = Failure::throttled(None, "later");
        let later = Parked::new("m-2", Some(time(9_000)), &why, time(9_500));
        let second = later.clone().following(Some(&first));
        assert_eq!((second.message_id.as_str(), second.sent_at), ("m-1", Some(time(500))));
        assert_eq!((second.parks, second.first_failed_at), (2, time(1_000)));
        assert_eq!((second.unavailable_since, second.not_before), (Some(time(2_000)), None));
        assert_eq!((second.code, second.reason.as_str()), (Code::DependencyThrottled, "later"));
        assert_eq!(later.clone().following(None), later);
    }

    #[test]
    fn the_reason_gives_way_where_a_message_has_little_room() {
        let whole = attributes_size(&parked("it is away").write_within(attributes(1), usize::MAX));
        for (less, reason, at) in
            [(0, "it is away", "/a/b"), (1, "it is …", "/a/b"), (7, "…", "/a/b"), (8, "…", "…")]
        {
            let copy = parked("it is away").write_within(attributes(1), whole - less);
            assert!(attributes_size(&copy) <= whole - less, "{less} less");
            let read = Parked::read(&copy).unwrap();
            assert_eq!(
                (read.reason.as_str(), read.at.as_deref()),
                (reason, Some(at)),
                "{less} less"
            );
            assert_eq!((read.message_id, read.parks), ("m-1".to_owned(), 1));
        }
    }

    #[test]
    fn what_is_no_parked_copy_is_none() {
        assert_eq!(Parked::read(&attributes(2)), None);
        for text in ["", "{}", "[]", "{\"parked_format\":1}"] {
            let claimed = [(PARKED_ATTRIBUTE.to_owned(), Attribute::string(text))];
            assert_eq!(Parked::read(&claimed.into()), None, "{text}");
        }
    }
}
