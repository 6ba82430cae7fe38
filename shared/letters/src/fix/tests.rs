use std::collections::BTreeMap;

use event::{Attribute, Code, CsvHeader, FAILURE_ATTRIBUTE, Timestamp};
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::LetterId;

const MOST_BYTES: usize = 1_000_000;

/// A dataset with a closed schema, to whose payloads two enrichers add, one after the other.
const YAML: &str = "
dataset: orders
description: d
owner: o
schema: {version: 3, file: v3.schema.json}
keys: {idempotency: [/id], business: [/customer], event_time: /at}
enrichers:
  - {name: rates, http: {url: 'https://rates.test/{/currency}'}, into: rate}
  - {name: banks, http: {url: 'https://banks.test/{/rate/bank}'}, into: bank}
sinks: [{name: records, kind: table}]
";

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["id","at"],"properties":{
    "id":{"type":"integer"},"customer":{"type":"string"},"at":{"type":"string"},
    "currency":{"type":"string"},"amount":{"type":["number","null"]}}}"#;

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v3.schema.json".to_owned(), SCHEMA.to_owned())]);
    catalog.add("orders", YAML, &files).unwrap();
    catalog
}

const AT: &str = "2026-01-01T00:00:00Z";

fn attributes() -> Attributes {
    [(DATASET, "orders"), ("eventid", "e1")]
        .map(|(name, value)| (name.to_owned(), Attribute::string(value)))
        .into()
}

fn message(stage: &str, body: String, attributes: Attributes) -> StoredMessage {
    StoredMessage {
        message_format: 1,
        id: LetterId("l1".to_owned()),
        stage: stage.to_owned(),
        body,
        attributes,
        group: None,
        message_id: "m1".to_owned(),
        sent_at: None,
        receive_count: 1,
        moved_from: None,
    }
}

/// The attributes of a message that failed at the stage, with the failure.
fn letter(stage: &str, change: impl Fn(&mut DeadLetter)) -> Attributes {
    let failure = Failure::permanent(Code::ContractViolation, "x".repeat(500));
    let mut letter = DeadLetter::new(stage, &failure, Timestamp::from_unix_ms(0), "m1");
    change(&mut letter);
    letter.write(attributes())
}

fn try_fixed(message: &StoredMessage, patch: &str) -> Result<Fixed, FixError> {
    let fix = Fix::parse(&serde_json::from_str(patch).unwrap()).unwrap();
    apply_fix(message, &fix, &catalog(), MOST_BYTES)
}

/// The envelope that ingest makes of a payload.
fn ingested(payload: &str) -> Envelope {
    let origin = EventOrigin {
        source: "arn:inbox".to_owned(),
        id: "e1".to_owned(),
        traceparent: "00-1-1-00".to_owned(),
        taken_in: Timestamp::from_unix_ms(1_767_225_600_000),
    };
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    catalog().get("orders").unwrap().envelope(payload, origin).unwrap()
}

const ANSWERS: &str = r#","rate":{"bank":"ecb","eur":1.10},"bank":null"#;

/// A letter of a stage after `enrich`.
fn enriched(stage: &str, payload: &str) -> StoredMessage {
    let mut envelope = ingested(payload);
    let data = format!("{}{ANSWERS}}}", payload.strip_suffix('}').unwrap());
    envelope.data = serde_json::from_str(&data).unwrap();
    envelope.degraded = Some("banks".to_owned());
    message(stage, envelope.to_json().unwrap(), letter(stage, |_| ()))
}

