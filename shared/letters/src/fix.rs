//! A letter's message with its payload changed by a JSON Patch.
//!
//! Of the stage `ingest` the payload is the body, and what is changed is taken in as anything that a producer sends. A
//! later stage's body is an envelope, and the patch is of its `data`. Key, fingerprint, time, subject and schema follow
//! from the changed payload by the contract as it is now, as [`Contract::envelope`] makes them for ingest too; id,
//! source, trace and when it was taken in stay.
//!
//! What enrichers added is no part of the fingerprint, and stays as it is, patched or not, as long as it answers the same
//! questions. Where the patch changes what an enricher's question is made of, the event goes to `enrich` without any of
//! it, and is enriched anew.

use contracts::{Catalog, Contract, EventOrigin, Patch, PatchError};
use event::{
    Attributes, CSV_ATTRIBUTE, DeadLetter, Encoding, Envelope, Failure, Form, Payload,
    attributes_size, json_problem,
};
use serde_json::Value;

use crate::StoredMessage;

/// The stage whose letters have payloads as producers sent them.
pub const INGEST: &str = "ingest";
/// The stage that asks enrichers: all stages but these two are behind it.
pub const ENRICH: &str = "enrich";

/// The attribute that names the dataset of a producer's message.
pub const DATASET: &str = "dataset";

/// A message that takes the place of a letter's. Its attributes are the letter's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Where it goes: the letter's stage, or `enrich` before it.
    pub stage: String,
    pub body: String,
}

/// Why a letter cannot be fixed so. No value is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FixError {
    #[error("it cannot be patched: {0}")]
    NoPayload(&'static str),
    #[error("it cannot be patched as it is: {}", with_place(.0))]
    Unreadable(Failure),
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The contract refuses what the patch makes of it.
    #[error("with the patch it would fail again: {}", with_place(.0))]
    Refused(Failure),
    #[error("with the patch it has {bytes} bytes as a message; at most {most}")]
    TooLarge { bytes: usize, most: usize },
}

fn with_place(failure: &Failure) -> String {
    match &failure.at {
        Some(at) => format!("{failure} ({at})"),
        None => failure.to_string(),
    }
}

/// The letter's message with its payload changed. `most_bytes` is what a message may have between stages, body and
/// attributes, without what says why it failed.
///
/// # Errors
/// When there is no payload to be changed, the patch does not apply, or the contract refuses the result.
pub fn apply_fix(
    message: &StoredMessage,
    patch: &Patch,
    contracts: &Catalog,
    most_bytes: usize,
) -> Result<Fixed, FixError> {
    check_is_message(&message.attributes)?;
    let fixed = if message.stage == INGEST {
        fixed_payload(message, patch, contracts)?
    } else {
        fixed_envelope(message, patch, contracts)?
    };
    let attributes = producers_attributes(&message.attributes);
    let bytes = fixed.body.len() + attributes_size(&attributes);
    if bytes > most_bytes {
        return Err(FixError::TooLarge { bytes, most: most_bytes });
    }
    Ok(fixed)
}

/// The payload of a later stage's letter as its producer sent it, for ingest to take in anew: without what enrichers
/// added, in the message that a producer would have sent, by the id and the source that the event has.
///
/// # Errors
/// When the body is no envelope of a known dataset.
pub fn reprocess(message: &StoredMessage, contracts: &Catalog) -> Result<Fixed, FixError> {
    let (_, contract, data) = read_envelope(message, contracts)?;
    let data = payload(&data).map_err(FixError::Unreadable)?.value;
    let is_enriched = message.stage != ENRICH;
    let plain = if is_enriched { without_answers(&data, contract) } else { data };
    match Encoding::of(plain.to_string().as_bytes()) {
        (Encoding::Text, body) => Ok(Fixed { stage: INGEST.to_owned(), body }),
        (Encoding::Base64 | Encoding::Claim, _) => {
            Err(FixError::NoPayload("it has characters that SQS does not take"))
        }
    }
}

/// The message of a stage behind `enrich` as `enrich` is to have it: without what enrichers added, so that they are asked
/// anew.
///
/// # Errors
/// When the body is no envelope of a known dataset.
pub fn enrich_again(message: &StoredMessage, contracts: &Catalog) -> Result<Fixed, FixError> {
    let (mut envelope, contract, data) = read_envelope(message, contracts)?;
    let plain = without_answers(&data, contract);
    if plain != data {
        envelope.data = payload(&plain).map_err(FixError::Unreadable)?.text;
    }
    envelope.degraded = None;
    let body = envelope.to_json().map_err(|error| FixError::Unreadable(error.into()))?;
    Ok(Fixed { stage: ENRICH.to_owned(), body })
}

/// The envelope in a message of a stage behind ingest, its contract, and what it carries.
fn read_envelope<'a>(
    message: &StoredMessage,
    contracts: &'a Catalog,
) -> Result<(Envelope, &'a Contract, Value), FixError> {
    let envelope =
        Envelope::from_json(&message.body).map_err(|error| FixError::Unreadable(error.into()))?;
    let contract = contracts.get(&envelope.dataset).map_err(FixError::Unreadable)?;
    let data = serde_json::from_str(envelope.data.get()).map_err(|error| {
        let problem = json_problem(&error);
        FixError::Unreadable(Failure::permanent(event::Code::DecodeEnvelope, problem))
    })?;
    Ok((envelope, contract, data))
}

