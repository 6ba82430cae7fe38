//! The result of an event for the batch loop, from the verdicts of its sinks.

use dedupe::{Outcome, Verdict};
use event::{Code, Failure, FailureKind};

use super::WriteKey;
use crate::EventCounts;

/// The verdict on one write. A conflict is a failure.
///
/// # Errors
/// Why the outcome is not known, or [`Code::Conflict`], permanent, with both fingerprints.
pub(crate) fn verdict_of(outcome: Outcome, write: &WriteKey) -> Result<Verdict, Failure> {
    match outcome? {
        verdict @ (Verdict::Written | Verdict::Duplicate | Verdict::Stale) => Ok(verdict),
        Verdict::Conflict { first } => {
            let (key, delivered) = (&write.id.key, &write.fingerprint);
            let reason =
                format!("key {key} took effect with payload {first}; this one is {delivered}");
            Err(Failure::permanent(Code::Conflict, reason))
        }
    }
}

/// The counts of one event, from the verdicts of its sinks.
///
/// An event is done when it is done in all its sinks. As long as it may still succeed in one of them, it is
/// tried again, and the sinks that have it already find a duplicate.
///
/// # Errors
/// The first failure that may pass. If there is none, the first failure.
pub(crate) fn counts_of(verdicts: Vec<Result<Verdict, Failure>>) -> Result<EventCounts, Failure> {
    let failures = verdicts.iter().filter_map(|verdict| verdict.as_ref().err());
    if let Some(failure) = failures.min_by_key(|failure| is_permanent(failure)) {
        return Err(failure.clone());
    }
    let is_written = verdicts.contains(&Ok(Verdict::Written));
    let is_stale = verdicts.contains(&Ok(Verdict::Stale));
    Ok(EventCounts {
        taken: 1,
        passed: u64::from(is_written),
        duplicates: u64::from(!is_written && !is_stale),
        stale: u64::from(is_stale),
        ..EventCounts::default()
    })
}

fn is_permanent(failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::Permanent => true,
        FailureKind::Transient
        | FailureKind::Throttled { .. }
        | FailureKind::Unavailable { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(passed: u64, duplicates: u64, stale: u64) -> EventCounts {
        EventCounts { taken: 1, passed, duplicates, stale, ..EventCounts::default() }
    }

    #[test]
    fn an_event_is_what_its_sinks_say() {
        let (written, duplicate, stale) = (Verdict::Written, Verdict::Duplicate, Verdict::Stale);
        for (verdicts, expected) in [
            ([&written, &written], done(1, 0, 0)),
            ([&written, &duplicate], done(1, 0, 0)),
            ([&duplicate, &duplicate], done(0, 1, 0)),
            ([&stale, &duplicate], done(0, 0, 1)),
            ([&written, &stale], done(1, 0, 1)),
        ] {
            let sinks = verdicts.map(|verdict| Ok(verdict.clone())).to_vec();
            assert_eq!(counts_of(sinks), Ok(expected), "{verdicts:?}");
        }
    }

    #[test]
    fn a_failure_that_may_pass_comes_before_a_permanent_one() {
        let permanent = Failure::permanent(Code::KeyMissing, "a");
        let passing = Failure::throttled(None, "b");
        let later = Failure::throttled(None, "c");
        let sinks =
            vec![Err(permanent.clone()), Ok(Verdict::Written), Err(passing.clone()), Err(later)];
        assert_eq!(counts_of(sinks), Err(passing));
        let other = Failure::permanent(Code::KeyMissing, "b");
        assert_eq!(counts_of(vec![Err(permanent.clone()), Err(other)]), Err(permanent));
    }
}
