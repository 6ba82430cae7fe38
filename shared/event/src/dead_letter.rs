//! A dead letter: the original body, with a message attribute that says why it is there.
//!
//! The body is unchanged, so that AWS's own redrive works on it too. The whole failure is in one attribute, as JSON,
//! because SQS allows ten attributes and nine are left to the producer. If the producer used all ten, one of them is
//! stored inside the failure, and [`DeadLetter::original`] puts it back. If a message leaves too little room, the
//! reason is shortened.

mod group;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::attributes::{FAILURE_ATTRIBUTE, JsonAttribute, restored};
use crate::{Attribute, Attributes, Code, Failure, FailureKind, Timestamp};

pub use self::group::{ContractRef, FailureFingerprint};

/// The version that is written. A letter without a version is of version 1. A reader of a version also reads the one
/// before.
///
/// | version | what changed |
/// | --- | --- |
/// | 1 | |
/// | 2 | `fingerprint`, `dataset` and `contract_version`; a CSV record has its header with it ([`crate::CsvHeader`]) |
/// | 3 | `redrive`: the letter of the store that it was, the run that brought it back, and until when its keys are
/// remembered |
/// | 4 | `sender`: who sent the message first |
const FORMAT: u32 = 4;

const FIRST_WITH_FINGERPRINT: u32 = 2;

fn first_format() -> u32 {
    1
}

/// A limit on the name of a dataset, because a message can name anything. It is longer than any name in a contract.
const LONGEST_DATASET: usize = 64;

/// How the body holds the original bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The body is the original text.
    #[default]
    Text,
    /// The body is the original bytes in Base64, because an SQS body cannot hold them as they are.
    Base64,
    /// The original bytes are stored elsewhere, and the body says where. No message had room for them and the failure.
    Claim,
}

/// What the body of a dead letter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A message as it was, or text that should have been an event.
    #[default]
    Message,
    /// A record of a CSV file. It can be read again with the header in [`crate::CsvHeader`]. Letters of version 1 have
    /// no header and cannot be read again.
    Csv,
    /// The place in a file of a line that no message could hold. There is nothing to read again.
    Place,
}

/// The redrive that brought a letter of the letter store back. A message with this mark that fails again is recognized
/// as that letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveMark {
    /// The letter's id in the store.
    pub letter: String,
    /// The run that redrove it.
    pub run: String,
    /// How often runs have redriven it, this time included.
    pub count: u32,
    /// Until when each sink remembers the key of the event, however old the event is, because the run has extended
    /// that. If it is absent, keys are remembered for as long as the contract says, counted from when the event was
    /// taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_until: Option<Timestamp>,
}