/// Holds a payload to its contract as ingest does.
///
/// # Errors
/// Permanent, as those of [`Payload::parse`] and [`Contract::accept`].
pub fn validate(payload: &Value, contract: &Contract) -> Result<(), Failure> {
    let payload = Payload::parse(payload.to_string().as_bytes())?;
    contract.accept(&payload).map(drop)
}

/// The dataset and the payload of a message in the inbox that is one event.
pub(crate) fn inbox_event<'a>(
    body: &str,
    attributes: &'a Attributes,
) -> Result<(&'a str, Payload), FixError> {
    check_is_message(attributes)?;
    let dataset = attributes
        .get(DATASET)
        .ok_or(FixError::NoPayload("it announces files, or does not say of which dataset it is"))?;
    let payload = Payload::parse(body.as_bytes()).map_err(FixError::Unreadable)?;
    Ok((&dataset.value, payload))
}

fn check_is_message(attributes: &Attributes) -> Result<(), FixError> {
    let refused = |what| Err(FixError::NoPayload(what));
    let letter = DeadLetter::read(attributes);
    let (form, encoding) = letter.map(|letter| (letter.form, letter.encoding)).unwrap_or_default();
    match (form, encoding) {
        (Form::Csv, _) => refused("it is a row of a CSV file"),
        (Form::Place, _) => refused("it is a line of a file that no message could hold"),
        (Form::Message, Encoding::Base64) => refused("its bytes are not text"),
        (Form::Message, Encoding::Claim) => {
            refused("it is as large as a message can be, and is kept in the archive")
        }
        (Form::Message, Encoding::Text) if attributes.contains_key(CSV_ATTRIBUTE) => {
            refused("it is a row of a CSV file")
        }
        (Form::Message, Encoding::Text) => Ok(()),
    }
}

fn producers_attributes(attributes: &Attributes) -> Attributes {
    match DeadLetter::read(attributes) {
        Some(letter) => letter.original(attributes.clone()),
        None => attributes.clone(),
    }
}

fn fixed_payload(
    message: &StoredMessage,
    patch: &Patch,
    contracts: &Catalog,
) -> Result<Fixed, FixError> {
    let (dataset, payload) = inbox_event(&message.body, &message.attributes)?;
    let contract = contracts.get(dataset).map_err(FixError::Unreadable)?;
    let changed = patch.apply(&payload.value)?;
    validate(&changed, contract).map_err(FixError::Refused)?;
    match Encoding::of(changed.to_string().as_bytes()) {
        (Encoding::Text, body) => Ok(Fixed { stage: INGEST.to_owned(), body }),
        (Encoding::Base64 | Encoding::Claim, _) => {
            Err(FixError::NoPayload("with the patch it has characters that SQS does not take"))
        }
    }
}

fn fixed_envelope(
    message: &StoredMessage,
    patch: &Patch,
    contracts: &Catalog,
) -> Result<Fixed, FixError> {
    let (envelope, contract, data) = read_envelope(message, contracts)?;
    let changed = patch.apply(&data)?;
    let is_enriched = message.stage != ENRICH;
    let plain = if is_enriched { without_answers(&changed, contract) } else { changed.clone() };
    let origin = EventOrigin {
        source: envelope.source,
        id: envelope.id,
        traceparent: envelope.traceparent,
        taken_in: envelope.ingesttime,
    };
    let mut made = payload(&plain)
        .and_then(|payload| contract.envelope(payload, origin))
        .map_err(FixError::Refused)?;
    let is_asked_anew = is_enriched && asks_others(contract, &data, &changed);
    if is_enriched && !is_asked_anew {
        made.data = payload(&changed).map_err(FixError::Refused)?.text;
        made.degraded = envelope.degraded;
    }
    let stage = if is_asked_anew { ENRICH } else { message.stage.as_str() };
    let body = made.to_json().map_err(|error| FixError::Refused(error.into()))?;
    Ok(Fixed { stage: stage.to_owned(), body })
}

fn payload(value: &Value) -> Result<Payload, Failure> {
    Payload::parse(value.to_string().as_bytes())
}

/// The payload as it was before enrichers added to it.
fn without_answers(data: &Value, contract: &Contract) -> Value {
    let mut plain = data.clone();
    if let Some(members) = plain.as_object_mut() {
        for enricher in &contract.enrichers {
            members.remove(&enricher.into);
        }
    }
    plain
}

/// Whether any enricher is asked something else of the one than of the other.
fn asks_others(contract: &Contract, one: &Value, other: &Value) -> bool {
    let mut pointers = contract.enrichers.iter().flat_map(contracts::Enricher::pointers);
    pointers.any(|pointer| one.pointer(pointer) != other.pointer(pointer))
}

#[cfg(test)]
mod tests;
