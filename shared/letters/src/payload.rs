//! The payload of a letter's message.

use event::{CLAIM_ATTRIBUTE, DeadLetter, Encoding, Envelope, Form};
use serde_json::Value;

use crate::StoredMessage;

/// The payload that the producer sent, as JSON: the message's body, or the data of its envelope. `None` if the message
/// holds no JSON payload, such as a row of a CSV file, or a reference to an event that is gone.
#[must_use]
pub fn payload_of(message: &StoredMessage) -> Option<Value> {
    if message.attributes.contains_key(CLAIM_ATTRIBUTE) {
        return None;
    }
    if let Ok(envelope) = Envelope::from_json(&message.body) {
        return serde_json::from_str(envelope.data.get()).ok();
    }
    let letter = DeadLetter::read(&message.attributes);
    let is_text = letter
        .is_none_or(|letter| letter.form == Form::Message && letter.encoding == Encoding::Text);
    is_text.then(|| serde_json::from_str(&message.body).ok()).flatten()
}
