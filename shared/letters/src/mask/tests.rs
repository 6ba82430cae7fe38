use std::collections::BTreeMap;

use contracts::pointer_tokens;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn pointers(list: &[&str]) -> Vec<String> {
    list.iter().map(|&pointer| pointer.to_owned()).collect()
}

#[track_caller]
fn check(payload: &Value, personal: &[&str], expected: &Value) {
    assert_eq!(mask_values(payload, &pointers(personal)), *expected, "{personal:?}");
}

#[test]
fn whatever_is_at_a_personal_place_is_masked() {
    for value in [json!("Ada"), json!(7), json!(null), json!(true), json!([1]), json!({"a": 1})] {
        check(&json!({"name": value, "id": 1}), &["/name"], &json!({"name": "***", "id": 1}));
    }
    let legs = json!({"legs": [{"seat": "1A", "to": "JFK"}, {"seat": "2B"}, {}]});
    let expected = json!({"legs": [{"seat": "***", "to": "JFK"}, {"seat": "***"}, {}]});
    check(&legs, &["/legs/*/seat"], &expected);
    let expected = json!({"legs": [{"seat": "1A", "to": "JFK"}, {"seat": "***"}, {}]});
    check(&legs, &["/legs/1/seat"], &expected);
    check(&json!({"by": {"x": {"n": 1}}}), &["/by/*/n"], &json!({"by": {"x": {"n": "***"}}}));
    let escaped = json!({"a/b": {"~": 1, "c": 2}});
    check(&escaped, &["/a~1b/~0"], &json!({"a/b": {"~": "***", "c": 2}}));
    check(&json!({"a": 1.50}), &["/b"], &json!({"a": 1.50}));
    check(&json!({"a": {"b": 1}}), &["/a/b", "/a"], &json!({"a": "***"}));
}

/// The payload of a letter may not have the shape that its contract promises.
#[test]
fn what_stands_in_the_way_of_a_personal_place_is_masked() {
    check(&json!({"passenger": "Ada"}), &["/passenger/name"], &json!({"passenger": "***"}));
    check(&json!({"passenger": 7}), &["/passenger/name"], &json!({"passenger": "***"}));
    check(&json!({"passenger": null}), &["/passenger/name"], &json!({"passenger": null}));
    let list = json!({"passenger": [{"name": "Ada"}]});
    check(&list, &["/passenger/name"], &json!({"passenger": "***"}));
    check(&json!({"legs": "1A"}), &["/legs/*/seat"], &json!({"legs": "***"}));
    check(&json!({"legs": {"seat": "1A"}}), &["/legs/*/seat"], &json!({"legs": {"seat": "***"}}));
    check(&json!({"legs": [["1A"]]}), &["/legs/*/seat"], &json!({"legs": ["***"]}));
    check(&json!("Ada"), &["/name"], &json!("***"));
}

fn catalog(personal: &[(&str, &str)]) -> Catalog {
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    for (dataset, personal) in personal {
        let yaml = format!(
            "
dataset: {dataset}
description: d
owner: o
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id, /passenger/id], event_time: /at}}
sinks: [{{name: records, kind: table}}]
personal_data: {personal}
"
        );
        catalog.add(dataset, &yaml, &files).unwrap();
    }
    catalog
}

fn envelope(dataset: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","envelopeversion":2,"id":"e1","source":"arn","type":"sluicegate.{dataset}","time":"2013-01-01T10:00:00.000Z","subject":"1-77","dataschema":"{dataset}/1","datacontenttype":"application/json","dataset":"{dataset}","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{data}}}"#
    )
}

