//! From a payload and where it was found to the message for the next stage.

use contracts::Contract;
use event::{
    Attribute, Attributes, Code, ENVELOPE_VERSION, Envelope, Failure, Payload, SPEC_VERSION,
    Timestamp, TraceParent,
};
use runtime::Outgoing;

/// Where an event was found.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The CloudEvents `source`: an ARN, or the path of a request.
    pub(crate) source: String,
    /// Unique within the source.
    pub(crate) id: String,
    /// The producer's trace, if it sent one.
    pub(crate) trace: Option<TraceParent>,
}

/// The attribute that names the dataset of an inbox message.
pub(crate) const DATASET: &str = "dataset";
/// The attributes with which a refused line of a file keeps its origin when it comes back.
pub(crate) const SOURCE: &str = "source";
pub(crate) const EVENT_ID: &str = "eventid";
pub(crate) const TRACE: &str = "traceparent";

impl Origin {
    /// The attributes of a dead letter that did not come as a message: redriven to the inbox, it is
    /// taken in as what it was.
    pub(crate) fn attributes(&self, dataset: &str) -> Attributes {
        [(DATASET, dataset), (SOURCE, &self.source), (EVENT_ID, &self.id)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Attribute::string(value)))
            .collect()
    }
}

/// # Errors
/// What the contract finds wrong with the payload.
pub(crate) fn wrap(
    contract: &Contract,
    payload: Payload,
    origin: Origin,
    now: Timestamp,
) -> Result<Outgoing, Failure> {
    let accepted = contract.accept(&payload)?;
    let trace = origin.trace.unwrap_or_else(|| TraceParent::of_event(&origin.source, &origin.id));
    let attributes = [
        (TRACE.to_owned(), Attribute::string(trace.as_str())),
        (EVENT_ID.to_owned(), Attribute::string(&origin.id)),
    ];
    let envelope = Envelope {
        specversion: SPEC_VERSION.to_owned(),
        envelopeversion: ENVELOPE_VERSION,
        id: origin.id,
        source: origin.source,
        kind: format!("sluicegate.{}", contract.dataset),
        time: accepted.event_time,
        subject: accepted.subject,
        dataschema: contract.dataschema(),
        datacontenttype: "application/json".to_owned(),
        dataset: contract.dataset.clone(),
        idempotencykey: accepted.key,
        fingerprint: accepted.fingerprint,
        ingesttime: now,
        traceparent: trace.as_str().to_owned(),
        degraded: None,
        data: payload.text,
    };
    let body = envelope
        .to_json()
        .map_err(|error| Failure::permanent(Code::DecodeJson, error.to_string()))?;
    Ok(Outgoing { body, attributes: attributes.into(), fifo: None })
}
