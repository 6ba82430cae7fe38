//! A letter's message with its payload changed by a JSON Patch.
//!
//! In the stage `ingest` the payload is the message's body, and ingest takes in the changed payload as it takes in any
//! other. In a later stage the body is an envelope, and the patch changes its `data`. The key, fingerprint, time,
//! subject and schema are then made anew from the changed payload by the present contract, with [`Contract::envelope`],
//! as ingest makes them. The id, source, trace and time of intake stay.
//!
//! The answers of enrichers are not part of the fingerprint. Whether the patch changes them or not, they stay as long
//! as the enrichers would be asked the same questions. If the patch changes a question, the event goes to `enrich`
//! without any answers, and is enriched anew.

use contracts::{Catalog, Contract, Decoded, EventOrigin, Patch, PatchError, UpgradeError};
use event::{
    Attributes, CLAIM_ATTRIBUTE, CSV_ATTRIBUTE, DeadLetter, Encoding, Envelope, Failure, Form,
    Payload, attributes_size, json_problem,
};
use serde_json::Value;

use crate::StoredMessage;

/// The stage whose messages have payloads as producers sent them.
pub const INGEST: &str = "ingest";
/// The stage that asks enrichers. All stages but this one and [`INGEST`] come after it.
pub const ENRICH: &str = "enrich";

/// The attribute of a producer's message that names the dataset.
pub const DATASET: &str = "dataset";

/// How a plan changes the payloads of its letters.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    /// A JSON Patch is applied.
    Patch(Patch),
    /// Payloads of older versions of the schema become payloads of the active version, by the contract's migrations.
    NewestVersion,
}

/// [`Fix::NewestVersion`] in requests and plans, in place of a JSON Patch.
pub const NEWEST_VERSION: &str = "newest-version";

impl Fix {
    /// Reads a fix as requests and plans have it: a JSON Patch, or the text [`NEWEST_VERSION`].
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(written: &Value) -> Result<Self, PatchError> {
        if written == NEWEST_VERSION {
            return Ok(Self::NewestVersion);
        }
        Patch::parse(written).map(Self::Patch)
    }

    /// The changed payload. `version` is the version of the schema that the payload is known to have.
    fn change(
        &self,
        payload: &Value,
        contract: &Contract,
        version: Option<u32>,
    ) -> Result<Value, FixError> {
        match (self, version) {
            (Self::Patch(patch), _) => Ok(patch.apply(payload)?),
            (Self::NewestVersion, Some(version)) => {
                Ok(contract.versions.upgrade(version, payload)?)
            }
            (Self::NewestVersion, None) => Ok(contract.versions.upgrade_any(payload)?),
        }
    }
}

/// A message that replaces a letter's message. It has the letter's attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The stage that it goes to: the letter's stage, or `enrich` if enrichers must be asked again.
    pub stage: String,
    /// The new body: a payload for [`INGEST`], an envelope for all other stages.
    pub body: String,
}

