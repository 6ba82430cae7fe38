//! What a message means, whoever sent and wrapped it.
//!
//! An [`Adapter`] knows one shape: it looks at the members of a message and says what they mean, or that the shape is
//! another one. To take in a new shape, write a module with such a function, and add the function to [`ADAPTERS`].
//! Whatever AWS nests (an announcement of S3 in an event of EventBridge in a notification of SNS) is read layer by
//! layer, so no adapter knows of another one.

mod announced;
mod change;
mod event_bridge;
mod failed_invocation;
mod ignored;
mod members;
mod s3;
mod sns;

use std::borrow::Cow;

use contracts::ChangeKind;
use event::{Code, Failure};

pub(crate) use self::announced::Announced;
pub(crate) use self::ignored::{Ignored, IgnoredCounts};
pub(crate) use self::members::Members;

/// Reads one shape of message. `None` if the message has another shape.
///
/// # Errors
/// A permanent failure, if the message has this shape and cannot be used.
type Adapter = fn(&Members<'_>) -> Result<Option<Layer>, Failure>;

/// All adapters. The first that knows a message counts.
const ADAPTERS: &[Adapter] =
    &[s3::read, sns::read, event_bridge::read, failed_invocation::read, change::read];

/// The most layers of a message. AWS makes up to four: an S3 event through EventBridge and SNS, whose invocation failed.
const MOST_LAYERS: usize = 6;

/// What an adapter makes of a message.
enum Layer {
    /// The message wraps another one.
    Wrapped(Wrapped),
    /// The message is an event.
    Event(SentEvent),
    /// The message is the change of a row of this table.
    Change { kind: ChangeKind, table: String },
    /// The message says what happened to objects in buckets.
    Announcement(Announcement),
}

/// A message inside of another one.
struct Wrapped {
    body: String,
    /// The attribute that names the dataset. If there is one, the body is an event.
    dataset: Option<String>,
    /// The attribute with the producer's trace.
    trace: Option<String>,
}

/// What a message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Event(SentEvent),
    Change(SentChange),
    Announcement(Announcement),
}

/// An event as its producer sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentEvent {
    pub(crate) dataset: String,
    /// The text of the payload, which is not parsed yet.
    pub(crate) payload: String,
    /// The producer's `traceparent`, as it came.
    pub(crate) trace: Option<String>,
}

/// The change of a row, as it came. It is of the dataset whose contract names the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentChange {
    pub(crate) kind: ChangeKind,
    pub(crate) table: String,
    /// The text of the message, which is not parsed yet.
    pub(crate) message: String,
    /// The producer's `traceparent`, as it came.
    pub(crate) trace: Option<String>,
}

/// What happened to objects in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The objects to read.
    pub(crate) objects: Vec<Announced>,
    /// What is announced besides, and needs nothing done.
    pub(crate) ignored: Vec<Ignored>,
}

/// Reads a message that names no dataset itself. `partition` is the AWS partition of the objects that it announces.
///
/// # Errors
/// [`Code::UnknownDataset`], permanent, if no adapter knows its shape; [`Code::DecodeFormat`], permanent, if an adapter
/// knows it and something in it is missing. Nothing of the message is in the reason.
pub(crate) fn read(body: &str, partition: &str) -> Result<Meaning, Failure> {
    let mut body = Cow::Borrowed(body);
    let mut trace = None;
    for _ in 0..MOST_LAYERS {
        match read_layer(&body)? {
            Layer::Wrapped(inner) => {
                trace = inner.trace.or(trace);
                if let Some(dataset) = inner.dataset {
                    return Ok(Meaning::Event(SentEvent { dataset, payload: inner.body, trace }));
                }
                body = Cow::Owned(inner.body);
            }
            Layer::Event(event) => {
                return Ok(Meaning::Event(SentEvent { trace: event.trace.or(trace), ..event }));
            }
            Layer::Change { kind, table } => {
                let message = body.into_owned();
                return Ok(Meaning::Change(SentChange { kind, table, message, trace }));
            }
            Layer::Announcement(mut announcement) => {
                for object in &mut announcement.objects {
                    partition.clone_into(&mut object.partition);
                }
                return Ok(Meaning::Announcement(announcement));
            }
        }
    }
    let reason = format!("a message that is wrapped more than {MOST_LAYERS} times");
    Err(Failure::permanent(Code::DecodeFormat, reason))
}

fn read_layer(body: &str) -> Result<Layer, Failure> {
    if let Some(members) = Members::of(body) {
        for adapter in ADAPTERS {
            if let Some(layer) = adapter(&members)? {
                return Ok(layer);
            }
        }
    }
    let reason = "no message attribute `dataset`, no notification of S3, SNS or EventBridge, and no change of a row";
    Err(Failure::permanent(Code::UnknownDataset, reason))
}

/// The failure of a message whose shape an adapter knows, but which lacks something.
fn incomplete(reason: &'static str) -> Failure {
    Failure::permanent(Code::DecodeFormat, reason)
}

#[cfg(test)]
mod tests;
