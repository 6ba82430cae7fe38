//! Checks whether an event may have been kept from its sinks for its time.

use crate::contract::Dataset;
use crate::instant::Instant;
use crate::json::Json;
use crate::letters::DIVERTED;
use crate::limits::{Beyond, Limits};

/// Whether an event may have been kept from its sinks for its time, as `code` says. `None` if the code is about
/// something else. A letter that does not say when its event was taken in is believed.
pub(super) fn may_be_kept_out(
    code: &str,
    payload: &Json,
    taken_in: Option<Instant>,
    dataset: &Dataset,
) -> Option<bool> {
    let Limits { lateness, skew } = dataset.limits;
    let (meant, limits) = match code {
        "time.late" => (Beyond::Reject, [lateness, None]),
        "time.early" => (Beyond::Reject, [None, skew]),
        DIVERTED => (Beyond::Divert, [lateness, skew]),
        _ => return None,
    };
    let times = taken_in.zip(dataset.event_time.of(payload));
    let age = times.map(|(taken_in, time)| taken_in.nanos_since(time));
    let [late, early] = limits.map(|limit| limit.filter(|limit| limit.beyond == meant));
    Some(match age {
        None => late.is_some() || early.is_some(),
        Some(age) => {
            late.is_some_and(|limit| limit.is_exceeded_by(age))
                || early.is_some_and(|limit| limit.is_exceeded_by(-age))
        }
    })
}

/// Whether an event of this time has no business in a sink, by the time at which it was taken in.
pub(super) fn is_rejected(time: Instant, taken_in: Instant, dataset: &Dataset) -> bool {
    let Limits { lateness, skew } = dataset.limits;
    let age = taken_in.nanos_since(time);
    [(lateness, age), (skew, -age)].into_iter().any(|(limit, distance)| {
        limit.is_some_and(|limit| limit.beyond == Beyond::Reject && limit.is_exceeded_by(distance))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(time: &str) -> Dataset {
        let yaml = format!(
            "
dataset: probe
schema: {{version: 1, file: s}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{name: lake, kind: lake}}]
{time}
"
        );
        Dataset::read(&yaml, |_| None).unwrap()
    }

    const HOUR_AND_MINUTE: &str = "time: {lateness: {allowed_s: 3600, beyond: reject}, skew: {allowed_s: 60, beyond: divert}}";

    #[track_caller]
    fn check(time: &str, code: &str, at: &str, expected: Option<bool>) {
        let payload = Json::parse(&format!(r#"{{"id":1,"at":"{at}"}}"#)).unwrap();
        let taken_in = Instant::parse("2026-01-01T12:00:00Z");
        let found = may_be_kept_out(code, &payload, taken_in, &dataset(time));
        assert_eq!(found, expected, "{code} of {at}");
    }

    #[test]
    fn a_letter_about_a_time_has_to_be_true() {
        check(HOUR_AND_MINUTE, "time.late", "2026-01-01T10:59:59.999Z", Some(true));
        check(HOUR_AND_MINUTE, "time.late", "2026-01-01T11:00:00Z", Some(false));
        check(HOUR_AND_MINUTE, "time.early", "2026-01-01T13:00:00Z", Some(false));
        check(HOUR_AND_MINUTE, DIVERTED, "2026-01-01T12:01:00.001Z", Some(true));
        check(HOUR_AND_MINUTE, DIVERTED, "2026-01-01T12:01:00Z", Some(false));
        check(HOUR_AND_MINUTE, DIVERTED, "2026-01-01T01:00:00Z", Some(false));
        check("", "time.late", "2020-01-01T00:00:00Z", Some(false));
        check(HOUR_AND_MINUTE, "key.missing", "2020-01-01T00:00:00Z", None);
    }

    #[test]
    fn a_letter_that_does_not_say_when_is_believed_if_the_contract_has_such_a_limit() {
        let payload = Json::parse(r#"{"at":"2026-01-01T00:00:00Z"}"#).unwrap();
        let believed = |code| may_be_kept_out(code, &payload, None, &dataset(HOUR_AND_MINUTE));
        assert_eq!(believed("time.late"), Some(true));
        assert_eq!(believed("time.early"), Some(false));
        assert_eq!(believed(DIVERTED), Some(true));
    }

    #[test]
    fn what_the_contract_rejects_has_no_business_in_a_sink() {
        let taken_in = Instant::parse("2026-01-01T12:00:00Z").unwrap();
        for (at, expected) in [
            ("2026-01-01T10:00:00Z", true),
            ("2026-01-01T11:30:00Z", false),
            ("2027-01-01T00:00:00Z", false),
        ] {
            let time = Instant::parse(at).unwrap();
            assert_eq!(is_rejected(time, taken_in, &dataset(HOUR_AND_MINUTE)), expected, "{at}");
        }
    }
}