#[test]
fn a_producers_payload_is_changed_and_keeps_its_digits() {
    let body = format!(r#"{{"id":1,"at":"{AT}","amount":"12345678901234567890.10"}}"#);
    let message = message("ingest", body, letter("ingest", |_| ()));
    let patch = r#"[{"op":"replace","path":"/amount","value":12345678901234567890.10}]"#;
    let body = format!(r#"{{"amount":12345678901234567890.10,"at":"{AT}","id":1}}"#);
    assert_eq!(try_fixed(&message, patch), Ok(Fixed { stage: "ingest".to_owned(), body }));
}

/// Whatever stage an event failed at, its changed payload makes the same event as it would in ingest.
#[test]
fn an_envelope_is_that_of_the_changed_payload() {
    let old = format!(r#"{{"id":1,"customer":"c","at":"{AT}","currency":"EUR","amount":1.0}}"#);
    let new =
        r#"{"amount":1.0,"at":"2026-01-02T00:00:00Z","currency":"EUR","customer":"d","id":2}"#;
    let patch = r#"[{"op":"replace","path":"/id","value":2},{"op":"replace","path":"/customer","value":"d"},
        {"op":"replace","path":"/at","value":"2026-01-02T00:00:00Z"}]"#;
    let expected = ingested(new);
    let plain = message("enrich", ingested(&old).to_json().unwrap(), letter("enrich", |_| ()));
    let fixed = try_fixed(&plain, patch).unwrap();
    assert_eq!((fixed.stage.as_str(), fixed.body), ("enrich", expected.to_json().unwrap()));
    for stage in ["sink", "lake", "deliver", "alerts"] {
        let fixed = try_fixed(&enriched(stage, &old), patch).unwrap();
        let envelope = Envelope::from_json(&fixed.body).unwrap();
        assert_eq!((fixed.stage.as_str(), envelope.degraded.as_deref()), (stage, Some("banks")));
        assert_eq!(envelope.fingerprint, expected.fingerprint);
        assert_eq!(envelope.idempotencykey, expected.idempotencykey);
        assert_eq!((envelope.time, envelope.subject), (expected.time, expected.subject.clone()));
        assert_eq!(envelope.dataschema, "orders/3");
        assert_eq!((envelope.id.as_str(), envelope.source.as_str()), ("e1", "arn:inbox"));
        assert_eq!(envelope.ingesttime, expected.ingesttime);
        let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
        assert_eq!(data["rate"].to_string(), r#"{"bank":"ecb","eur":1.10}"#);
        assert_eq!((&data["bank"], &data["id"]), (&Value::Null, &json!(2)));
    }
}

#[test]
fn what_enrichers_were_asked_about_is_asked_anew_where_it_changes() {
    let old = format!(r#"{{"id":1,"at":"{AT}","currency":"EUR"}}"#);
    let new = format!(r#"{{"at":"{AT}","currency":"USD","id":1}}"#);
    for patch in [
        r#"[{"op":"replace","path":"/currency","value":"USD"}]"#,
        r#"[{"op":"replace","path":"/currency","value":"USD"},{"op":"remove","path":"/bank"}]"#,
    ] {
        let fixed = try_fixed(&enriched("sink", &old), patch).unwrap();
        let expected = ingested(&new).to_json().unwrap();
        assert_eq!(fixed, Fixed { stage: "enrich".to_owned(), body: expected });
    }
    let another = r#"[{"op":"replace","path":"/rate/bank","value":"boe"}]"#;
    assert_eq!(try_fixed(&enriched("sink", &old), another).unwrap().stage, "enrich");
}

/// The answers of enrichers are not part of an event's identity.
#[test]
fn an_answer_can_be_mended_and_the_event_stays_the_same() {
    let old = format!(r#"{{"id":1,"at":"{AT}","currency":"EUR"}}"#);
    let patch = r#"[{"op":"replace","path":"/rate/eur","value":1.2}]"#;
    let fixed = try_fixed(&enriched("lake", &old), patch).unwrap();
    let envelope = Envelope::from_json(&fixed.body).unwrap();
    assert_eq!(
        (fixed.stage.as_str(), &envelope.fingerprint),
        ("lake", &ingested(&old).fingerprint)
    );
    let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
    assert_eq!(data["rate"]["eur"].to_string(), "1.2");
}

/// In a message to `enrich`, a member with the name of an enricher's answer was sent by the producer.
#[test]
fn a_member_that_is_an_enrichers_can_be_taken_away_before_it_is_enriched() {
    let mut envelope = ingested(&format!(r#"{{"id":1,"at":"{AT}"}}"#));
    let data = format!(r#"{{"id":1,"at":"{AT}","rate":7}}"#);
    envelope.data = serde_json::from_str(&data).unwrap();
    let message = message("enrich", envelope.to_json().unwrap(), attributes());
    let fixed = try_fixed(&message, r#"[{"op":"remove","path":"/rate"}]"#).unwrap();
    assert!(!fixed.body.contains("rate"), "{}", fixed.body);
    let error = try_fixed(&message, r#"[{"op":"test","path":"/id","value":1}]"#).unwrap_err();
    assert!(error.to_string().contains("(/rate)"), "{error}");
}

#[test]
fn what_has_no_payload_is_refused_with_the_reason() {
    let csv = CsvHeader::new(&["id".to_owned()], b',').attribute();
    let mut with_header = attributes();
    with_header.insert(CSV_ATTRIBUTE.to_owned(), csv);
    let body = r#"{"Records":[{"eventSource":"aws:s3"}]}"#;
    for (attributes, expected) in [
        (letter("ingest", |it| it.form = Form::Csv), "a row of a CSV file"),
        (with_header, "a row of a CSV file"),
        (letter("ingest", |it| it.form = Form::Place), "a line of a file"),
        (letter("ingest", |it| it.encoding = Encoding::Base64), "not text"),
        (letter("ingest", |it| it.encoding = Encoding::Claim), "kept in the archive"),
        (Attributes::new(), "announces files"),
    ] {
        let message = message("ingest", body.to_owned(), attributes);
        let error = try_fixed(&message, r#"[{"op":"remove","path":"/Records"}]"#).unwrap_err();
        assert!(matches!(error, FixError::NoPayload(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[track_caller]
fn check(stage: &str, body: &str, patch: &str, expected: &str) {
    let message = message(stage, body.to_owned(), letter(stage, |_| ()));
    let error = try_fixed(&message, patch).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn what_does_not_come_out_right_is_refused_with_its_place() {
    let body = format!(r#"{{"id":1,"at":"{AT}","amount":"s3cret"}}"#);
    let amount = |op: &str, value: &str| {
        format!(
            r#"[{{"op":"test","path":"/id","value":1}},{{"op":"{op}","path":"/{value}","value":"s4cret"}}]"#
        )
    };
    check(
        "ingest",
        &body,
        &amount("replace", "distance"),
        "the patch's operation 2 (replace /distance): nothing is there",
    );
    check(
        "ingest",
        &body,
        &amount("test", "amount"),
        "the patch's operation 2 (test /amount): another value is there",
    );
    check(
        "ingest",
        &body,
        &amount("replace", "amount"),
        "with the patch it would fail again: contract.violation: expected number or null, found a string (/amount)",
    );
    check("ingest", "1,2", &amount("add", "a"), "it cannot be patched as it is: decode.json: ");
    check("sink", &body, &amount("add", "a"), "it cannot be patched as it is: decode.envelope: ");
    let escaped = r#"[{"op":"replace","path":"/amount","value":1},{"op":"add","path":"/customer","value":"\ufffe"}]"#;
    check("ingest", &body, escaped, "it cannot be patched: with the patch it has characters");
    let reserved = r#"[{"op":"replace","path":"/amount","value":1},{"op":"add","path":"/$serde_json::private::Number","value":"1"}]"#;
    check("ingest", &body, reserved, "with the patch it would fail again: decode.json: a member");
    let mut unknown = attributes();
    unknown.insert(DATASET.to_owned(), Attribute::string("others"));
    let error = try_fixed(&message("ingest", body, unknown), &amount("add", "a")).unwrap_err();
    assert!(error.to_string().contains("contract.unknown-dataset"), "{error}");
}

/// The attribute that says why a letter failed does not count toward the limit.
#[test]
fn a_result_that_leaves_no_room_is_refused() {
    let old = format!(r#"{{"id":1,"at":"{AT}","currency":"EUR"}}"#);
    let patch = r#"[{"op":"test","path":"/id","value":1}]"#;
    let patch = Fix::parse(&serde_json::from_str(patch).unwrap()).unwrap();
    for message in
        [message("ingest", old.clone(), letter("ingest", |_| ())), enriched("sink", &old)]
    {
        assert!(message.attributes.contains_key(FAILURE_ATTRIBUTE));
        let fit = apply_fix(&message, &patch, &catalog(), MOST_BYTES).unwrap();
        let bytes = fit.body.len() + attributes_size(&attributes());
        assert_eq!(apply_fix(&message, &patch, &catalog(), bytes), Ok(fit));
        let most = bytes - 1;
        let error = FixError::TooLarge { bytes, most };
        assert_eq!(apply_fix(&message, &patch, &catalog(), most), Err(error));
    }
}

#[test]
fn a_payload_is_held_to_its_contract_as_ingest_does() {
    let catalog = catalog();
    let contract = catalog.get("orders").unwrap();
    assert_eq!(validate(&json!({"id": 1, "at": AT}), contract), Ok(()));
    for (payload, code) in [
        (json!({"at": AT}), Code::KeyMissing),
        (json!({"id": "1", "at": AT}), Code::ContractViolation),
        (json!({"id": 1, "at": "noon"}), Code::TimeInvalid),
        (json!([]), Code::DecodeJson),
    ] {
        assert_eq!(validate(&payload, contract).unwrap_err().code, code, "{payload}");
    }
}

/// A dataset whose second version has another name for a member.
fn versioned() -> Catalog {
    let yaml = YAML.replace(
        "schema: {version: 3, file: v3.schema.json}",
        "schema:
  versions:
    - {version: 1, file: v1.schema.json, state: deprecated, until: 2020-01-01}
    - {version: 3, file: v3.schema.json, migrate: [{rename: {at: /cust, to: customer}}]}",
    );
    let first = SCHEMA.replace("\"customer\"", "\"cust\"");
    let files = [("v1.schema.json", first), ("v3.schema.json", SCHEMA.to_owned())];
    let files = files.map(|(name, text)| (name.to_owned(), text)).into();
    let mut catalog = Catalog::default();
    catalog.add("orders", &yaml, &files).unwrap();
    catalog
}

fn newest(message: &StoredMessage) -> Result<Fixed, FixError> {
    apply_fix(message, &Fix::NewestVersion, &versioned(), MOST_BYTES)
}

/// Also where the version is not taken in any more: the operator asks for it.
#[test]
fn a_payload_of_an_older_version_is_brought_to_the_newest() {
    let old = format!(r#"{{"id":1,"cust":"c","at":"{AT}","amount":1.50}}"#);
    let message = message("ingest", old, letter("ingest", |_| {}));
    let fixed = newest(&message).unwrap();
    assert_eq!(fixed.body, format!(r#"{{"amount":1.50,"at":"{AT}","customer":"c","id":1}}"#));
}

#[test]
fn an_envelope_of_an_older_version_is_brought_to_the_newest() {
    let mut envelope = ingested(&format!(r#"{{"id":1,"customer":"c","at":"{AT}"}}"#));
    envelope.dataschema = "orders/1".to_owned();
    envelope.data = RawValue::from_string(format!(r#"{{"id":1,"cust":"c","at":"{AT}"}}"#)).unwrap();
    let message = message("enrich", envelope.to_json().unwrap(), letter("enrich", |_| {}));
    let fixed = Envelope::from_json(&newest(&message).unwrap().body).unwrap();
    assert_eq!(fixed.dataschema, "orders/3");
    assert_eq!(fixed.data.get(), format!(r#"{{"at":"{AT}","customer":"c","id":1}}"#));
    assert_eq!(fixed.subject.as_deref(), Some("c"));
}

#[test]
fn what_fits_no_version_stays_and_says_why() {
    let message = message("ingest", r#"{"id":"x"}"#.to_owned(), letter("ingest", |_| {}));
    let error = newest(&message).unwrap_err().to_string();
    assert_eq!(
        error,
        "it cannot be brought to the newest version: it fits no version of the schema"
    );
    assert_eq!(Fix::parse(&json!("newest-version")), Ok(Fix::NewestVersion));
    assert!(Fix::parse(&json!("newest")).is_err());
}

/// A dataset of changes, whose messages have the row in an envelope of Debezium.
fn changes() -> Catalog {
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v3.schema.json".to_owned(), SCHEMA.to_owned())]);
    catalog.add("orders", &format!("{YAML}changes: {{kind: debezium}}\n"), &files).unwrap();
    catalog
}

#[test]
fn the_message_of_a_change_is_patched_as_it_came() {
    let change =
        |op: &str| format!(r#"{{"after":{{"at":"{AT}","id":1}},"op":"{op}","source":{{}}}}"#);
    let letter = message("ingest", change("x"), letter("ingest", |_| ()));
    let fixed = |op: &str| {
        let patch = json!([{"op": "replace", "path": "/op", "value": op}]);
        apply_fix(&letter, &Fix::parse(&patch).unwrap(), &changes(), MOST_BYTES)
    };
    assert_eq!(fixed("u"), Ok(Fixed { stage: "ingest".to_owned(), body: change("u") }));
    assert!(
        matches!(fixed("t"), Err(FixError::Refused(failure)) if failure.code == Code::DecodeFormat)
    );
}

#[test]
fn a_patched_row_keeps_its_operation_and_its_order_and_is_not_read_again() {
    let payload = format!(r#"{{"id":1,"at":"{AT}"}}"#);
    let mut envelope = ingested(&payload);
    (envelope.operation, envelope.sequence) = (Some("delete".to_owned()), Some("007".to_owned()));
    let message = message("sink", envelope.to_json().unwrap(), letter("sink", |_| ()));
    let patch = json!([{"op": "add", "path": "/amount", "value": 1}]);
    let fixed = apply_fix(&message, &Fix::parse(&patch).unwrap(), &changes(), MOST_BYTES).unwrap();
    let made = Envelope::from_json(&fixed.body).unwrap();
    assert_eq!((made.operation, made.sequence), (envelope.operation, envelope.sequence));
    assert!(matches!(reprocess(&message, &changes()), Err(FixError::NoPayload(_))));
}
