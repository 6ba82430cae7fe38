use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn contract() -> Contract {
    let yaml = "
dataset: readings
description: What meters say
owner: metering
schema: {version: 2, file: v2.schema.json}
keys: {idempotency: [/meter, /at], business: [/meter], event_time: /at}
csv: {missing: [NA]}
sinks: [{name: records, kind: table}]
";
    let schema = r#"{"type":"object","required":["meter","at"],"properties":{
        "meter":{"type":"string"},"at":{"type":"string"},"kwh":{"type":["number","null"]}}}"#;
    let schemas = BTreeMap::from([("v2.schema.json".to_owned(), schema.to_owned())]);
    Contract::parse(yaml, &schemas).unwrap()
}

#[track_caller]
fn check(payload: &Value, code: Code, at: &str) {
    let failure =
        contract().accept(&Payload::parse(payload.to_string().as_bytes()).unwrap()).unwrap_err();
    assert_eq!((failure.code, failure.at.as_deref()), (code, Some(at)), "{failure}");
}

#[test]
fn what_breaks_the_contract_is_named_with_its_pointer() {
    check(&json!({"at": "2026-01-01T00:00:00Z"}), Code::KeyMissing, "/meter");
    check(&json!({"meter": null, "at": "2026-01-01T00:00:00Z"}), Code::KeyMissing, "/meter");
    check(&json!({"meter": "m", "at": "noon"}), Code::TimeInvalid, "/at");
    let wrong = json!({"meter": "m", "at": "2026-01-01T00:00:00Z", "kwh": "1"});
    check(&wrong, Code::ContractViolation, "/kwh");
    check(&json!({"meter": "m", "at": "0000-01-01T00:00:00+01:00"}), Code::TimeInvalid, "/at");
}

/// DynamoDB's range ends at 38 digits and 9.99E+125. Members that the schema does not declare are checked too.
#[test]
fn a_number_that_no_table_keeps_is_refused_with_its_pointer() {
    for number in ["1e300", "1e126", "1e-131", "123456789012345678901234567890123456789"] {
        let text = format!(
            r#"{{"meter":"m","at":"2026-01-01T00:00:00Z","other":{{"list":[1,{number}]}}}}"#
        );
        let failure = contract().accept(&Payload::parse(text.as_bytes()).unwrap()).unwrap_err();
        let place = failure.at.as_deref();
        assert_eq!((failure.code, place), (Code::NumberOutOfRange, Some("/other/list/1")));
    }
}

#[test]
fn a_member_without_a_name_is_refused_before_any_sink_has_it() {
    let at = "2026-01-01T00:00:00Z";
    for (more, place) in
        [(json!({"": 1}), "/more/"), (json!([1, {"a/b": {"": null}}]), "/more/1/a~1b/")]
    {
        let value = json!({"meter": "m", "at": at, "more": more});
        check(&value, Code::ContractViolation, place);
    }
    let top = json!({"meter": "m", "at": at, "": 1});
    check(&top, Code::ContractViolation, "/");
}

