use proptest::prelude::*;
use serde_json::json;

use super::*;

fn migration(yaml: &str) -> Result<Migration, ContractError> {
    let raw: Vec<RawStep> =
        serde_saphyr::from_str(yaml).map_err(|error| ContractError::of_yaml(&error))?;
    Migration::validate(raw)
}

#[track_caller]
fn check(yaml: &str, from: &str, expected: &str) {
    let from: Value = serde_json::from_str(from).unwrap();
    assert_eq!(migration(yaml).unwrap().apply(&from).unwrap().to_string(), expected);
}

#[track_caller]
fn check_failed(yaml: &str, from: &Value, expected: &str) {
    assert_eq!(migration(yaml).unwrap().apply(from).unwrap_err().to_string(), expected);
}

#[test]
fn each_step_does_what_it_says() {
    check(
        "[rename: {at: /cust, to: customer}]",
        r#"{"cust":"a","n":1.50}"#,
        r#"{"customer":"a","n":1.50}"#,
    );
    check(
        "[rename: {at: '/lines/*/id', to: sku}]",
        r#"{"lines":[{"id":1},{},{"id":2}]}"#,
        r#"{"lines":[{"sku":1},{},{"sku":2}]}"#,
    );
    check(
        "[move: {from: /price, to: /total/amount}]",
        r#"{"price":9.90}"#,
        r#"{"total":{"amount":9.90}}"#,
    );
    check("[default: {at: /currency, value: EUR}]", r#"{"a":1}"#, r#"{"a":1,"currency":"EUR"}"#);
    check("[default: {at: /currency, value: EUR}]", r#"{"currency":null}"#, r#"{"currency":null}"#);
    check(
        "[default: {at: '/lines/*/count', value: 1}]",
        r#"{"lines":[{},{"count":7}]}"#,
        r#"{"lines":[{"count":1},{"count":7}]}"#,
    );
    check(
        "[drop: {at: '/lines/*/note'}]",
        r#"{"lines":[{"note":"x"},{}]}"#,
        r#"{"lines":[{},{}]}"#,
    );
    check(
        "[convert: {at: /a, to: number}]",
        r#"{"a":"12345678901234567890.10"}"#,
        r#"{"a":12345678901234567890.10}"#,
    );
    check("[convert: {at: /a, to: integer}]", r#"{"a":"12.0"}"#, r#"{"a":12}"#);
    check("[convert: {at: /a, to: string}]", r#"{"a":1.10}"#, r#"{"a":"1.10"}"#);
    check("[convert: {at: /a, to: boolean}]", r#"{"a":"true"}"#, r#"{"a":true}"#);
    check(
        "[convert: {at: /a, to: date_time_from_unix_s}]",
        r#"{"a":1795824000}"#,
        r#"{"a":"2026-11-28T00:00:00.000Z"}"#,
    );
    check(
        "[convert: {at: /a, to: date_time_from_unix_ms}]",
        r#"{"a":"1795824000123"}"#,
        r#"{"a":"2026-11-28T00:00:00.123Z"}"#,
    );
    check("[convert: {at: /a, to: number}]", r#"{"a":null}"#, r#"{"a":null}"#);
    check("[map: {at: /s, values: {A: active, '1': one}}]", r#"{"s":"A"}"#, r#"{"s":"active"}"#);
    check("[map: {at: /s, values: {A: active, '1': one}}]", r#"{"s":1}"#, r#"{"s":"one"}"#);
    check("[map: {at: /s, values: {A: active}, otherwise: keep}]", r#"{"s":"B"}"#, r#"{"s":"B"}"#);
    check(
        "[map: {at: /s, values: {A: active}, otherwise: {value: other}}]",
        r#"{"s":"B"}"#,
        r#"{"s":"other"}"#,
    );
}

#[test]
fn a_step_whose_place_is_not_there_changes_nothing() {
    let steps = "
- rename: {at: /a, to: b}
- move: {from: /a/b, to: /c}
- default: {at: /a/b, value: 1}
- drop: {at: '/a/*'}
- convert: {at: /a, to: number}
- map: {at: /a, values: {}}
";
    check(steps, r#"{"x":[1]}"#, r#"{"x":[1]}"#);
}

#[test]
fn a_step_that_cannot_be_done_is_named_without_a_value() {
    let value = json!({"a": "secret", "b": "other", "c": {"d": 1}});
    check_failed(
        "[rename: {at: /a, to: b}]",
        &value,
        "step 1 (rename) at `/a`: `b` is there already, with another value",
    );
    check_failed(
        "[drop: {at: /x}, convert: {at: /a, to: integer}]",
        &value,
        "step 2 (convert) at `/a`: a string is there, which is no integer of its own",
    );
    check_failed(
        "[convert: {at: /c, to: string}]",
        &value,
        "step 1 (convert) at `/c`: an object is there, which is no text of its own",
    );
    check_failed(
        "[map: {at: /a, values: {A: active}}]",
        &value,
        "step 1 (map) at `/a`: a value is there that the map does not have",
    );
    check_failed(
        "[move: {from: /a, to: /b}]",
        &value,
        "step 1 (move) at `/a`: something is at `/b` already",
    );
    check_failed(
        "[move: {from: /a, to: /c/d/e}]",
        &value,
        "step 1 (move) at `/a`: `/c/d/e` is in no object",
    );
}

#[track_caller]
fn check_refused(yaml: &str, expected: &str) {
    let error = migration(yaml).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    check_refused("[rename: {at: a, to: b}]", "step 1: `a` is not a JSON Pointer");
    check_refused("[rename: {at: /a, to: /b}]", "is the new name");
    check_refused("[drop: {at: ''}]", "the whole payload");
    check_refused("[move: {from: '/a/*', to: /b}]", "no `*`");
    check_refused("[move: {from: /a, to: /a/b}]", "into itself");
    check_refused("[convert: {at: /a, to: float}]", "float");
    check_refused("[rewrite: {at: /a}]", "rewrite");
    check_refused("[drop: {at: /a, to: b}]", "to");
    check_refused(&"- drop: {at: /a}\n".repeat(101), "at most 100 steps");
}

proptest! {
    #[test]
    fn a_text_that_becomes_a_number_and_a_text_again_is_the_same(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?") {
        let there = migration("[convert: {at: /a, to: number}]").unwrap();
        let back = migration("[convert: {at: /a, to: string}]").unwrap();
        let value = json!({"a": text});
        prop_assert_eq!(back.apply(&there.apply(&value).unwrap()).unwrap(), value);
    }
}
