//! The event in a message that goes to a stage.

use contracts::{Catalog, Contract, Decoded};
use event::{
    Attributes, Code, Envelope, Failure, Fingerprint, IdempotencyKey, Timestamp, json_problem,
};
use serde_json::Value;

use crate::FixError;
use crate::fix::{INGEST, inbox_event};

/// An event as the stage reads it that its message is sent to.
pub(crate) struct MessageEvent<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) key: IdempotencyKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) time: Timestamp,
    pub(crate) payload: Value,
}

/// Why a message has no event.
pub(crate) enum NoEvent {
    /// It is not one event: it announces files, or it is a row of a CSV file.
    NotOne,
    /// The stage will refuse it.
    Refused(Failure),
}

impl<'a> MessageEvent<'a> {
    /// Reads the event. For the stage `ingest` the payload is checked against its contract. Messages of later stages
    /// were checked before.
    pub(crate) fn read(
        stage: &str,
        body: &str,
        attributes: &Attributes,
        contracts: &'a Catalog,
    ) -> Result<Self, NoEvent> {
        if stage == INGEST {
            return Self::of_inbox(body, attributes, contracts);
        }
        let envelope = Envelope::from_json(body).map_err(|error| NoEvent::Refused(error.into()))?;
        let contract = contracts.get(&envelope.dataset).map_err(NoEvent::Refused)?;
        let payload = serde_json::from_str(envelope.data.get()).map_err(|error| {
            NoEvent::Refused(Failure::permanent(Code::DecodeEnvelope, json_problem(&error)))
        })?;
        let (key, fingerprint) = (envelope.idempotencykey, envelope.fingerprint);
        Ok(Self { contract, key, fingerprint, time: envelope.time, payload })
    }

    fn of_inbox(
        body: &str,
        attributes: &Attributes,
        contracts: &'a Catalog,
    ) -> Result<Self, NoEvent> {
        let (dataset, payload) = inbox_event(body, attributes).map_err(|error| match error {
            FixError::Unreadable(failure) | FixError::Refused(failure) => NoEvent::Refused(failure),
            FixError::NoPayload(_)
            | FixError::Patch(_)
            | FixError::Version(_)
            | FixError::TooLarge { .. } => NoEvent::NotOne,
        })?;
        let contract = contracts.get(dataset).map_err(NoEvent::Refused)?;
        let payload = match contract.decode(payload.text.get().as_bytes()) {
            Ok(Decoded::Event(event)) => event.payload,
            Ok(Decoded::Ignored(_)) => return Err(NoEvent::NotOne),
            Err(failure) => return Err(NoEvent::Refused(failure)),
        };
        let accepted = contract.accept(&payload).map_err(NoEvent::Refused)?;
        let payload = accepted.upgraded.unwrap_or(payload).value;
        let (key, fingerprint) = (accepted.key, accepted.fingerprint);
        Ok(Self { contract, key, fingerprint, time: accepted.event_time, payload })
    }
}
