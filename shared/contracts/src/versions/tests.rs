use event::{Code, Payload};
use serde_json::json;

use super::*;
use crate::{Contract, EventOrigin};

const HEAD: &str = "
dataset: orders
description: What customers bought
owner: sales
keys: {idempotency: [/id], business: [/customer], event_time: /at}
sinks: [{name: rows, kind: table}]
";

const SCHEMA: &str = "
schema:
  versions:
    - {version: 1, file: v1.schema.json, state: deprecated, until: 2026-12-31}
    - version: 2
      file: v2.schema.json
      state: deprecated
      until: 2027-06-30
      migrate:
        - rename: {at: /cust, to: customer}
        - default: {at: /currency, value: EUR}
    - version: 3
      file: v3.schema.json
      state: active
      migrate: [{convert: {at: /amount, to: number}}]
    - {version: 4, file: v4.schema.json, state: canary, share: 0.5}
";

fn files() -> BTreeMap<String, String> {
    let members = |more: &str| {
        format!(
            r#"{{"type":"object","required":["id","at"],"additionalProperties":false,"properties":{{
                "id":{{"type":"string"}},"at":{{"type":"string"}},{more}}}}}"#
        )
    };
    BTreeMap::from(
        [
            ("v1.schema.json", r#""cust":{"type":"string"},"amount":{"type":"string"}"#),
            ("v2.schema.json", r#""customer":{},"currency":{},"amount":{"type":"string"}"#),
            ("v3.schema.json", r#""customer":{},"currency":{},"amount":{"type":"number"}"#),
            (
                "v4.schema.json",
                r#""customer":{},"currency":{},"amount":{"type":"number","minimum":0}"#,
            ),
        ]
        .map(|(name, more)| (name.to_owned(), members(more))),
    )
}

fn parse(schema: &str) -> Result<Contract, ContractError> {
    Contract::parse(&format!("{HEAD}{schema}"), &files())
}

fn data_at(taken_in: &str, payload: &str) -> Result<String, (Code, String)> {
    let origin = EventOrigin {
        source: "test".to_owned(),
        id: "1".to_owned(),
        traceparent: String::new(),
        taken_in: taken_in.parse().unwrap(),
    };
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    let envelope = parse(SCHEMA).unwrap().envelope(payload, origin);
    envelope
        .map(|envelope| {
            assert_eq!(envelope.dataschema, "orders/3");
            envelope.data.get().to_owned()
        })
        .map_err(|failure| (failure.code, failure.reason.into_owned()))
}

#[test]
fn an_event_of_an_older_version_is_taken_in_as_one_of_the_active_version() {
    const AT: &str = r#""at":"2026-11-30T00:00:00Z""#;
    let first = format!(r#"{{"id":"1","cust":"c","amount":"9.90",{AT}}}"#);
    let as_third = format!(r#"{{"amount":9.90,{AT},"currency":"EUR","customer":"c","id":"1"}}"#);
    assert_eq!(data_at("2026-12-01T00:00:00Z", &first), Ok(as_third.clone()));
    assert_eq!(data_at("2026-12-31T23:59:59Z", &first), Ok(as_third));
    let third = format!(r#"{{"id":"1", "customer":"c","amount":9.90,{AT}}}"#);
    assert_eq!(data_at("2026-12-01T00:00:00Z", &third), Ok(third), "byte for byte");
}

#[test]
fn a_version_ends_with_its_day() {
    const AT: &str = r#""at":"2026-11-30T00:00:00Z""#;
    let first = format!(r#"{{"id":"1","cust":"c","amount":"9.90",{AT}}}"#);
    let (code, reason) = data_at("2027-01-01T00:00:00Z", &first).unwrap_err();
    assert_eq!(
        (code, reason.as_str()),
        (Code::ContractViolation, "expected number, found a string")
    );
    let second = format!(r#"{{"id":"1","customer":"c","amount":"9.90",{AT}}}"#);
    assert!(data_at("2027-01-01T00:00:00Z", &second).is_ok());
    assert!(data_at("2027-07-01T00:00:00Z", &second).is_err());
}

#[test]
fn what_cannot_be_migrated_is_refused_with_the_step() {
    let payload = r#"{"id":"1","customer":"c","amount":"nine","at":"2026-11-30T00:00:00Z"}"#;
    let (code, reason) = data_at("2026-12-01T00:00:00Z", payload).unwrap_err();
    assert_eq!(code, Code::ContractViolation);
    assert_eq!(
        reason,
        "version 2 cannot be migrated: to version 3: step 1 (convert) at `/amount`: a string is there, which is no \
         number of its own"
    );
}

#[test]
fn a_letter_of_an_older_version_can_be_read_as_the_active_one() {
    let contract = parse(SCHEMA).unwrap();
    let first = json!({"id": "1", "cust": "c", "amount": "1.0", "at": "x"});
    let upgraded = contract.versions.upgrade(1, &first).unwrap();
    assert_eq!(
        upgraded.to_string(),
        r#"{"amount":1.0,"at":"x","currency":"EUR","customer":"c","id":"1"}"#
    );
    assert_eq!(contract.versions.upgrade(3, &first), Ok(first.clone()));
    assert_eq!(contract.versions.upgrade(4, &first), Err(UpgradeError::Unknown { version: 4 }));
    let without = SCHEMA.replace("      migrate: [{convert: {at: /amount, to: number}}]\n", "");
    let contract = parse(&without).unwrap();
    assert_eq!(contract.versions.upgrade(2, &first), Err(UpgradeError::NoMigration { version: 3 }));
}

#[track_caller]
fn check_refused(from: &str, to: &str, expected: &str) {
    assert!(SCHEMA.contains(from), "the test's own text has no `{from}`");
    let error = parse(&SCHEMA.replace(from, to)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn mistakes_in_versions_are_named() {
    check_refused("state: active", "state: canary", "exactly one that is active");
    check_refused(", state: canary, share: 0.5", "", "exactly one that is active");
    check_refused("version: 2\n", "version: 1\n", "from the oldest to the newest");
    check_refused("version: 1,", "version: 0,", "from the oldest to the newest");
    check_refused("v2.schema.json", "v1.schema.json", "a file of its own");
    check_refused(
        "state: canary, share: 0.5",
        "state: deprecated, until: 2027-01-01",
        "older than active",
    );
    check_refused(", until: 2026-12-31", "", "a day, such as");
    check_refused("2026-12-31", "2026-12-32", "a day, such as");
    check_refused("share: 0.5", "share: 1.5", "above 0, and at most 1");
    check_refused("share: 0.5", "until: 2027-01-01", "only of a deprecated version");
    check_refused("state: deprecated, until: 2026-12-31", "state: canary", "at most one canary");
    check_refused("file: v4.schema.json", "file: v5.schema.json", "`v5.schema.json` is not there");
    check_refused(
        "  versions:",
        "  version: 1\n  versions:",
        "either version and file, or versions",
    );
}

#[test]
fn a_contract_of_one_version_needs_no_list() {
    let contract = parse("schema: {version: 7, file: v3.schema.json}").unwrap();
    assert_eq!((contract.version, contract.versions.iter().count()), (7, 1));
    assert!(contract.versions.canary().is_none());
    let canary = parse(SCHEMA).unwrap().versions.canary().map(|it| (it.version, it.state));
    assert_eq!(canary, Some((4, VersionState::Canary { share: 0.5 })));
}
