//! What a sink's verdict on an event means to the batch loop.

use dedupe::{Outcome, RecordId, Verdict};
use event::{Code, Failure, Fingerprint};

use crate::Done;

/// What became of an event with this key and this payload, a conflict being a failure.
///
/// # Errors
/// Why the outcome is not known, or [`Code::Conflict`], permanent, with both fingerprints.
pub fn settled(
    outcome: Outcome,
    id: &RecordId,
    delivered: &Fingerprint,
) -> Result<Verdict, Failure> {
    match outcome? {
        verdict @ (Verdict::Written | Verdict::Duplicate | Verdict::Stale) => Ok(verdict),
        Verdict::Conflict { first } => {
            let key = &id.key;
            let reason =
                format!("key {key} took effect with payload {first}; this one is {delivered}");
            Err(Failure::permanent(Code::Conflict, reason))
        }
    }
}

/// The same, of an event that goes to one sink.
///
/// # Errors
/// As [`settled`].
pub fn done(outcome: Outcome, id: &RecordId, delivered: &Fingerprint) -> Result<Done, Failure> {
    let verdict = settled(outcome, id, delivered)?;
    Ok(if verdict == Verdict::Written { Done::PASSED } else { Done::DUPLICATE })
}
