//! A dead letter: the original body, and in one message attribute why it is there.
//!
//! The body is untouched, so that AWS's own redrive works on it too. All of the failure is one
//! attribute, as JSON: SQS allows ten, and nine are left to the producer. If the producer used all
//! ten, one of them is kept inside the failure: [`DeadLetter::original`] gives it back. Where a message
//! leaves too little room, the reason is shortened.

mod group;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::attributes::{FAILURE_ATTRIBUTE, JsonAttribute, restored};
use crate::{Attribute, Attributes, Code, Failure, FailureKind, Timestamp};

pub use self::group::{ContractRef, FailureFingerprint};

/// The version of what is written. A letter without one is of version 1. A reader of a version reads the one
/// before, too.
///
/// | version | what changed |
/// | --- | --- |
/// | 1 | |
/// | 2 | `fingerprint`, `dataset` and `contract_version`; the header of a CSV record is with it ([`crate::CsvHeader`]) |
/// | 3 | `redrive`: the letter of the store that it was, the run that brought it back, and until when its keys are remembered |
const FORMAT: u32 = 3;

const FIRST_WITH_FINGERPRINT: u32 = 2;

fn first_format() -> u32 {
    1
}

/// More of a dataset's name than a contract can have: whoever sends a message may name any.
const LONGEST_DATASET: usize = 64;

/// How the body holds the original bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As they came.
    #[default]
    Text,
    /// In base64: they hold what an SQS body may not.
    Base64,
    /// Elsewhere: the body says where. No message had room for them and for the failure.
    Claim,
}

/// What the body of a dead letter stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A message as it was, or what should have been an event.
    #[default]
    Message,
    /// A record of a CSV file, which is read again by the header that is with it ([`crate::CsvHeader`]).
    /// Letters of version 1 have none, and cannot be read again.
    Csv,
    /// Where in a file a line is that no message could hold. There is nothing to be read again.
    Place,
}

/// What brought a letter of the letter store back: with this a message that fails again is known to be that letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveMark {
    /// The letter's id in the store.
    pub letter: String,
    /// The run that redrove it.
    pub run: String,
    /// How often runs have redriven it, this time included.
    pub count: u32,
    /// Until when each key of its event is remembered by every sink, however long ago the event was taken in: the run
    /// has seen to it. `None`: as long as the contract says, from when it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_until: Option<Timestamp>,
}

