use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::Contract;

const YAML: &str = "
dataset: orders
description: What customers bought
owner: sales
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: records, kind: table}, {name: alerts, kind: custom, by: alerts}]
triage:
";

fn parse(rules: &str) -> Result<Contract, ContractError> {
    let schemas = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    Contract::parse(&format!("{YAML}{rules}"), &schemas)
}

fn group(last: char) -> FailureFingerprint {
    serde_json::from_value(json!(format!("1-000000000000000{last}"))).unwrap()
}

#[test]
fn the_first_rule_that_applies_counts() {
    let contract = parse(
        "
  - {when: {group: 1-0000000000000001}, then: quarantine}
  - {when: {stage: [sink, alerts], code: dependency.unavailable}, then: redrive-when-closed, wait: 10m, most: 50}
  - {when: {code: [dependency.unavailable, contract.violation]}, then: redrive, fix: [{op: remove, path: /note}]}
  - {when: {stage: sink}, then: notify, wait: 2d}
",
    )
    .unwrap();
    let rule = |stage, code, last| contract.rule_for(stage, code, &group(last));
    let then = |stage, code, last| rule(stage, code, last).map(|rule| rule.then);
    use TriageAction::{Notify, Quarantine, Redrive, RedriveWhenClosed};
    let (away, conflict) = (Code::DependencyUnavailable, Code::Conflict);
    assert_eq!(then("sink", away, '1'), Some(Quarantine));
    assert_eq!(then("sink", away, '2'), Some(RedriveWhenClosed));
    assert_eq!(then("alerts", away, '2'), Some(RedriveWhenClosed));
    assert_eq!(then("lake", away, '2'), Some(Redrive));
    assert_eq!(then("lake", Code::ContractViolation, '2'), Some(Redrive));
    assert_eq!(then("sink", conflict, '2'), Some(Notify));
    assert_eq!(then("lake", conflict, '2'), None);
    let waits = rule("alerts", away, '2').unwrap();
    assert_eq!((waits.wait, waits.most), (Duration::from_secs(600), 50));
    let fixes = rule("lake", away, '2').unwrap();
    assert_eq!((fixes.wait, fixes.most), (Duration::ZERO, 1_000));
    let fixed = fixes.fix.as_ref().unwrap().apply(&json!({"id": 1, "note": "x"})).unwrap();
    assert_eq!(fixed, json!({"id": 1}));
}

#[track_caller]
fn check(rule: &str, expected: &str) {
    let error = parse(&format!("  - {{{rule}}}\n")).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn mistakes_are_named() {
    check("then: redrive", "when");
    check("when: {stage: sink}", "then");
    check("when: {}, then: redrive", "`triage.when`: at least one of group, code and stage");
    check("when: {stage: []}, then: redrive", "`triage.when`: a list without anything in it");
    check("when: {stages: sink}, then: redrive", "stages");
    check("when: {stage: snik}, then: redrive", "`triage.when.stage`: `snik` is none of ingest,");
    check("when: {code: a.b}, then: redrive", "`triage.when.code`: `a.b` is no code of a failure");
    for group in ["abc", "1-abc", "x-0000000000000001", "1-000000000000000G"] {
        check(&format!("when: {{group: {group}}}, then: redrive"), "`triage.when.group`: ");
    }
    check("when: {stage: sink}, then: retry", "retry");
    check("when: {stage: sink}, then: redrive, after: 1m", "after");
    for wait in ["10", "''", "m", "1.5h", "-1m", "10min", "15d", "99999999999999999999d", "1 m"] {
        let rule = format!("when: {{stage: sink}}, then: redrive, wait: {wait}");
        check(&rule, if wait == "10" { "wait" } else { "`triage.wait`: " });
    }
    for most in ["0", "100001"] {
        let rule = format!("when: {{stage: sink}}, then: redrive, most: {most}");
        check(&rule, "`triage.most`: from 1 to 100000 letters");
    }
}

#[test]
fn a_fix_is_a_patch_that_goes_with_a_redrive() {
    let fix = "fix: [{op: remove, path: /a}]";
    for then in ["redrive-when-closed", "quarantine", "notify"] {
        let rule = format!("when: {{stage: sink}}, then: {then}, {fix}");
        check(&rule, "`triage.fix`: only with `then: redrive`");
    }
    let with = |fix: &str| format!("when: {{stage: sink}}, then: redrive, fix: {fix}");
    check(&with("[]"), "`triage.fix`: expected a JSON Patch");
    check(
        &with("[{op: set, path: /a}]"),
        "`triage.fix`: the patch's operation 1: `set` is none of",
    );
    check(&with("'[{'"), "`triage.fix`: malformed JSON");
    check(&with("[{op: add, path: /a, value: 1.50}]"), "so that a fraction keeps its digits");
}

#[test]
fn a_fix_keeps_the_digits_of_its_numbers() {
    for (written, expected) in [
        (
            "'[{\"op\": \"add\", \"path\": \"/a\", \"value\": 12345678901234567890.10}]'",
            "12345678901234567890.10",
        ),
        ("[{op: add, path: /a, value: 1234567890123456789}]", "1234567890123456789"),
        ("[{op: add, path: /a, value: -1}]", "-1"),
    ] {
        let rule = format!("  - {{when: {{stage: sink}}, then: redrive, fix: {written}}}\n");
        let contract = parse(&rule).unwrap();
        let fixed = contract.triage[0].fix.as_ref().unwrap().apply(&json!({})).unwrap();
        assert_eq!(fixed["a"].to_string(), expected);
    }
}

/// YAML would round a fraction, so that it is refused.
#[test]
fn a_whole_number_of_many_digits_is_kept_or_refused() {
    let digits = "123456789012345678901234567890123456789012";
    let rule = format!(
        "  - {{when: {{stage: sink}}, then: redrive, fix: [{{op: add, path: /a, value: {digits}}}]}}\n"
    );
    if let Ok(contract) = parse(&rule) {
        let fixed = contract.triage[0].fix.as_ref().unwrap().apply(&json!({})).unwrap();
        assert_eq!(fixed["a"].to_string(), digits);
    }
}
