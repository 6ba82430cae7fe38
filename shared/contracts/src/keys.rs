//! The places in a payload that identify an event and say when it happened.

use serde::Deserialize;

use crate::EventTime;

/// The shortest time, in days, for which an idempotency key may be remembered.
///
/// A dead letter can stay in its queue for 14 days, which is the longest that SQS keeps a message. When its event comes
/// back, the key must still be known.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MIN_RETENTION_DAYS: u32 = 15;

/// Where a payload has its identity and its time, as JSON Pointers (RFC 6901).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The values that make the idempotency key, at least one. Two events with equal values here are the same event.
    pub idempotency: Vec<String>,
    /// The values that make the business key, at least one. It is the envelope's `subject`, and by default the row's
    /// key in tables that upsert, merge or delete.
    pub business: Vec<String>,
    /// Where the event's time is, and how it is written.
    pub event_time: EventTime,
    /// The JSON Pointer to an integer of 64 bits that orders the events of one business key, such as a revision. `None`
    /// if events have none. Table sinks order by it if they say `order_by: sequence`.
    pub sequence: Option<String>,
    /// The number of the idempotency key's definition: 1 by default. It has to grow when `idempotency` changes, because
    /// events that were written before are not known by their new keys.
    #[serde(default = "first_generation")]
    pub generation: u32,
}

fn first_generation() -> u32 {
    1
}