#[test]
fn a_body_of_a_dataset_without_personal_data_stays_as_it_is() {
    let catalog = catalog(&[("plain", "[]"), ("people", "[/name]")]);
    let envelope = envelope("plain", r#"{"b": 1.00,  "a":"x"}"#);
    for (body, kind) in [
        (r#"{"b": 1.00,  "a":"x"}"#, BodyKind::Payload),
        ("1,2013,Ada", BodyKind::Payload),
        ("not an envelope", BodyKind::Envelope),
        (envelope.as_str(), BodyKind::Envelope),
    ] {
        assert_eq!(mask_body(body, kind, Some("plain"), &catalog), body);
    }
}

#[test]
fn what_cannot_be_masked_in_part_is_masked_whole() {
    let catalog = catalog(&[("plain", "[]"), ("people", "[/name]")]);
    for (body, kind) in [
        ("1,2013,Ada", BodyKind::Payload),
        ("eyJuYW1lIjoiQWRhIn0=", BodyKind::Payload),
        (r#"{"name":"Ada""#, BodyKind::Payload),
        (r#"{"name":"Ada"}"#, BodyKind::Envelope),
        (r#"{"data":{"name":"Ada"}}"#, BodyKind::Envelope),
    ] {
        for dataset in [Some("people"), Some("gone"), None] {
            assert_eq!(mask_body(body, kind, dataset, &catalog), MASK, "{body} {dataset:?}");
        }
    }
    let json = r#"{"name":"Ada"}"#;
    for unknown in [Some("gone"), None] {
        assert_eq!(mask_body(json, BodyKind::Payload, unknown, &catalog), MASK);
        let none_has_any = self::catalog(&[("plain", "[]")]);
        assert_eq!(mask_body(json, BodyKind::Payload, unknown, &none_has_any), json);
    }
    let shown = mask_body(json, BodyKind::Payload, Some("people"), &catalog);
    assert_eq!(shown, r#"{"name":"***"}"#);
}

#[track_caller]
fn check_envelope(personal: &str, member: &str, is_masked: bool) {
    let catalog = catalog(&[("people", personal)]);
    let body = envelope("people", r#"{"id":1,"passenger":{"id":77,"name":"Ada"},"at":"x"}"#);
    // The dataset that the envelope names counts, and not the one that the letter names.
    let shown = mask_body(&body, BodyKind::Envelope, Some("other"), &catalog);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let found = shown.pointer(member).unwrap();
    assert_eq!(*found == MASK, is_masked, "{personal} {member}: {shown}");
}

#[test]
fn an_envelope_is_masked_in_its_data_and_in_what_was_made_of_it() {
    check_envelope("[/passenger/name]", "/data/passenger/name", true);
    check_envelope("[/passenger/name]", "/data/passenger/id", false);
    check_envelope("[/passenger/name]", "/subject", false);
    check_envelope("[/passenger/name]", "/time", false);
    for personal in ["[/passenger/id]", "[/passenger]", "['/passenger/*']", "[/id/number]"] {
        check_envelope(personal, "/subject", true);
        check_envelope(personal, "/time", false);
    }
    check_envelope("[/at]", "/time", true);
    check_envelope("[/at]", "/subject", false);
    check_envelope("[/passenger/id]", "/id", false);
}

fn any_payload() -> impl Strategy<Value = Value> {
    let name = || prop_oneof![Just("a"), Just("b"), Just("0"), Just("~/"), Just("*")];
    let leaf = prop_oneof![
        "[A-Z]{3}[0-9]{3}".prop_map(Value::from),
        (100_000_u64..1_000_000).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

fn any_pointers() -> impl Strategy<Value = Vec<String>> {
    let token = prop_oneof![Just("a"), Just("b"), Just("0"), Just("1"), Just("~0~1"), Just("*")];
    let pointer = prop::collection::vec(token, 1..4);
    let text = pointer.prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect());
    prop::collection::vec(text, 1..3)
}

/// Collects the texts of all scalars, those at a personal place in `inside` and the others in `outside`. It decides by
/// each scalar's own place.
fn tell_apart(
    value: &Value,
    at: &mut Vec<String>,
    personal: &[Vec<String>],
    inside: &mut Vec<String>,
    outside: &mut Vec<String>,
) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                at.push(name.clone());
                tell_apart(member, at, personal, inside, outside);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                tell_apart(item, at, personal, inside, outside);
                at.pop();
            }
        }
        Value::Null => {}
        scalar => {
            let is_within = |tokens: &Vec<String>| {
                tokens.len() <= at.len()
                    && tokens.iter().zip(&*at).all(|(token, at)| token == "*" || token == at)
            };
            let list = if personal.iter().any(is_within) { inside } else { outside };
            list.push(scalar.to_string());
        }
    }
}

proptest! {
    #[test]
    fn no_personal_value_is_shown_unless_it_is_elsewhere_too(
        payload in any_payload(),
        pointers in any_pointers(),
    ) {
        let personal: Vec<_> = pointers.iter().map(|it| pointer_tokens(it).unwrap()).collect();
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        tell_apart(&payload, &mut Vec::new(), &personal, &mut inside, &mut outside);
        let shown = mask_values(&payload, &pointers).to_string();
        for text in inside.iter().filter(|text| !outside.contains(text)) {
            prop_assert!(!shown.contains(text.trim_matches('"')), "{text} in {shown}");
        }
    }
}

/// The row of a change is somewhere in its message, and in DynamoDB's own form.
#[test]
fn a_change_of_a_row_is_masked_as_a_whole() {
    let yaml = "
dataset: people
description: d
owner: o
changes: {kind: debezium}
schema: {version: 1, file: v1.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: rows, kind: table}]
personal_data: [/name]
";
    let files = std::collections::BTreeMap::from([(
        "v1.json".to_owned(),
        r#"{"type":"object"}"#.to_owned(),
    )]);
    let mut contracts = Catalog::default();
    contracts.add("people", yaml, &files).unwrap();
    let body = json!({"op": "d", "before": {"name": "Ada"}, "source": {}}).to_string();
    assert_eq!(mask_body(&body, BodyKind::Payload, Some("people"), &contracts), "***");
}

/// What EventBridge, SNS and Lambda put around a payload has its personal places somewhere else.
#[test]
fn a_body_that_wraps_a_payload_is_masked_as_a_whole() {
    let contracts = catalog(&[("orders", "[/name]")]);
    let payload = json!({"id": 1, "name": "Ada"});
    for body in [
        json!({"detail-type": "orders", "source": "x", "detail": payload}),
        json!({"TopicArn": "t", "Type": "Notification", "Message": payload.to_string()}),
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": payload.to_string()}}]}),
        json!({"requestContext": {}, "requestPayload": {"detail-type": "orders", "detail": payload}}),
    ] {
        let shown = mask_body(&body.to_string(), BodyKind::Payload, Some("orders"), &contracts);
        assert_eq!(shown, "***", "{body}");
    }
    let plain = mask_body(&payload.to_string(), BodyKind::Payload, Some("orders"), &contracts);
    assert_eq!(plain, r#"{"id":1,"name":"***"}"#);
}
