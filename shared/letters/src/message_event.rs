//! The event that a message carries to a stage.

use contracts::{Catalog, Contract};
use event::{
    Attributes, Code, Envelope, Failure, Fingerprint, IdempotencyKey, Timestamp, json_problem,
};
use serde_json::Value;

use crate::FixError;
use crate::fix::{INGEST, inbox_event};

/// An event, as the stage that its message is sent to will read it.
pub(crate) struct MessageEvent<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) key: IdempotencyKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) time: Timestamp,
    pub(crate) payload: Value,
}

/// Why there is no event.
pub(crate) enum NoEvent {
    /// It is not one event: it announces files, or is a row of a CSV file.
    NotOne,
    /// The stage will refuse it.
    Refused(Failure),
}

impl<'a> MessageEvent<'a> {
    /// The stage `ingest` holds a payload to its contract; what is behind it was held to one.
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
            FixError::NoPayload(_) | FixError::Patch(_) | FixError::TooLarge { .. } => {
                NoEvent::NotOne
            }
        })?;
        let contract = contracts.get(dataset).map_err(NoEvent::Refused)?;
        let accepted = contract.accept(&payload).map_err(NoEvent::Refused)?;
        let (key, fingerprint) = (accepted.key, accepted.fingerprint);
        Ok(Self { contract, key, fingerprint, time: accepted.event_time, payload: payload.value })
    }
}
