//! How far the time of an event may be from the time at which it was taken in, as a contract says it.

use serde::Deserialize;

/// The limits of a contract: its `time`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Limits {
    /// How late an event may come.
    pub lateness: Option<Limit>,
    /// How far in the future an event may be.
    pub skew: Option<Limit>,
}

/// A limit, and what becomes of an event beyond it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Limit {
    allowed_s: u64,
    pub(crate) beyond: Beyond,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Beyond {
    Accept,
    Divert,
    Reject,
}

impl Limit {
    /// Whether a distance in nanoseconds is beyond the limit.
    pub(crate) fn is_exceeded_by(self, nanos: i128) -> bool {
        nanos > i128::from(self.allowed_s) * 1_000_000_000
    }
}
