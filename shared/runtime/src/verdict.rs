//! What a sink's verdict on an event means to the batch loop.

use dedupe::{Outcome, RecordId, Verdict};
use event::{Code, Failure, FailureKind, Fingerprint};

use crate::Done;

/// What became of an event with this key and this payload, a conflict being a failure.
///
/// # Errors
/// Why the outcome is not known, or [`Code::Conflict`], permanent, with both fingerprints.
pub(crate) fn settled(
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

/// What became of an event, from what became of it in each of its sinks. It is done when all of them are;
/// until none of them can still succeed, it is tried again, and those that did succeed find a duplicate.
///
/// # Errors
/// The first failure that may pass, or else the first.
pub(crate) fn joined(sinks: Vec<Result<Verdict, Failure>>) -> Result<Done, Failure> {
    let is_final = |failure: &Failure| match failure.kind {
        FailureKind::Permanent => true,
        FailureKind::Transient
        | FailureKind::Throttled { .. }
        | FailureKind::Unavailable { .. } => false,
    };
    let failures = sinks.iter().filter_map(|sink| sink.as_ref().err());
    if let Some(failure) = failures.min_by_key(|failure| is_final(failure)) {
        return Err(failure.clone());
    }
    let any = |verdict| sinks.contains(&Ok(verdict));
    let (is_written, is_stale) = (any(Verdict::Written), any(Verdict::Stale));
    Ok(Done {
        taken: 1,
        passed: u64::from(is_written),
        duplicates: u64::from(!is_written && !is_stale),
        stale: u64::from(is_stale),
        dead_lettered: 0,
        degraded: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_what_its_sinks_say() {
        let (written, duplicate, stale) = (Verdict::Written, Verdict::Duplicate, Verdict::Stale);
        let done = |passed, duplicates, stale| {
            Ok(Done { taken: 1, passed, duplicates, stale, dead_lettered: 0, degraded: 0 })
        };
        for (verdicts, expected) in [
            ([&written, &written], done(1, 0, 0)),
            ([&written, &duplicate], done(1, 0, 0)),
            ([&duplicate, &duplicate], done(0, 1, 0)),
            ([&stale, &duplicate], done(0, 0, 1)),
            ([&written, &stale], done(1, 0, 1)),
        ] {
            let sinks = verdicts.map(|verdict| Ok(verdict.clone())).to_vec();
            assert_eq!(joined(sinks), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn what_may_pass_is_told_before_what_stays() {
        let stays = |reason: &'static str| Failure::permanent(Code::KeyMissing, reason);
        let passes = |reason: &'static str| Failure::throttled(None, reason);
        let sinks = vec![Err(stays("a")), Ok(Verdict::Written), Err(passes("b")), Err(passes("c"))];
        assert_eq!(joined(sinks), Err(passes("b")));
        assert_eq!(joined(vec![Err(stays("a")), Err(stays("b"))]), Err(stays("a")));
    }
}