#[test]
fn a_time_keeps_its_fraction() {
    let value = json!({"meter": "m", "at": "2026-01-01T00:00:00.123456789Z"});
    let accepted =
        contract().accept(&Payload::parse(value.to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(accepted.event_time.to_string(), "2026-01-01T00:00:00.123456789Z");
}

#[test]
fn an_accepted_event_has_its_keys_and_time() {
    let value = json!({"meter": "m-1", "at": "2026-01-01T01:00:00+01:00", "kwh": null});
    let accepted =
        contract().accept(&Payload::parse(value.to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(accepted.event_time.to_string(), "2026-01-01T00:00:00.000Z");
    assert_eq!(accepted.subject.as_deref(), Some("m-1"));
}

#[test]
fn a_business_key_has_its_numbers_in_one_form() {
    let mut contract = contract();
    contract.keys.business = vec!["/meter".to_owned(), "/kwh".to_owned()];
    let text = r#"{"meter":"m","at":"2026-01-01T00:00:00Z","kwh":10.50}"#;
    let accepted = contract.accept(&Payload::parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(accepted.subject.as_deref(), Some("m-10.5"));
    let nothing = text.replace("10.50", "null");
    let accepted = contract.accept(&Payload::parse(nothing.as_bytes()).unwrap()).unwrap();
    assert_eq!(accepted.subject, None);
}

#[test]
fn a_tenant_is_a_text_or_a_number_wherever_else_the_contract_is_broken() {
    let mut contract = contract();
    assert_eq!(contract.tenant_of(&json!({"meter": "m"})), None);
    contract.tenant = Some("/meter".to_owned());
    let tenant = |text: &str| contract.tenant_of(&serde_json::from_str(text).unwrap());
    assert_eq!(tenant(r#"{"meter":"m","at":"noon"}"#).as_deref(), Some("m"));
    assert_eq!(tenant(r#"{"meter":7.0}"#).as_deref(), Some("7"));
    assert_eq!(tenant(r#"{"meter":["m"]}"#), None);
}

#[test]
fn a_csv_row_and_the_same_json_are_one_event() {
    let header = ["meter", "at", "kwh"].map(str::to_owned);
    let row = |kwh| contract().row(&header, &["7", "2026-01-01T00:00:00Z", kwh]);
    let json = br#"{"kwh":1.5,"meter":"7","at":"2026-01-01T00:00:00Z"}"#;
    let from_json = contract().accept(&Payload::parse(json).unwrap()).unwrap();
    let from_csv = contract().accept(&row("1.50").unwrap()).unwrap();
    assert_eq!(from_csv.fingerprint, from_json.fingerprint);
    assert_eq!(row("NA").unwrap().value["kwh"], Value::Null);
    assert_eq!(row("x").unwrap_err().at.as_deref(), Some("/kwh"));
    assert_eq!(contract().row(&header, &["7"]).unwrap_err().code, Code::DecodeCsv);
}

/// Reasons are in logs and dead letters, where operators see them.
#[test]
fn no_reason_quotes_a_value() {
    const SECRET: &str = "s3cret-77";
    let at = "2026-01-01T00:00:00Z";
    let header = ["meter", "at", "kwh"].map(str::to_owned);
    let digits = "77".repeat(20);
    let of_rows = [
        vec![SECRET, at],
        vec![SECRET, SECRET, "1"],
        vec!["m", SECRET, "1"],
        vec!["m", at, SECRET],
        vec!["", SECRET, "1"],
        vec![SECRET, at, &digits],
        vec![SECRET, at, "1", SECRET],
    ]
    .map(|fields| contract().row(&header, &fields));
    let of_texts = [
        json!(SECRET).to_string(),
        json!([SECRET]).to_string(),
        json!({"meter": [SECRET], "at": at}).to_string(),
        json!({"meter": {"a": SECRET}, "at": SECRET}).to_string(),
        json!({"meter": SECRET, "at": SECRET}).to_string(),
        json!({"meter": SECRET, "at": at, "kwh": SECRET}).to_string(),
        json!({"meter": SECRET, "": SECRET, "at": at}).to_string(),
        format!(r#"{{"meter":"{SECRET}","at":"{at}","kwh":{digits}}}"#),
        format!(r#"{{"meter":"{SECRET}"#),
        format!(r#"{{"meter":{SECRET}}}"#),
        format!(r#"{{"meter":"{SECRET}\q"}}"#),
        format!(r#"{{"meter":"{SECRET}","meter":"{SECRET}"}}"#),
    ]
    .map(|text| Payload::parse(text.as_bytes()));
    for payload in of_rows.into_iter().chain(of_texts) {
        let failure = payload.and_then(|payload| contract().accept(&payload)).unwrap_err();
        let told = format!("{} {}", failure.reason, failure.at.unwrap_or_default());
        assert!(!told.contains("s3cret") && !told.contains(&digits), "{told}");
    }
}

#[test]
fn a_header_must_have_the_required_columns_once() {
    let check = |names: &[&str]| {
        contract().check_header(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    };
    assert!(check(&["at", "meter"]).is_ok());
    assert!(check(&["at", "metre"]).unwrap_err().reason.contains("`meter`"));
    assert!(check(&["", "at", "meter"]).unwrap_err().reason.contains("column 1 of the header"));
    assert!(check(&["at", "meter", ""]).unwrap_err().reason.contains("column 3 of the header"));
    assert!(check(&["at", "meter", "at"]).unwrap_err().reason.contains("two columns"));
}

#[test]
fn a_region_is_carried_by_the_envelope() {
    let mut contract = contract();
    let region = |contract: &Contract, meter: &str| {
        let text = format!(r#"{{"meter":"{meter}","at":"2026-01-01T00:00:00Z"}}"#);
        let origin = EventOrigin {
            source: "/readings".to_owned(),
            id: "1".to_owned(),
            traceparent: String::new(),
            taken_in: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let payload = Payload::parse(text.as_bytes()).unwrap();
        contract.envelope(payload, origin).unwrap().region
    };
    assert_eq!(region(&contract, "eu"), None);
    contract.region = Some("/meter".to_owned());
    assert_eq!(region(&contract, "eu").as_deref(), Some("eu"));
    assert_eq!(region(&contract, ""), None);
    contract.region = Some("/kwh".to_owned());
    assert_eq!(region(&contract, "eu"), None, "it is not there");
}

#[test]
fn an_event_without_its_sequence_is_refused_before_any_sink_has_it() {
    let mut contract = contract();
    contract.keys.sequence = Some("/kwh".to_owned());
    for (kwh, found) in
        [("7", None), ("7.0", None), ("7.5", Some("a number")), ("null", Some("null"))]
    {
        let text = format!(r#"{{"meter":"m","at":"2026-01-01T00:00:00Z","kwh":{kwh}}}"#);
        let accepted = contract.accept(&Payload::parse(text.as_bytes()).unwrap());
        match (accepted, found) {
            (Ok(_), None) => {}
            (Err(failure), Some(found)) => {
                let place = failure.at.as_deref();
                assert_eq!((failure.code, place), (Code::ContractViolation, Some("/kwh")));
                assert!(failure.reason.ends_with(found), "{failure}");
            }
            (accepted, _) => panic!("{kwh}: {accepted:?}"),
        }
    }
}
