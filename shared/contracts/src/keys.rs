//! The places in a payload that identify an event.

use serde::Deserialize;

/// A dead letter lives 14 days in its queue, the longest that SQS keeps a message; the key of an
/// event that comes back from there must still be known.
pub const MIN_RETENTION_DAYS: u32 = 15;

/// Where in a payload its identity is: JSON Pointers (RFC 6901).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub idempotency: Vec<String>,
    pub business: Vec<String>,
    /// An RFC 3339 time.
    pub event_time: String,
}
