//! Payloads as operators see them: without personal data.
//!
//! The payload of a letter often does not have the shape that its contract promises. Therefore a value on the way to a
//! personal place is masked too, such as a text where the contract promises an object.

use contracts::{ANY_TOKEN, Catalog, Contract, pointer_index, pointer_tokens};
use event::Envelope;
use serde_json::{Map, Value};

/// The text that replaces what is not shown.
const MASK: &str = "***";

/// What the body of a letter's message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// A payload as a producer sent it, or a row of a file, in letters of the stage `ingest`.
    Payload,
    /// An envelope, in letters of all later stages.
    Envelope,
}

impl BodyKind {
    /// The kind of body that the messages of a stage have.
    #[must_use]
    pub fn of_stage(stage: &str) -> Self {
        if stage == "ingest" { Self::Payload } else { Self::Envelope }
    }
}

/// The payload with [`MASK`] at each of these places, whatever is there. The places are JSON Pointers in which `*`
/// stands for each element of an array and each member of an object.
fn mask_values(payload: &Value, pointers: &[String]) -> Value {
    let mut masked = payload.clone();
    for pointer in pointers {
        match pointer_tokens(pointer) {
            Some(tokens) => mask(&mut masked, &tokens),
            None => masked = Value::from(MASK),
        }
    }
    masked
}

fn mask(value: &mut Value, tokens: &[String]) {
    let Some((token, below)) = tokens.split_first() else {
        *value = Value::from(MASK);
        return;
    };
    match value {
        Value::Object(members) if token == ANY_TOKEN => {
            members.values_mut().for_each(|member| mask(member, below));
        }
        Value::Object(members) => {
            if let Some(member) = members.get_mut(token) {
                mask(member, below);
            }
        }
        Value::Array(items) if token == ANY_TOKEN => {
            items.iter_mut().for_each(|item| mask(item, below));
        }
        Value::Array(items) => match pointer_index(token) {
            Some(index) => {
                if let Some(item) = items.get_mut(index) {
                    mask(item, below);
                }
            }
            None => *value = Value::from(MASK),
        },
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => *value = Value::from(MASK),
    }
}

/// A letter's body as operators see it. `dataset` is the dataset that the letter names. An envelope names its dataset
/// itself, and that one counts.
///
/// A body without personal data stays as it is. In an envelope of a dataset with personal data, `data` is masked, and
/// so are `subject` and `time` if they come from personal fields. A body that cannot be read as what it should be is
/// masked as a whole. The body of an unknown dataset is masked as a whole too, if any dataset has personal data.
#[must_use]
pub fn mask_body(body: &str, kind: BodyKind, dataset: Option<&str>, contracts: &Catalog) -> String {
    let envelope = match kind {
        BodyKind::Payload => None,
        BodyKind::Envelope => Envelope::from_json(body).ok(),
    };
    let dataset = envelope.as_ref().map(|envelope| envelope.dataset.as_str()).or(dataset);
    let contract = dataset.and_then(|dataset| contracts.get(dataset).ok());
    let may_be_personal = match contract {
        Some(contract) => !contract.personal_data.is_empty(),
        // A contract that cannot be used may have personal data.
        None => contracts
            .results()
            .any(|contract| contract.map_or(true, |contract| !contract.personal_data.is_empty())),
    };
    if !may_be_personal {
        return body.to_owned();
    }
    let shown = contract.and_then(|contract| match kind {
        BodyKind::Payload => masked_payload(body, contract),
        BodyKind::Envelope => masked_envelope(body, contract).filter(|_| envelope.is_some()),
    });
    shown.unwrap_or_else(|| MASK.to_owned())
}

/// `None` if it cannot be said where in the body the payload is.
fn masked_payload(body: &str, contract: &Contract) -> Option<String> {
    let payload: Value = serde_json::from_str(body).ok()?;
    if contract.changes.is_some() || is_wrapped(&payload) {
        return None;
    }
    Some(mask_values(&payload, &contract.personal_data).to_string())
}

/// Whether a body is an event of EventBridge, a notification of SNS or a failed invocation, which have a payload
/// somewhere inside.
fn is_wrapped(body: &Value) -> bool {
    let is_of_sns = |record: &Value| record.get("Sns").is_some();
    ["detail-type", "TopicArn", "requestPayload"].iter().any(|name| body.get(name).is_some())
        || body["Records"].as_array().is_some_and(|records| records.iter().any(is_of_sns))
}

fn masked_envelope(body: &str, contract: &Contract) -> Option<String> {
    let mut envelope: Value = serde_json::from_str(body).ok()?;
    let members = envelope.as_object_mut()?;
    let data = members.get_mut("data")?;
    *data = mask_values(data, &contract.personal_data);
    if contract.keys.business.iter().any(|pointer| contract.is_personal(pointer)) {
        mask_member(members, "subject");
    }
    if contract.is_personal(&contract.keys.event_time.at) {
        mask_member(members, "time");
    }
    Some(envelope.to_string())
}

fn mask_member(members: &mut Map<String, Value>, name: &str) {
    if let Some(member) = members.get_mut(name) {
        *member = Value::from(MASK);
    }
}

#[cfg(test)]
mod tests;