/// Why a letter's message cannot be changed. The texts quote no value of a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FixError {
    /// The message has no JSON payload that could be changed, or the changed payload does not fit into a message.
    #[error("it cannot be patched: {0}")]
    NoPayload(&'static str),
    /// The body cannot be read as an event of a known dataset.
    #[error("it cannot be patched as it is: {}", with_place(.0))]
    Unreadable(Failure),
    /// An operation of the patch does not apply.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The contract has no way from the payload's version to the active one, or a step of it cannot be done.
    #[error("it cannot be brought to the newest version: {0}")]
    Version(#[from] UpgradeError),
    /// The contract refuses the changed payload.
    #[error("with the patch it would fail again: {}", with_place(.0))]
    Refused(Failure),
    /// The changed message is larger than a message between stages may be.
    #[error("with the patch it has {bytes} bytes as a message; at most {most}")]
    TooLarge {
        /// The size of the changed message: its body and the producer's attributes.
        bytes: usize,
        /// The largest size that a message may have.
        most: usize,
    },
}

fn with_place(failure: &Failure) -> String {
    match &failure.at {
        Some(at) => format!("{failure} ({at})"),
        None => failure.to_string(),
    }
}

/// The letter's message with its payload changed. `most_bytes` limits the body and the attributes together, as they are
/// between stages: the attribute that says why the message failed is not counted.
///
/// # Errors
/// If there is no payload to change, the patch does not apply, or the contract refuses the result.
pub fn apply_fix(
    message: &StoredMessage,
    fix: &Fix,
    contracts: &Catalog,
    most_bytes: usize,
) -> Result<Fixed, FixError> {
    check_is_message(&message.attributes)?;
    let fixed = if message.stage == INGEST {
        fixed_payload(message, fix, contracts)?
    } else {
        fixed_envelope(message, fix, contracts)?
    };
    let attributes = producers_attributes(&message.attributes);
    let bytes = fixed.body.len() + attributes_size(&attributes);
    if bytes > most_bytes {
        return Err(FixError::TooLarge { bytes, most: most_bytes });
    }
    Ok(fixed)
}

/// The payload of a later stage's letter as its producer sent it, for ingest to take it in again. The answers of
/// enrichers are removed. The event keeps its id and its source.
///
/// # Errors
/// If the body is not an envelope of a known dataset, or if it is the change of a row. Ingest reads rows only from the
/// message in which they came.
pub fn reprocess(message: &StoredMessage, contracts: &Catalog) -> Result<Fixed, FixError> {
    let (_, contract, data) = read_envelope(message, contracts)?;
    if contract.changes.is_some() {
        return Err(FixError::NoPayload(
            "it is the change of a row, and its envelope has the row only",
        ));
    }
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

/// The message of a stage after `enrich`, as `enrich` takes it: the answers of enrichers are removed, so that they are
/// asked again.
///
/// # Errors
/// If the body is not an envelope of a known dataset.
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

/// The envelope in a message of a stage after ingest, with its contract and its `data`.
fn read_envelope<'a>(
    message: &StoredMessage,
    contracts: &'a Catalog,
) -> Result<(Envelope, &'a Contract, Value), FixError> {
    check_is_there(&message.attributes)?;
    let envelope =
        Envelope::from_json(&message.body).map_err(|error| FixError::Unreadable(error.into()))?;
    let contract = contracts.get(&envelope.dataset).map_err(FixError::Unreadable)?;
    let data = serde_json::from_str(envelope.data.get()).map_err(|error| {
        let problem = json_problem(&error);
        FixError::Unreadable(Failure::permanent(event::Code::DecodeEnvelope, problem))
    })?;
    Ok((envelope, contract, data))
}

/// Checks a payload against its contract as ingest does.
///
/// # Errors
/// Permanent failures: those of [`Contract::decode`] and [`Contract::accept`].
pub fn validate(payload: &Value, contract: &Contract) -> Result<(), Failure> {
    match contract.decode(payload.to_string().as_bytes())? {
        Decoded::Event(event) => contract.accept(&event.payload).map(drop),
        Decoded::Ignored(_) => Ok(()),
    }
}

/// The dataset and the payload of an inbox message that is one event.
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

/// A message has a reference in place of its body if its event is too large for a message. Whoever reads letters puts
/// the body in its place, unless it is gone.
fn check_is_there(attributes: &Attributes) -> Result<(), FixError> {
    if attributes.contains_key(CLAIM_ATTRIBUTE) {
        return Err(FixError::NoPayload("its event is not in the archive bucket any more"));
    }
    Ok(())
}

fn check_is_message(attributes: &Attributes) -> Result<(), FixError> {
    check_is_there(attributes)?;
    let letter = DeadLetter::read(attributes);
    let (form, encoding) = letter.map(|letter| (letter.form, letter.encoding)).unwrap_or_default();
    let problem = match (form, encoding) {
        (Form::Csv, _) => "it is a row of a CSV file",
        (Form::Place, _) => "it is a line of a file that no message could hold",
        (Form::Message, Encoding::Base64) => "its bytes are not text",
        (Form::Message, Encoding::Claim) => {
            "it is too large for a message with its failure, and is kept in the archive"
        }
        (Form::Message, Encoding::Text) if attributes.contains_key(CSV_ATTRIBUTE) => {
            "it is a row of a CSV file"
        }
        (Form::Message, Encoding::Text) => return Ok(()),
    };
    Err(FixError::NoPayload(problem))
}

fn producers_attributes(attributes: &Attributes) -> Attributes {
    match DeadLetter::read(attributes) {
        Some(letter) => letter.original(attributes.clone()),
        None => attributes.clone(),
    }
}

fn fixed_payload(
    message: &StoredMessage,
    fix: &Fix,
    contracts: &Catalog,
) -> Result<Fixed, FixError> {
    let (dataset, payload) = inbox_event(&message.body, &message.attributes)?;
    let contract = contracts.get(dataset).map_err(FixError::Unreadable)?;
    let changed = fix.change(&payload.value, contract, None)?;
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
    fix: &Fix,
    contracts: &Catalog,
) -> Result<Fixed, FixError> {
    let (envelope, contract, data) = read_envelope(message, contracts)?;
    let version = envelope.dataschema.rsplit('/').next().and_then(|version| version.parse().ok());
    let changed = fix.change(&data, contract, version)?;
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
    (made.operation, made.sequence) = (envelope.operation, envelope.sequence);
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

/// The payload without the members that enrichers add.
fn without_answers(data: &Value, contract: &Contract) -> Value {
    let mut plain = data.clone();
    if let Some(members) = plain.as_object_mut() {
        for enricher in &contract.enrichers {
            members.remove(&enricher.into);
        }
    }
    plain
}

/// Whether some enricher is asked different questions about the two payloads.
fn asks_others(contract: &Contract, one: &Value, other: &Value) -> bool {
    let mut pointers = contract.enrichers.iter().flat_map(contracts::Enricher::pointers);
    pointers.any(|pointer| one.pointer(pointer) != other.pointer(pointer))
}

#[cfg(test)]
mod tests;