/// Why a message is in a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    #[serde(default = "first_format", skip_serializing_if = "is_first")]
    letter_format: u32,
    /// The stage that gave up: `ingest`, `enrich`, `sink`, `lake`, `deliver` or the stage of a custom sink.
    pub stage: String,
    /// The code of the failure.
    pub code: Code,
    /// The name of the failure's kind ([`FailureKind::name`]).
    pub kind: String,
    /// What went wrong, in a sentence.
    pub reason: String,
    /// The JSON Pointer, the line of a file, or, for a panic, the place in the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The fingerprint as it was written. [`DeadLetter::fingerprint`] has it for all letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<FailureFingerprint>,
    /// The dataset of the event; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The version of the contract's schema that the event was held to; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_version: Option<u32>,
    /// When the message that failed first was sent, or, for a line of a file, when the line was first read. No effect
    /// of the event is older. Letters of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_in_at: Option<Timestamp>,
    /// When it failed for the first time, in any of its lives.
    pub first_failed_at: Timestamp,
    /// When it failed for the last time.
    pub last_failed_at: Timestamp,
    /// How often it was tried in this life, the last time included. The receives of its parked copies count, and waits
    /// for an unavailable dependency do not.
    pub attempts: u32,
    /// How often it was parked in this life.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parks: u32,
    /// Since when, in this life, it waited for a dependency that was known to be unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_since: Option<Timestamp>,
    /// How often it was brought back from a dead-letter queue, by any means.
    #[serde(default)]
    pub redrives: u32,
    /// The run that brought it back last; absent if it was brought back by other means or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<RedriveMark>,
    /// The SQS id of the message when it first failed.
    pub message_id: String,
    /// The `SenderId` of the message when it first failed, as SQS gave it. Only letters of messages have it to which
    /// anybody may send, and letters of earlier versions do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The W3C trace context of the event; absent if it had none, or the message had no room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// How the body holds the original bytes.
    #[serde(default)]
    pub encoding: Encoding,
    /// What the body is.
    #[serde(default, skip_serializing_if = "is_message")]
    pub form: Form,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    displaced: Option<(String, Attribute)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_message(form: &Form) -> bool {
    *form == Form::Message
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(format: &u32) -> bool {
    *format == first_format()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl DeadLetter {
    /// The letter of a first failure.
    #[must_use]
    pub fn new(stage: &str, failure: &Failure, now: Timestamp, message_id: &str) -> Self {
        Self {
            letter_format: FORMAT,
            stage: stage.to_owned(),
            code: failure.code,
            kind: failure.kind.name().to_owned(),
            reason: failure.reason.clone().into_owned(),
            at: failure.at.clone(),
            fingerprint: None,
            dataset: None,
            contract_version: None,
            taken_in_at: None,
            first_failed_at: now,
            last_failed_at: now,
            attempts: 1,
            parks: 0,
            unavailable_since: None,
            redrives: 0,
            redrive: None,
            message_id: message_id.to_owned(),
            sender: None,
            traceparent: None,
            encoding: Encoding::Text,
            form: Form::Message,
            displaced: None,
        }
    }

    /// The letter in a message's attributes, if there is one.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        serde_json::from_str(&attributes.get(FAILURE_ATTRIBUTE)?.value).ok()
    }

    /// The letter of an event that was held to this contract.
    #[must_use]
    pub fn held_to(mut self, contract: Option<ContractRef>) -> Self {
        if let Some(ContractRef { dataset, version }) = contract {
            self.dataset = Some(dataset.chars().take(LONGEST_DATASET).collect());
            self.contract_version = version;
        }
        self
    }

    /// The fingerprint that groups it with letters of the same cause. It is the one that was written. For a letter of
    /// version 1, or one that was not written yet, it is derived from the letter.
    #[must_use]
    pub fn fingerprint(&self) -> FailureFingerprint {
        self.fingerprint.clone().unwrap_or_else(|| {
            let (at, dataset) = (self.at.as_deref(), self.dataset.as_deref());
            FailureFingerprint::of(&self.stage, self.code, at, dataset, self.contract_version)
        })
    }

    /// Takes over what the letter of an earlier life says: when the event was taken in and first failed, who sent it,
    /// its redrives, and how the body holds it.
    #[must_use]
    pub fn following(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier {
            self.taken_in_at = Some(earlier.taken_in());
            self.first_failed_at = earlier.first_failed_at;
            self.redrives = earlier.redrives;
            self.redrive.clone_from(&earlier.redrive);
            self.message_id.clone_from(&earlier.message_id);
            self.sender.clone_from(&earlier.sender);
            self.traceparent = self.traceparent.or_else(|| earlier.traceparent.clone());
            self.encoding = earlier.encoding;
            self.form = earlier.form;
            self.displaced.clone_from(&earlier.displaced);
        }
        self
    }

    /// When the event was first taken in, as far as it is known.
    #[must_use]
    pub fn taken_in(&self) -> Timestamp {
        self.taken_in_at.unwrap_or(self.first_failed_at)
    }

    /// The failure that the letter describes, as a permanent one.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let reason = self.reason.clone().into();
        Failure { kind: FailureKind::Permanent, code: self.code, reason, at: self.at.clone() }
    }

    /// The attributes of the dead letter, made from those of the message.
    #[must_use]
    pub fn write(self, attributes: Attributes) -> Attributes {
        self.write_within(attributes, usize::MAX)
    }

    /// The same as [`DeadLetter::write`], in at most `room` bytes as SQS counts them ([`crate::attributes_size`]), if
    /// possible. First the reason is shortened, then the place. Then the trace is left out, the contract, and at last
    /// the fingerprint. The stage, code, kind and times are never left out.
    #[must_use]
    pub fn write_within(mut self, attributes: Attributes, room: usize) -> Attributes {
        if self.letter_format >= FIRST_WITH_FINGERPRINT {
            // The fingerprint is derived from the whole place, so it is set before the place is shortened.
            self.fingerprint = Some(self.fingerprint());
        }
        self.added_to(attributes, room)
    }

    /// The attributes with which a dead letter is sent back, in at most `room` bytes. They include the failure, so that
    /// a second failure knows of the first one, with one redrive more and with the run that brings it back.
    #[must_use]
    pub fn revive(attributes: Attributes, room: usize, redrive: Option<RedriveMark>) -> Attributes {
        let Some(mut failure) = Self::read(&attributes) else { return attributes };
        failure.redrives = failure.redrives.saturating_add(1);
        failure.redrive = redrive;
        failure.write_within(attributes, room)
    }

    /// Drops the attribute that the failure displaced. It is for a caller that stores that attribute elsewhere.
    pub fn forget_displaced(&mut self) {
        self.displaced = None;
    }

    /// The message's attributes as its producer sent them, from those of the dead letter.
    #[must_use]
    pub fn original(&self, attributes: Attributes) -> Attributes {
        restored(attributes, FAILURE_ATTRIBUTE, self.displaced.as_ref())
    }
}

impl JsonAttribute for DeadLetter {
    const NAME: &'static str = FAILURE_ATTRIBUTE;

    fn displaced(&mut self) -> &mut Option<(String, Attribute)> {
        &mut self.displaced
    }

    fn reason(&mut self) -> &mut String {
        &mut self.reason
    }

    fn at(&mut self) -> &mut Option<String> {
        &mut self.at
    }

    /// Leaves out the trace, then the contract, which the event or its message names too, and then the fingerprint.
    fn leave_out(&mut self) -> bool {
        if self.traceparent.take().is_some() {
            return true;
        }
        let had_version = self.contract_version.take().is_some();
        if self.dataset.take().is_some() || had_version {
            return true;
        }
        self.fingerprint.take().is_some()
    }
}

impl Encoding {
    /// The bytes as an SQS body: as they are if SQS accepts them, and otherwise in Base64.
    ///
    /// SQS accepts `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    #[must_use]
    pub fn of(bytes: &[u8]) -> (Self, String) {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && text.chars().all(is_allowed_in_body) => {
                (Self::Text, text.to_owned())
            }
            _ => (Self::Base64, STANDARD.encode(bytes)),
        }
    }

    /// The original bytes of a body. `None` if they are stored elsewhere, or the body is not valid Base64 although it
    /// should be.
    #[must_use]
    pub fn decode(self, body: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(body.as_bytes().to_vec()),
            Self::Base64 => STANDARD.decode(body).ok(),
            Self::Claim => None,
        }
    }
}

/// Whether SQS accepts this character in a body. A `char` is never a surrogate.
fn is_allowed_in_body(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
