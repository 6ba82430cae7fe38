use std::collections::BTreeMap;

use contracts::Contract;
use serde_json::{Value, json};

use super::document::document_of;
use super::yaml_of;

const YAML: &str = "
dataset: orders
description: 'One order: of a customer'
owner: shop
schema:
  compatibility: FULL
  versions:
    - {version: 1, file: old.json, state: deprecated, until: 2027-01-31}
    - {version: 3, file: new.json}
keys: {idempotency: [/lines/0/sku, /id], business: [/customer/id], event_time: /at, sequence: /id}
time: {lateness: {allowed_s: 3600, beyond: divert}}
csv: {missing: ['NA', 'no']}
sources: [files, inbox: {senders: ['{CHECKOUT}', AROA1234567890ABCDEF]}]
tenant: /shop
region: /shop
personal_data: [/customer/mail, '/lines/*/note']
sinks: [{name: rows, kind: table, ttl_days: 400}, {name: lake, kind: lake}]
";

const NEW: &str = r##"{
  "title": "Order", "type": "object", "required": ["id", "at", "customer", "status", "nothing"],
  "properties": {
    "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740993, "description": "a: b"},
    "at": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "shop": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$"},
    "customer": {"$ref": "parts.json#/definitions/customer"},
    "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {
      "sku": {"type": "string"}, "note": {"type": ["string", "null"]}, "more": {"$ref": "#"}}}},
    "status": {"enum": ["new", "paid", 7, null]},
    "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
    "nothing": {"type": ["number", "null"], "multipleOf": 0.010, "maximum": 1e3}
  }
}"##;

const PARTS: &str = r##"{"definitions": {
  "customer": {"allOf": [{"$ref": "#/definitions/base"}, {"required": ["mail"]}], "title": "Customer"},
  "base": {"type": "object", "properties": {"id": {"type": "string"}, "mail": {"type": "string", "format": "email"}}}
}}"##;

/// The document as a reader of YAML has it that shares nothing with the writer.
fn exported(yaml: &str) -> Value {
    let files = [("old.json", r#"{"type": "object"}"#), ("new.json", NEW), ("parts.json", PARTS)];
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let contract = Contract::parse(yaml, &files).unwrap();
    contract.versions.compile().unwrap();
    let text = yaml_of(&document_of(&contract));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn property<'a>(of: &'a Value, name: &str) -> &'a Value {
    let properties = of["properties"].as_array().unwrap();
    properties.iter().find(|property| property["name"] == name).unwrap()
}

#[test]
fn fundamentals_and_what_the_standard_has_no_word_for_are_there() {
    let document = exported(YAML);
    for (name, expected) in [
        ("apiVersion", json!("v3.1.0")),
        ("kind", json!("DataContract")),
        ("id", json!("orders")),
        ("version", json!("3")),
        ("status", json!("active")),
        ("description", json!({"purpose": "One order: of a customer"})),
        ("team", json!({"name": "shop"})),
    ] {
        assert_eq!(document[name], expected, "{name}");
    }
    let custom = document["customProperties"].as_array().unwrap();
    let value =
        |name: &str| custom.iter().find(|it| it["property"] == name).unwrap()["value"].clone();
    assert_eq!(value("idempotencyKey"), json!(["/lines/0/sku", "/id"]));
    assert_eq!(value("csvMissing"), json!(["NA", "no"]));
    assert_eq!(value("tenantPointer"), json!("/shop"));
    assert_eq!((value("regionPointer"), value("sequence")), (json!("/shop"), json!("/id")));
    assert_eq!(value("sources"), json!(["files", "inbox"]));
    let senders = json!([{"source": "inbox", "senders": ["{CHECKOUT}", "AROA1234567890ABCDEF"]}]);
    assert_eq!(value("senders"), senders);
    assert_eq!(value("allowedLateness"), json!({"seconds": 3600, "beyond": "divert"}));
    assert!(!custom.iter().any(|it| it["property"] == "allowedSkew"));
    let versions = json!([
        {"version": 1, "state": "deprecated", "until": "2027-01-31"},
        {"version": 3, "state": "active"}
    ]);
    assert_eq!(value("schemaVersions"), versions);
    assert_eq!(value("sinks")[1], json!({"name": "lake", "kind": "lake"}));
    assert_eq!(document["slaProperties"][0]["value"], json!(400));
}

#[test]
fn properties_have_types_options_keys_and_what_is_personal() {
    let document = exported(YAML);
    let order = &document["schema"][0];
    assert_eq!(order["businessName"], json!("Order"));
    let expected = json!({
        "name": "id", "description": "a: b", "primaryKey": true, "primaryKeyPosition": 2,
        "logicalType": "integer", "physicalType": "integer", "required": true,
        "logicalTypeOptions": {"minimum": 1, "maximum": 9_007_199_254_740_993_u64}
    });
    assert_eq!(property(order, "id"), &expected);
    assert_eq!(property(order, "at")["logicalType"], json!("timestamp"));
    assert_eq!(property(order, "day")["logicalType"], json!("date"));
    assert_eq!(
        property(order, "shop")["logicalTypeOptions"],
        json!({"minLength": 1, "pattern": "^[a-z]+$"})
    );
    let customer = property(order, "customer");
    assert_eq!(
        (&customer["businessName"], &customer["required"]),
        (&json!("Customer"), &json!(true))
    );
    let mail = property(customer, "mail");
    assert_eq!((&mail["classification"], &mail["required"]), (&json!("personal"), &json!(true)));
    assert_eq!(property(customer, "id").get("required"), None);
    let lines = property(order, "lines");
    assert_eq!(property(&lines["items"], "note")["classification"], json!("personal"));
    assert_eq!(property(&lines["items"], "note")["physicalType"], json!("string or null"));
    let quality = &property(order, "status")["quality"][0];
    assert_eq!(quality["arguments"]["validValues"], json!(["new", "paid", 7, null]));
    assert_eq!(property(order, "either")["physicalType"], json!("number or string"));
    assert_eq!(property(order, "either").get("logicalType"), None);
    let nothing = property(order, "nothing");
    assert_eq!((nothing.get("required"), &nothing["logicalType"]), (None, &json!("number")));
    assert_eq!(nothing["logicalTypeOptions"], json!({"maximum": 1000, "multipleOf": 0.01}));
    // A schema that refers to itself ends somewhere.
    let more = property(&lines["items"], "more");
    assert!(property(more, "lines")["items"]["properties"].is_array());
    assert!(document.to_string().len() < 1_000_000);
}
