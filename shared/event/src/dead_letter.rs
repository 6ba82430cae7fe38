//! A dead letter: the original body, and in one message attribute why it is there.
//!
//! The body is untouched, so that AWS's own redrive works on it too. All of the failure is one
//! attribute, as JSON: SQS allows ten, and nine are left to the producer. If the producer used all
//! ten, the last by name is kept inside the failure, and comes back with the redrive.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::noncharacters::escape_noncharacters;
use crate::{Code, Failure, Timestamp};

/// The message attribute that holds a [`DeadLetter`] as JSON.
pub const FAILURE_ATTRIBUTE: &str = "sluicegate.failure";

/// SQS allows ten message attributes:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const MOST_ATTRIBUTES: usize = 10;

/// Message attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One SQS message attribute: a type (`String`, `Number`, `Binary`, with an optional `.suffix`) and
/// a value; a binary one in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    #[serde(rename = "type")]
    pub data_type: String,
    pub value: String,
}

impl Attribute {
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: value.into() }
    }
}

/// How the body holds the original bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As they came.
    #[default]
    Text,
    /// In base64: they hold what an SQS body may not.
    Base64,
}

/// Why a message is in a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The stage that gave up: `ingest`, `enrich`, `sink`, `lake`, `deliver` or a sink of one's own.
    pub stage: String,
    pub code: Code,
    pub kind: String,
    pub reason: String,
    /// The JSON Pointer, or the line of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// Receives in this life, the last one included.
    pub attempts: u32,
    /// How often it was brought back from a dead-letter queue.
    #[serde(default)]
    pub redrives: u32,
    /// The message's id when it first failed.
    pub message_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(default)]
    pub encoding: Encoding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    displaced: Option<(String, Attribute)>,
}

impl DeadLetter {
    /// A first failure.
    #[must_use]
    pub fn new(stage: &str, failure: &Failure, now: Timestamp, message_id: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            code: failure.code,
            kind: failure.kind.name().to_owned(),
            reason: failure.reason.clone().into_owned(),
            at: failure.at.clone(),
            first_failed_at: now,
            last_failed_at: now,
            attempts: 1,
            redrives: 0,
            message_id: message_id.to_owned(),
            traceparent: None,
            encoding: Encoding::Text,
            displaced: None,
        }
    }

    /// What a message's attributes say of an earlier life, if they do.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        serde_json::from_str(&attributes.get(FAILURE_ATTRIBUTE)?.value).ok()
    }

    /// Carries on what an earlier life had told.
    #[must_use]
    pub fn following(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier {
            self.first_failed_at = earlier.first_failed_at;
            self.redrives = earlier.redrives;
            self.message_id.clone_from(&earlier.message_id);
        }
        self
    }

    /// The attributes of the dead letter, from those of the message.
    #[must_use]
    pub fn write(mut self, mut attributes: Attributes) -> Attributes {
        attributes.remove(FAILURE_ATTRIBUTE);
        if attributes.len() >= MOST_ATTRIBUTES {
            self.displaced = attributes.pop_last();
        }
        if let Ok(json) = serde_json::to_string(&self) {
            let json = Attribute::string(escape_noncharacters(json));
            attributes.insert(FAILURE_ATTRIBUTE.to_owned(), json);
        }
        attributes
    }

    /// The attributes with which a dead letter goes back: its own and, so that a second failure
    /// knows of the first, the failure with one redrive more. Where there is no room for both, the
    /// producer's attribute comes back and the failure goes.
    #[must_use]
    pub fn revive(mut attributes: Attributes) -> Attributes {
        let Some(mut failure) = Self::read(&attributes) else { return attributes };
        if let Some((name, displaced)) = failure.displaced.take() {
            attributes.remove(FAILURE_ATTRIBUTE);
            attributes.insert(name, displaced);
            return attributes;
        }
        failure.redrives = failure.redrives.saturating_add(1);
        failure.write(attributes)
    }
}

impl Encoding {
    /// Bytes as an SQS body: as they are where SQS takes them, else in base64.
    ///
    /// SQS takes `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    #[must_use]
    pub fn of(bytes: &[u8]) -> (Self, String) {
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && text.chars().all(allowed) => {
                (Self::Text, text.to_owned())
            }
            _ => (Self::Base64, STANDARD.encode(bytes)),
        }
    }

    /// The original bytes of a body; `None` if it is not base64 that says it is.
    #[must_use]
    pub fn decode(self, body: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(body.as_bytes().to_vec()),
            Self::Base64 => STANDARD.decode(body).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> DeadLetter {
        let why = Failure::permanent(Code::KeyMissing, "nothing at `/id`").at("/id");
        DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(1_000), "m-1")
    }

    fn attributes(count: usize) -> Attributes {
        (0..count).map(|n| (format!("a{n}"), Attribute::string("v"))).collect()
    }

    #[test]
    fn a_dead_letter_tells_its_reason_from_its_attributes_alone() {
        let read = DeadLetter::read(&failure().write(attributes(2))).unwrap();
        assert_eq!(read, failure());
    }

    #[test]
    fn ten_attributes_of_the_producer_come_back_with_the_redrive() {
        let before = attributes(10);
        let dead = failure().write(before.clone());
        assert_eq!(dead.len(), 10);
        assert_eq!(DeadLetter::read(&dead).unwrap().code, Code::KeyMissing);
        assert_eq!(DeadLetter::revive(dead), before);
    }

    #[test]
    fn a_second_failure_remembers_the_first() {
        let revived = DeadLetter::revive(failure().write(attributes(1)));
        let earlier = DeadLetter::read(&revived);
        let why = Failure::transient(Code::DependencyUnavailable, "away");
        let again = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(9_000), "m-2")
            .following(earlier.as_ref());
        assert_eq!((again.redrives, again.message_id.as_str()), (1, "m-1"));
        assert_eq!(again.first_failed_at, Timestamp::from_unix_ms(1_000));
        assert_eq!(again.last_failed_at, Timestamp::from_unix_ms(9_000));
    }

    #[test]
    fn a_message_that_sqs_moved_goes_back_as_it_is() {
        assert_eq!(DeadLetter::revive(attributes(3)), attributes(3));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_back_from_a_body(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let (encoding, body) = Encoding::of(&bytes);
            proptest::prop_assert_eq!(encoding.decode(&body), Some(bytes));
        }

        #[test]
        fn text_that_sqs_takes_stays_readable(text in "[a-z{}\":\\t ]{1,20}") {
            proptest::prop_assert_eq!(Encoding::of(text.as_bytes()), (Encoding::Text, text.clone()));
        }
    }
}