/// Why a message is in a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    #[serde(default = "first_format", skip_serializing_if = "is_first")]
    letter_format: u32,
    /// The stage that gave up: `ingest`, `enrich`, `sink`, `lake`, `deliver` or a sink of one's own.
    pub stage: String,
    pub code: Code,
    pub kind: String,
    pub reason: String,
    /// The JSON Pointer, the line of a file, or, of a panic, the place in the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// As it was written; [`DeadLetter::fingerprint`] tells it of any letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<FailureFingerprint>,
    /// The dataset that the event is of, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The version of its contract that the event was held to, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_version: Option<u32>,
    /// When the message that failed first was sent, or, of a line of a file, when it was first read:
    /// none of its effects is older. Letters of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_in_at: Option<Timestamp>,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// How often it was tried in this life, the last time included: what its parked copies were received
    /// counts, and what was a wait for an unavailable dependency does not.
    pub attempts: u32,
    /// How often it was parked in this life.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parks: u32,
    /// Since when in this life it waited for a dependency that was known to be unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_since: Option<Timestamp>,
    /// How often it was brought back from a dead-letter queue.
    #[serde(default)]
    pub redrives: u32,
    /// What brought it back last, if a run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<RedriveMark>,
    /// The message's id when it first failed.
    pub message_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(default)]
    pub encoding: Encoding,
    #[serde(default, skip_serializing_if = "is_message")]
    pub form: Form,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    displaced: Option<(String, Attribute)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_message(form: &Form) -> bool {
    *form == Form::Message
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_first(format: &u32) -> bool {
    *format == first_format()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl DeadLetter {
    /// A first failure.
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
            traceparent: None,
            encoding: Encoding::Text,
            form: Form::Message,
            displaced: None,
        }
    }

    /// What a message's attributes say of an earlier life, if they do.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        serde_json::from_str(&attributes.get(FAILURE_ATTRIBUTE)?.value).ok()
    }

    /// The same, of an event that is held to this contract.
    #[must_use]
    pub fn held_to(mut self, contract: Option<ContractRef>) -> Self {
        if let Some(ContractRef { dataset, version }) = contract {
            self.dataset = Some(dataset.chars().take(LONGEST_DATASET).collect());
            self.contract_version = version;
        }
        self
    }

    /// What groups it with others of the same cause: as it was written, or, of a letter that was not written
    /// yet or is of version 1, by what it says.
    #[must_use]
    pub fn fingerprint(&self) -> FailureFingerprint {
        self.fingerprint.clone().unwrap_or_else(|| {
            let (at, dataset) = (self.at.as_deref(), self.dataset.as_deref());
            FailureFingerprint::of(&self.stage, self.code, at, dataset, self.contract_version)
        })
    }

    /// Carries on what an earlier life had told, and how the body was held in it.
    #[must_use]
    pub fn following(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier {
            self.taken_in_at = Some(earlier.taken_in());
            self.first_failed_at = earlier.first_failed_at;
            self.redrives = earlier.redrives;
            self.redrive.clone_from(&earlier.redrive);
            self.message_id.clone_from(&earlier.message_id);
            self.traceparent = self.traceparent.or_else(|| earlier.traceparent.clone());
            self.encoding = earlier.encoding;
            self.form = earlier.form;
            self.displaced.clone_from(&earlier.displaced);
        }
        self
    }

    /// When it was first taken in, as far as it is known.
    #[must_use]
    pub fn taken_in(&self) -> Timestamp {
        self.taken_in_at.unwrap_or(self.first_failed_at)
    }

    /// The failure that it tells of, once more: permanent.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let reason = self.reason.clone().into();
        Failure { kind: FailureKind::Permanent, code: self.code, reason, at: self.at.clone() }
    }

    /// The attributes of the dead letter, from those of the message.
    #[must_use]
    pub fn write(self, attributes: Attributes) -> Attributes {
        self.write_within(attributes, usize::MAX)
    }

    /// As [`DeadLetter::write`], in at most so many bytes as SQS counts them ([`crate::attributes_size`]), as
    /// far as that can be: the reason is shortened, then the place; then the trace goes, the contract, and
    /// last the fingerprint. Stage, code, kind and times stay, whatever the size.
    #[must_use]
    pub fn write_within(mut self, attributes: Attributes, room: usize) -> Attributes {
        if self.letter_format >= FIRST_WITH_FINGERPRINT {
            // Before the place is shortened, which is part of it.
            self.fingerprint = Some(self.fingerprint());
        }
        self.added_to(attributes, room)
    }

    /// The attributes with which a dead letter goes back, in at most so many bytes: its own and, so
    /// that a second failure knows of the first, the failure with one redrive more, and with what brought it back.
    #[must_use]
    pub fn revive(attributes: Attributes, room: usize, redrive: Option<RedriveMark>) -> Attributes {
        let Some(mut failure) = Self::read(&attributes) else { return attributes };
        failure.redrives = failure.redrives.saturating_add(1);
        failure.redrive = redrive;
        failure.write_within(attributes, room)
    }

    /// Lets go of the attribute that it displaced: it is kept somewhere else.
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

    /// The trace; then the contract, which the event or its message names too; then the fingerprint.
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

    /// The original bytes of a body; `None` if it is not base64 that says it is, or if they are
    /// elsewhere.
    #[must_use]
    pub fn decode(self, body: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(body.as_bytes().to_vec()),
            Self::Base64 => STANDARD.decode(body).ok(),
            Self::Claim => None,
        }
    }
}

#[cfg(test)]
mod tests;
