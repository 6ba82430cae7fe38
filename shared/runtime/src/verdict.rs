//! What a sink's verdict on an event means to the batch loop.

use dedupe::{Outcome, RecordId, Verdict};
use event::{Code, Failure, Fingerprint};

use crate::Done;

/// Of an event with this key and this payload.
///
/// # Errors
/// Why the outcome is not known, or [`Code::Conflict`], permanent, with both fingerprints.
pub fn done(outcome: Outcome, id: &RecordId, delivered: &Fingerprint) -> Result<Done, Failure> {
    match outcome? {
        Verdict::Written => Ok(Done::PASSED),
        Verdict::Duplicate | Verdict::Stale => Ok(Done::DUPLICATE),
        Verdict::Conflict { first } => {
            let key = &id.key;
            let reason =
                format!("key {key} took effect with payload {first}; this one is {delivered}");
            Err(Failure::permanent(Code::Conflict, reason))
        }
    }
}
