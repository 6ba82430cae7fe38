//! What the dead-letter queues hold, read without receiving it.
//!
//! A letter holds an envelope, an event as it came in, or the announcement of an object that could
//! not be read at all; in whatever form, the event is found again.

use std::collections::{BTreeMap, BTreeSet};

use event::{Attribute, Attributes, DeadLetter, Envelope, FAILURE_ATTRIBUTE};
use local::Emulation;
use local::sqs::ReceivedMessage;
use serde_json::Value;

use super::input::Event;

/// The reason of a letter that says none: SQS itself moved it, after the last receive.
pub(crate) const UNEXPLAINED: &str = "sqs.max-receive-count";

/// The dead letters of all queues.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// Of envelopes: idempotency key and fingerprint.
    keys: BTreeSet<(String, String)>,
    /// Of events as they came in: how many of each.
    raw: BTreeMap<Vec<u8>, usize>,
    /// Of announcements: the keys of the objects.
    objects: BTreeSet<String>,
    /// Why, by stage: how many letters for each code.
    pub(crate) reasons: BTreeMap<String, BTreeMap<String, u64>>,
}

impl DeadLetters {
    pub(crate) fn of(world: &Emulation) -> Self {
        let mut letters = Self::default();
        for (queue, stage) in dead_letter_queues(world) {
            for message in world.sqs().peek(&queue) {
                letters.add(&message, &stage);
            }
        }
        letters
    }

    /// `stage` is the one whose queue it was, for a letter that does not say.
    fn add(&mut self, message: &ReceivedMessage, stage: &str) {
        let letter = failure_of(message);
        let (stage, code) = match &letter {
            Some(letter) => (letter.stage.as_str(), letter.code.as_str()),
            None => (stage, UNEXPLAINED),
        };
        let reasons = self.reasons.entry(stage.to_owned()).or_default();
        *reasons.entry(code.to_owned()).or_default() += 1;

        if let Ok(envelope) = Envelope::from_json(&message.body) {
            self.keys
                .insert((envelope.idempotencykey.to_string(), envelope.fingerprint.to_string()));
            return;
        }
        let announced = announced(&message.body);
        if !announced.is_empty() {
            self.objects.extend(announced);
            return;
        }
        let encoding = letter.map(|letter| letter.encoding).unwrap_or_default();
        let body = encoding.decode(&message.body).unwrap_or_default();
        *self.raw.entry(body.trim_ascii().to_vec()).or_default() += 1;
    }

    /// How many letters hold this event as it came in: by itself, or below its CSV header.
    pub(super) fn raw(&self, event: &Event) -> usize {
        let alone = self.raw.get(event.bytes.trim_ascii()).copied().unwrap_or(0);
        let Some(header) = &event.header else { return alone };
        let below = [header.as_slice(), event.bytes.as_slice()].join(b"\n".as_slice());
        alone + self.raw.get(below.trim_ascii()).copied().unwrap_or(0)
    }

    /// Whether the event's object is a letter as a whole.
    pub(super) fn has_object_of(&self, event: &Event) -> bool {
        event.object.as_ref().is_some_and(|object| self.objects.contains(object))
    }

    /// Whether a letter holds the envelope of this key and fingerprint.
    pub(super) fn has_envelope(&self, key: &str, fingerprint: &str) -> bool {
        self.keys.contains(&(key.to_owned(), fingerprint.to_owned()))
    }
}

/// Every dead-letter queue's name, with the stage that its letters come from.
pub(crate) fn dead_letter_queues(world: &Emulation) -> Vec<(String, String)> {
    let stack = world.stack();
    let stage_of = |queue_arn: &str| {
        let mapping = stack.mappings.iter().find(|mapping| mapping.queue_arn == queue_arn)?;
        let function = stack.functions.iter().find(|each| each.name == mapping.function)?;
        Some(function.binary.clone())
    };
    let mut queues = BTreeMap::new();
    for queue in &stack.queues {
        let policy = queue.attributes.get("RedrivePolicy");
        let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
        let target = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str());
        if let Some(dead) = stack.queues.iter().find(|dead| Some(dead.arn.as_str()) == target) {
            let stage = stage_of(&queue.arn).unwrap_or_else(|| queue.logical_id.clone());
            queues.insert(dead.name.clone(), stage);
        }
    }
    queues.into_iter().collect()
}

fn failure_of(message: &ReceivedMessage) -> Option<DeadLetter> {
    let value = message.message_attributes.get(FAILURE_ATTRIBUTE)?.string_value.clone()?;
    DeadLetter::read(&Attributes::from([(FAILURE_ATTRIBUTE.to_owned(), Attribute::string(value))]))
}

/// The keys of the objects that an S3 notification announces; the demo's own need no decoding.
fn announced(body: &str) -> Vec<String> {
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let key = |record: &Value| record["s3"]["object"]["key"].as_str().map(str::to_owned);
    records.iter().filter_map(key).collect()
}

#[cfg(test)]
impl DeadLetters {
    pub(super) fn with_envelope(mut self, key: &str, fingerprint: &str) -> Self {
        self.keys.insert((key.to_owned(), fingerprint.to_owned()));
        self
    }

    pub(super) fn with_body(mut self, body: &str) -> Self {
        let message = ReceivedMessage {
            message_id: String::new(),
            receipt_handle: String::new(),
            body: body.to_owned(),
            md5_of_body: String::new(),
            attributes: BTreeMap::new(),
            message_attributes: BTreeMap::new(),
            md5_of_message_attributes: None,
        };
        self.add(&message, "ingest");
        self
    }
}
