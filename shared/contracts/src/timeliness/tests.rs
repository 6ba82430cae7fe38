use std::collections::BTreeMap;

use event::Payload;
use serde_json::json;

use super::*;
use crate::{ContractError, EventOrigin};

const YAML: &str = "
dataset: readings
description: What meters say
owner: metering
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/at], business: [/at], event_time: /at}
sinks: [{name: records, kind: table}]
";
const TAKEN_IN: &str = "2026-01-02T00:00:00Z";

fn parse(more: &str) -> Result<Contract, ContractError> {
    let yaml = format!("{YAML}{more}");
    let schema = r#"{"properties":{"at":{"type":"string"}}}"#.to_owned();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), schema)]);
    Contract::parse(&yaml, &files).map_err(|error| error.located(&yaml, &files))
}

/// What the envelope of an event says that happened at `at`.
fn judge(contract: &Contract, at: &str) -> Result<Option<Timeliness>, Failure> {
    let payload = Payload::parse(json!({ "at": at }).to_string().as_bytes()).unwrap();
    let origin = EventOrigin {
        source: "/readings".to_owned(),
        id: "1".to_owned(),
        traceparent: String::new(),
        taken_in: TAKEN_IN.parse().unwrap(),
    };
    contract.envelope(payload, origin).map(|envelope| envelope.timeliness)
}

#[test]
fn without_rules_any_time_is_taken() {
    let contract = parse("").unwrap();
    for at in ["0001-01-01T00:00:00Z", TAKEN_IN, "9999-12-31T00:00:00Z"] {
        assert_eq!(judge(&contract, at), Ok(None), "{at}");
    }
    assert!(!contract.may_divert());
}

#[test]
fn an_event_is_within_the_limits_up_to_and_including_them() {
    const BOTH: &str = "
time:
  lateness: {allowed_s: 3600, beyond: accept}
  skew: {allowed_s: 60, beyond: divert}
";
    let contract = parse(BOTH).unwrap();
    for (at, expected) in [
        ("2026-01-01T22:59:59.999999999Z", Some(Timeliness::Late)),
        ("2026-01-01T23:00:00Z", None),
        (TAKEN_IN, None),
        ("2026-01-02T00:01:00Z", None),
        ("2026-01-02T00:01:00.000000001Z", Some(Timeliness::Early)),
    ] {
        assert_eq!(judge(&contract, at), Ok(expected), "{at}");
    }
    assert!(contract.may_divert() && contract.diverts(Timeliness::Early));
    assert!(!contract.diverts(Timeliness::Late), "late events are accepted");
}

#[test]
fn a_rule_limits_its_own_side_alone() {
    let late = parse("time: {lateness: {allowed_s: 0, beyond: divert}}").unwrap();
    assert_eq!(judge(&late, "2025-01-01T00:00:00Z"), Ok(Some(Timeliness::Late)));
    assert_eq!(judge(&late, "2027-01-01T00:00:00Z"), Ok(None));
    let early = parse("time: {skew: {allowed_s: 0, beyond: divert}}").unwrap();
    assert_eq!(judge(&early, "2025-01-01T00:00:00Z"), Ok(None));
    assert_eq!(judge(&early, "2027-01-01T00:00:00Z"), Ok(Some(Timeliness::Early)));
}

#[test]
fn a_rejected_event_says_where_its_time_is_and_how_far_it_is_away() {
    const BOTH: &str = "
time:
  lateness: {allowed_s: 3600, beyond: reject}
  skew: {allowed_s: 60, beyond: reject}
";
    let contract = parse(BOTH).unwrap();
    for (at, code, reason) in [
        (
            "2026-01-01T22:00:00.5Z",
            Code::TimeLate,
            "expected a time at most 3600 s before the event was taken in, found one 7200 s before",
        ),
        (
            "2026-01-02T00:02:00Z",
            Code::TimeEarly,
            "expected a time at most 60 s after the event was taken in, found one 120 s after",
        ),
    ] {
        let failure = judge(&contract, at).unwrap_err();
        assert_eq!((failure.code, failure.at.as_deref()), (code, Some("/at")));
        assert_eq!((failure.kind, &*failure.reason), (event::FailureKind::Permanent, reason));
    }
    let personal = parse(&format!("personal_data: [/at]\n{BOTH}")).unwrap();
    let failure = judge(&personal, "2026-01-02T00:02:00Z").unwrap_err();
    assert!(failure.reason.ends_with("taken in, found another one"), "{failure}");
}

#[test]
fn mistakes_are_told_by_their_line() {
    for (more, expected) in [
        ("time: {}", "line 8, column 7: `time`: empty; expected `lateness`, `skew`, or no `time`"),
        (
            "time:\n  lateness: {allowed_s: 3162240001, beyond: accept}",
            "line 9, column 25: `time.lateness.allowed_s`: 3162240001; expected 0 to 3162240000",
        ),
        (
            "time: {skew: {allowed_s: 1, beyond: drop}}",
            "line 8, column 37: `drop` is none of accept, divert, reject",
        ),
        ("time: {late: 1}", "unknown field `late`; there are lateness, skew"),
        ("time: {skew: {allowed_s: 1}}", "beyond"),
        ("time: {skew: {allowed_s: -1, beyond: accept}}", "line 8"),
    ] {
        let error = parse(more).unwrap_err().to_string();
        assert!(error.contains(expected), "{more}: {error}");
    }
}
