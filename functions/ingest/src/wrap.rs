//! Builds the message for the next stage from a payload and its origin.

use std::fmt;

use contracts::{Contract, EventOrigin, Incoming, SourceKind};
use event::{
    Attribute, Attributes, Code, DeadLetter, Failure, Redriven, Timeliness, Timestamp, TraceParent,
};
use runtime::{EventCounts, Outgoing, fair_group};

/// Where an event came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The CloudEvents `source`: the ARN of a queue, of an object or of a stream, or the path of a request.
    pub(crate) source: String,
    /// The event's id, unique within the source.
    pub(crate) id: String,
    /// The producer's trace, if it sent one.
    pub(crate) trace: Option<TraceParent>,
    /// When the event was first received.
    pub(crate) taken_in: Timestamp,
    /// The run of redrive that sent the event, or the announcement of its file, again.
    pub(crate) redriven: Option<Redriven>,
}

/// The attribute that names the dataset of an inbox message.
pub(crate) const DATASET: &str = "dataset";
/// The attributes by which what came without a queue keeps its origin for a redrive: see [`KeptOrigin::of`].
pub(crate) const SOURCE: &str = "source";
pub(crate) const EVENT_ID: &str = "eventid";
pub(crate) const TRACE: &str = "traceparent";

impl Origin {
    /// The attributes of a dead letter. With them, ingest recognizes the event when it is redriven to the inbox.
    pub(crate) fn attributes(&self, dataset: Option<&str>) -> Attributes {
        let origin = [(SOURCE, self.source.as_str()), (EVENT_ID, &self.id)];
        let dataset = dataset.map(|dataset| (DATASET, dataset));
        origin
            .into_iter()
            .chain(dataset)
            .map(|(name, value)| (name.to_owned(), Attribute::string(value)))
            .collect()
    }
}

/// Where in a file an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The number of the line on which it begins, from 1.
    Line(u64),
    /// How many bytes of the unpacked file are before it. Several JSON documents may be on one line.
    Byte(u64),
    /// The number of a row of Parquet, from 1.
    Row(u64),
}

impl Place {
    /// The end of the event's id: the number of a line, that of a byte behind an `@`, or that of a row behind a `#`.
    pub(crate) fn id(self) -> String {
        match self {
            Self::Line(number) => number.to_string(),
            Self::Byte(number) => format!("@{number}"),
            Self::Row(number) => format!("#{number}"),
        }
    }

    /// The place at the end of an id.
    fn of_id(id: &str) -> Option<Self> {
        let end = id.rsplit(':').next().unwrap_or_default();
        match (end.strip_prefix('@'), end.strip_prefix('#')) {
            (Some(byte), _) => byte.parse().ok().map(Self::Byte),
            (None, Some(row)) => row.parse().ok().map(Self::Row),
            (None, None) => end.parse().ok().map(Self::Line),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Byte(number) => write!(f, "byte {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

/// Where an event came from that did not come through a queue and became a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptOrigin {
    /// The CloudEvents `source` of its file or its stream.
    pub(crate) source: String,
    /// The place in the file; `None` for the record of a stream.
    pub(crate) place: Option<Place>,
}

impl KeptOrigin {
    /// The origin of the event that a redriven letter has; `None` if it was a message.
    ///
    /// The letter of an event without a queue has the event's id both in an attribute and in its failure. A producer
    /// cannot forge that with a message of its own: in the failure of a message, the id is the one that SQS gave it,
    /// which its producer could not know beforehand.
    pub(crate) fn of(letter: &DeadLetter, attributes: &Attributes) -> Option<Self> {
        let id = attributes.get(EVENT_ID).filter(|id| id.value == letter.message_id)?;
        let source = attributes.get(SOURCE)?.value.clone();
        if SourceKind::of(&source) == Some(SourceKind::Streams) {
            return Some(Self { source, place: None });
        }
        let place = Place::of_id(&id.value)?;
        Some(Self { source, place: Some(place) })
    }
}

/// Adds the place in the file to a failure.
pub(crate) fn at_place(failure: Failure, place: Place) -> Failure {
    let at = match &failure.at {
        Some(pointer) => format!("{place}, {pointer}"),
        None => place.to_string(),
    };
    failure.at(at)
}

/// An event that was accepted, as the message with its envelope, which may be too large for SQS.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) dataset: String,
    pub(crate) message: Outgoing,
    pub(crate) route: Route,
    pub(crate) timeliness: Option<Timeliness>,
}

/// The queue that an accepted event goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Enrich,
    /// The contract diverts the event, because it is late or early.
    Late,
}

impl Accepted {
    /// How the event is counted once it is sent.
    pub(crate) fn counts(&self) -> EventCounts {
        let counts = match self.route {
            Route::Enrich => EventCounts::PASSED,
            Route::Late => EventCounts::DIVERTED,
        };
        match self.timeliness {
            None => counts,
            Some(Timeliness::Late) => EventCounts { late: 1, ..counts },
            Some(Timeliness::Early) => EventCounts { early: 1, ..counts },
        }
    }
}

/// Holds an event to its contract, and wraps it in an envelope. A diverted event has the envelope with which it would go
/// on, so that it can be sent on later. The envelope also says what change of a
/// row the event is.
///
/// # Errors
/// When the payload violates the contract, when the contract rejects its time, or when the envelope is too large.
pub(crate) fn wrap(
    contract: &Contract,
    event: Incoming,
    origin: Origin,
) -> Result<Accepted, Failure> {
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
    let tenant = contract.tenant_of(&event.payload.value);
    let mut envelope = contract.envelope(event.payload, origin)?;
    if let Some(change) = &event.change {
        envelope.operation = Some(change.operation.to_string());
        envelope.sequence = change.sequence_attribute();
    }
    let timeliness = envelope.timeliness;
    let is_diverted = timeliness.is_some_and(|timeliness| contract.diverts(timeliness));
    let route = if is_diverted { Route::Late } else { Route::Enrich };
    let body = envelope
        .to_json()
        .map_err(|error| Failure::permanent(Code::DecodeJson, error.to_string()))?;
    let group = fair_group(&contract.dataset, tenant.as_deref());
    let message = Outgoing::for_stage(body, attributes, group)?;
    Ok(Accepted { dataset: contract.dataset.clone(), message, route, timeliness })
}
