use std::collections::BTreeMap;

use super::*;

fn contract() -> Contract {
    let yaml = "
dataset: readings
description: What meters say
owner: metering
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/meter, /at], business: [/meter], event_time: /at}
sinks: [{name: records, kind: table}]
";
    let schema = r#"{"type":"object","required":["meter","at"],"properties":{
        "meter":{"type":"string"},"at":{"type":"string"},"kwh":{"type":["number","null"]}}}"#;
    let schemas = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_owned())]);
    Contract::parse(yaml, &schemas).unwrap()
}

fn keys(events: &[Event]) -> Vec<Result<&str, Code>> {
    let verdict = |event: &'_ Event| match &event.expected {
        Expected::Accepted { key, .. } => Ok(key.clone()),
        Expected::Rejected(code) => Err(*code),
    };
    // Only whether, and under which code: the keys' own tests are the contract's.
    events.iter().map(|event| verdict(event).map(|_| "key")).collect()
}

#[test]
fn lines_are_judged_by_the_contract_and_blank_ones_are_none() {
    let text = "{\"meter\":\"m\",\"at\":\"2026-01-01T00:00:00Z\"}\n\n{\"meter\":\"m\"}\n{\n";
    let events = judged(&contract(), read_lines(&mut text.as_bytes(), 10).unwrap());
    assert_eq!(keys(&events), [Ok("key"), Err(Code::KeyMissing), Err(Code::DecodeJson)]);
    assert_eq!(events[2].bytes, b"{");
    assert_eq!(read_lines(&mut text.as_bytes(), 1).unwrap().len(), 1);
}

#[test]
fn a_csv_record_and_its_json_have_one_key() {
    let csv = "meter,at,kwh\r\n\"m\",2026-01-01T00:00:00Z,1.5\r\nm,2026-01-01T00:00:00Z\n";
    let events = judged(&contract(), read_csv(&mut csv.as_bytes(), 10).unwrap());
    assert_eq!(keys(&events), [Ok("key"), Err(Code::DecodeCsv)]);
    assert_eq!(events[0].bytes, b"\"m\",2026-01-01T00:00:00Z,1.5");
    let json = br#"{"meter":"m","at":"2026-01-01T00:00:00Z","kwh":1.5}"#;
    let lines = judged(&contract(), read_lines(&mut json.as_slice(), 1).unwrap());
    assert_eq!(events[0].expected, lines[0].expected);
}

#[test]
fn a_header_that_cannot_carry_the_dataset_refuses_every_record() {
    let csv = "metre,at\nm,2026-01-01T00:00:00Z\n";
    let events = judged(&contract(), read_csv(&mut csv.as_bytes(), 10).unwrap());
    assert_eq!(keys(&events), [Err(Code::DecodeFormat)]);
}

#[track_caller]
fn check_fields(record: &str, expected: &[&str]) {
    assert_eq!(fields(record.as_bytes()).unwrap(), expected, "{record}");
}

#[test]
fn fields_are_split_as_csv_quotes_them() {
    check_fields("a,b", &["a", "b"]);
    check_fields("a,", &["a", ""]);
    check_fields("\"a,\"\"b\"\"\",c", &["a,\"b\"", "c"]);
    check_fields("\"two\nlines\",c", &["two\nlines", "c"]);
    assert_eq!(fields(b"\xff,a"), None);
}

#[test]
fn a_quoted_record_goes_on_over_lines() {
    let mut text = b"\"a\nb\",c\nd\n".as_slice();
    assert_eq!(next_record(&mut text).unwrap().unwrap(), b"\"a\nb\",c");
    assert_eq!(next_record(&mut text).unwrap().unwrap(), b"d");
    assert_eq!(next_record(&mut text).unwrap(), None);
}

#[test]
fn a_file_of_another_kind_is_refused_with_what_is_read() {
    let failure = read(Path::new("events.xml"), &contract(), 1).unwrap_err().to_string();
    assert!(failure.contains(".ndjson, .jsonl or .csv, or with .gz"), "{failure}");
    let failure = read(Path::new("/nowhere/a.csv"), &contract(), 1).unwrap_err().to_string();
    assert!(failure.contains("/nowhere/a.csv"), "{failure}");
}
