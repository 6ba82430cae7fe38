//! An entry: what the store's index knows of a letter, and the place of its message.

use event::{Attributes, Code, FailureFingerprint, Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

use crate::{Letter, LetterId, LetterState};

/// The version of the stored form of an [`Entry`] and of a [`StoredMessage`].
pub const LETTER_STORE_FORMAT: u32 = 1;

/// The number of partitions of the index that the letters of one state are spread over. The last hexadecimal digit of a
/// letter's id chooses the partition.
pub const SHARDS: u8 = 16;

/// What the index knows of a letter: the values by which it is listed, grouped and selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the stored form: [`LETTER_STORE_FORMAT`] when it was written.
    pub entry_format: u32,
    /// The id of the letter; see [`LetterId::of`].
    pub id: LetterId,
    /// The stage that gave up on the message. A redrive sends it back to this stage.
    pub stage: String,
    /// The code of the last failure.
    pub code: Code,
    /// The name of the last failure's kind, as its dead letter had it ([`event::FailureKind`]).
    pub kind: String,
    /// Why it failed last, in a sentence, shortened by collect.
    pub reason: String,
    /// Where it failed: a JSON Pointer into the payload, the line of a file, or, for a panic, the place in the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The fingerprint that it shares with other letters of the same cause.
    pub group: FailureFingerprint,
    /// The dataset of its event; absent if the failure did not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The version of the contract's schema that the event was held to; absent if it was held to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_version: Option<u32>,
    /// The tenant of its event; absent if the dataset's contract does not say where a payload names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The SQS id of its message when it first failed.
    pub message_id: String,
    /// When its event was first taken in.
    pub taken_in_at: Timestamp,
    /// Until when the event's keys are remembered, if a redrive has extended that ([`event::RedriveMark`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_until: Option<Timestamp>,
    /// When it failed for the first time, in any of its lives.
    pub first_failed_at: Timestamp,
    /// When it failed for the last time.
    pub last_failed_at: Timestamp,
    /// When it was first collected into the store.
    pub collected_at: Timestamp,
    /// How often it was tried in its last life.
    pub attempts: u32,
    /// How often it was parked in its last life.
    #[serde(default)]
    pub parks: u32,
    /// How often it was redriven by any means, as its message says.
    #[serde(default)]
    pub redrives: u32,
    /// The W3C trace context of its event; absent if the failure carried none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The SQS ids of the last few messages that it was collected from, as their dead-letter queues gave them. A
    /// message that SQS delivers again is recognized by its id, and does not count as another message of the letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected_as: Vec<String>,
    /// Whether SQS itself moved the message to the dead-letter queue. In that case no stage gave a reason, and the
    /// failure is made from the message's receives.
    #[serde(default)]
    pub is_moved_by_sqs: bool,
    /// The size of its message's body in bytes. Of an event that is too large for a message, it is the size of the body
    /// that is in the archive bucket.
    pub bytes: u64,
    /// The place of its message as it failed last.
    pub place: Place,
    /// The place of its message as it was collected first; absent if it has not come back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Place>,
}

impl Entry {
    /// The bytes that its message takes in memory once it is read, wherever its body is.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.place.length.max(self.bytes)
    }
}

/// A part of an object in the store's bucket: one line, without its line feed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The key of the object.
    pub object: String,
    /// Where the line begins in the object, in bytes.
    pub offset: u64,
    /// The length of the line in bytes.
    pub length: u64,
}

/// A letter's message as it was in its dead-letter queue. It is one line of JSON in a segment, an object that holds the
/// letters that were collected together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// The version of the stored form: [`LETTER_STORE_FORMAT`] when it was written.
    pub message_format: u32,
    /// The id of the letter.
    pub id: LetterId,
    /// The stage that the dead-letter queue belongs to.
    pub stage: String,
    /// The message's body, unchanged.
    pub body: String,
    /// The message's attributes. One of them says why the message failed ([`event::DeadLetter`]).
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The message group id, which messages of FIFO queues and of fair queues have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The SQS id of the message in the dead-letter queue.
    pub message_id: String,
    /// When the message was sent (`SentTimestamp`); absent if SQS did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// How often the message was received (`ApproximateReceiveCount`).
    pub receive_count: u32,
    /// The ARN of the queue that SQS moved the message from; absent if a stage sent it to the dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
}

/// A letter of the index: its entry, and where it is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// What the index knows of it.
    pub entry: Entry,
    /// Its state and its redrives.
    pub letter: Letter,
}

/// The name of a letter's state. The index lists the letters of one state together, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterStateName {
    /// Waits for an operator; see [`LetterState::Dead`].
    Dead,
    /// Sent by a run, and not back since; see [`LetterState::Redriven`].
    Redriven,
    /// Not to be redriven until an operator releases it; see [`LetterState::Quarantined`].
    Quarantined,
    /// Put aside by an operator; see [`LetterState::Discarded`].
    Discarded,
}

impl Entry {
    /// The key by which the index sorts the letters of a state: the time of collection, `#`, and the id.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{}#{}", self.collected_at, self.id.0)
    }
}

impl LetterId {
    /// The id of a letter when it is collected for the first time. It is the same for each copy of one message, and
    /// each time that a copy is collected.
    ///
    /// It is the first 20 hexadecimal digits of the SHA-256 of the stage, the message id and the hexadecimal SHA-256 of
    /// the body, with a line feed between them.
    #[must_use]
    pub fn of(stage: &str, message_id: &str, body: &str) -> Self {
        let body = hex_sha256(body.as_bytes());
        let mut digits = hex_sha256(format!("{stage}\n{message_id}\n{body}").as_bytes());
        digits.truncate(20);
        Self(digits)
    }

    /// The partition of the index that it is in, from 0 to [`SHARDS`] - 1.
    #[must_use]
    pub fn shard(&self) -> u8 {
        let last = self.0.chars().last().and_then(|digit| digit.to_digit(16));
        u8::try_from(last.unwrap_or(0)).unwrap_or(0)
    }
}

impl LetterStateName {
    /// All states, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Dead, Self::Redriven, Self::Quarantined, Self::Discarded];

    /// The name in stored entries and in requests.
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
    /// The name of this state: letters of one name are listed together.
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
