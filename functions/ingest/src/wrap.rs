//! From a payload and where it was found to the message for the next stage.

use contracts::{Contract, EventOrigin};
use event::{
    Attribute, Attributes, Code, DeadLetter, Failure, Payload, Redriven, Timestamp, TraceParent,
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
    /// When it was first taken in.
    pub(crate) taken_in: Timestamp,
    /// The run of redrive that brought it back, or the announcement of its file.
    pub(crate) redriven: Option<Redriven>,
}

/// The attribute that names the dataset of an inbox message.
pub(crate) const DATASET: &str = "dataset";
/// The attributes with which a refused line of a file keeps its origin when it comes back: see
/// [`FileLine::of`].
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

/// The line of a file that a dead letter is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileLine {
    /// The CloudEvents `source` of the file.
    pub(crate) source: String,
    pub(crate) number: String,
}

impl FileLine {
    /// The line that a letter which came back was: its attributes say so. It is told by its id, which is in an
    /// attribute and in the failure: in the failure of a message it is SQS's own id, which no producer knew
    /// beforehand.
    pub(crate) fn of(letter: &DeadLetter, attributes: &Attributes) -> Option<Self> {
        let id = attributes.get(EVENT_ID).filter(|id| id.value == letter.message_id)?;
        let source = attributes.get(SOURCE)?.value.clone();
        let number = id.value.rsplit(':').next().unwrap_or_default().to_owned();
        Some(Self { source, number })
    }
}

/// The failure of what is on this line of a file.
pub(crate) fn on_line(failure: Failure, line: &str) -> Failure {
    let at = match &failure.at {
        Some(pointer) => format!("line {line}, {pointer}"),
        None => format!("line {line}"),
    };
    failure.at(at)
}

/// # Errors
/// What the contract finds wrong with the payload, or that it is too large for a message.
pub(crate) fn wrap(
    contract: &Contract,
    payload: Payload,
    origin: Origin,
) -> Result<Outgoing, Failure> {
    let trace = origin.trace.unwrap_or_else(|| TraceParent::of_event(&origin.source, &origin.id));
    let mut attributes = Attributes::from([
        (TRACE.to_owned(), Attribute::string(trace.as_str())),
        (EVENT_ID.to_owned(), Attribute::string(&origin.id)),
    ]);
    if let Some(redriven) = &origin.redriven {
        redriven.write(&mut attributes);
    }
    let origin = EventOrigin {
        source: origin.source,
        id: origin.id,
        traceparent: trace.as_str().to_owned(),
        taken_in: origin.taken_in,
    };
    let envelope = contract.envelope(payload, origin)?;
    let body = envelope
        .to_json()
        .map_err(|error| Failure::permanent(Code::DecodeJson, error.to_string()))?;
    Outgoing::for_stage(body, attributes)
}
