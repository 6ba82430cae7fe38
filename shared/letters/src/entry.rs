//! What the store's index knows of a letter, and where its message is.

use event::{Attributes, Code, FailureFingerprint, Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

use crate::{Letter, LetterId, LetterState};

/// The version in which an entry, and a message of a segment, is written.
pub const LETTER_STORE_FORMAT: u32 = 1;

/// Letters of one shelf are spread over so many partitions of the index, by the last hexadecimal digit of their ids.
pub const SHARDS: u8 = 16;

/// What the index knows of a letter: what it is listed, grouped and chosen by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub entry_format: u32,
    pub id: LetterId,
    /// The stage that gave up, and to which it goes back.
    pub stage: String,
    pub code: Code,
    pub kind: String,
    pub reason: String,
    /// The JSON Pointer, the line of a file, or, of a panic, the place in the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What groups it with others of one cause.
    pub group: FailureFingerprint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_version: Option<u32>,
    /// Whose event it is, where the dataset's contract says what tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The id of its message when it first failed.
    pub message_id: String,
    pub taken_in_at: Timestamp,
    /// Until when its event's keys are remembered, where a redrive has seen to that ([`event::RedriveMark`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_until: Option<Timestamp>,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// When it came into the store for the first time.
    pub collected_at: Timestamp,
    /// How often it was tried in its last life.
    pub attempts: u32,
    #[serde(default)]
    pub parks: u32,
    /// How often it was brought back, by whichever means, as its message says.
    #[serde(default)]
    pub redrives: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// SQS's ids of the messages that it was collected as, in their dead-letter queues; the last few of them. One that
    /// is delivered once more is known by its id, and is no other message of the letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected_as: Vec<String>,
    /// SQS itself moved it: there is no reason but what is known of its receives.
    #[serde(default)]
    pub is_moved_by_sqs: bool,
    /// Of its message's body.
    pub bytes: u64,
    /// Where its message is, as it failed last.
    pub place: Place,
    /// Where its message is as it was collected first, if it has come back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Place>,
}

/// A part of an object in the store's bucket: one line of it, without its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub object: String,
    pub offset: u64,
    pub length: u64,
}

/// A letter's message, as it was in its dead-letter queue: one line of JSON in a segment, which is an object with
/// the letters that were collected together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    pub message_format: u32,
    pub id: LetterId,
    pub stage: String,
    /// The body's characters, which are all that SQS keeps of a message.
    pub body: String,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The message group, of a FIFO queue or a fair one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// As SQS numbered it in the dead-letter queue.
    pub message_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    pub receive_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// A letter of the index: what is known of it, and where it is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub entry: Entry,
    pub letter: Letter,
}

/// Letters in one state, which are listed together, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterStateName {
    Dead,
    Redriven,
    Quarantined,
    Discarded,
}

impl Entry {
    /// What the index sorts a shelf's letters by: when each was collected, and its id.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{}#{}", self.collected_at, self.id.0)
    }
}

impl LetterId {
    /// The id of a letter when it is collected for the first time: the same for every copy of one message, and for
    /// every time that a copy is collected.
    ///
    /// It is the first 20 hexadecimal digits of the SHA-256 of stage, id and the body's SHA-256, with a line feed
    /// between them.
    #[must_use]
    pub fn of(stage: &str, message_id: &str, body: &str) -> Self {
        let body = hex_sha256(body.as_bytes());
        let mut digits = hex_sha256(format!("{stage}\n{message_id}\n{body}").as_bytes());
        digits.truncate(20);
        Self(digits)
    }

    /// Which partition of its shelf it is in.
    #[must_use]
    pub fn shard(&self) -> u8 {
        let last = self.0.chars().last().and_then(|digit| digit.to_digit(16));
        u8::try_from(last.unwrap_or(0)).unwrap_or(0)
    }
}

impl LetterStateName {
    pub const ALL: [Self; 4] = [Self::Dead, Self::Redriven, Self::Quarantined, Self::Discarded];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
        }
    }
}

impl LetterState {
    #[must_use]
    pub fn shelf(&self) -> LetterStateName {
        match self {
            Self::Dead => LetterStateName::Dead,
            Self::Redriven { .. } => LetterStateName::Redriven,
            Self::Quarantined => LetterStateName::Quarantined,
            Self::Discarded => LetterStateName::Discarded,
        }
    }
}
