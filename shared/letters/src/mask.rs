//! Payloads as people see them: without personal data.
//!
//! A letter is often one because its payload has not the shape that its contract promises. So what stands in the way of
//! a personal place, such as a text where an object was promised, is masked too.

use contracts::{ANY_TOKEN, Catalog, Contract, pointer_index, pointer_tokens};
use event::Envelope;
use serde_json::Value;

/// What stands where something was that is not shown.
pub const MASK: &str = "***";

/// What the body of a letter's message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// As a producer sent it, or a row of a file: of letters of the stage `ingest`.
    Payload,
    /// An envelope: of letters of all later stages.
    Envelope,
}

impl BodyKind {
    /// That of a stage's messages.
    #[must_use]
    pub fn of_stage(stage: &str) -> Self {
        if stage == "ingest" { Self::Payload } else { Self::Envelope }
    }
}

/// The payload with [`MASK`] at each of these places, whatever is there: JSON Pointers, in which `*` stands for each
/// element of an array and each member of an object.
#[must_use]
pub fn mask_values(payload: &Value, pointers: &[String]) -> Value {
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

/// A letter's body as people see it. `dataset` is what the letter says; an envelope says it itself.
///
/// It stays as it is where nothing is personal. Of a dataset with personal data an envelope is masked in its `data`, and
/// in `subject` and `time` where these come from there. A body that is not what it should be is masked whole, and so is
/// that of an unknown dataset, if any dataset has personal data.
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
        None => contracts.iter().any(|contract| !contract.personal_data.is_empty()),
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

fn masked_payload(body: &str, contract: &Contract) -> Option<String> {
    let payload: Value = serde_json::from_str(body).ok()?;
    Some(mask_values(&payload, &contract.personal_data).to_string())
}

fn masked_envelope(body: &str, contract: &Contract) -> Option<String> {
    let mut envelope: Value = serde_json::from_str(body).ok()?;
    let members = envelope.as_object_mut()?;
    let data = members.get_mut("data")?;
    *data = mask_values(data, &contract.personal_data);
    let is_personal = |pointer: &String| contract.is_personal(pointer);
    for (name, is_masked) in [
        ("subject", contract.keys.business.iter().any(is_personal)),
        ("time", is_personal(&contract.keys.event_time)),
    ] {
        if let Some(member) = members.get_mut(name).filter(|_| is_masked) {
            *member = Value::from(MASK);
        }
    }
    Some(envelope.to_string())
}

#[cfg(test)]
mod tests;
