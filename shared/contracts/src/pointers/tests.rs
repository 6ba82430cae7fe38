use std::collections::BTreeMap;

use crate::{Contract, ContractError};

const YAML: &str = "
dataset: orders
description: What customers bought
owner: sales
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/customer], event_time: /at, sequence: /revision}
tenant: /customer
region: /currency
personal_data: ['/lines/*/gift']
enrichers:
  - {name: rates, http: {url: 'https://rates.test/{/currency}'}, into: rate, schema: rate.json, keep: /today}
sinks:
  - {name: rows, kind: table, mode: upsert, order_by: /revision, key: [/id], attributes: {first: /lines/0/sku}}
  - {name: totals, kind: table, mode: accumulate, window: none, key: [/customer], sums: {amount: /amount}}
  - {name: partner, kind: http, url: 'https://partner.test/{/id}/{/rate/usd}'}
";

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "customer": {"type": "string"},
        "currency": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "amount": {"type": ["number", "null"]},
        "revision": {"type": "integer"},
        "lines": {"type": "array", "items": {
            "properties": {"sku": {"type": "string"}, "gift": {"type": "string"}}
        }}
    }
}"#;

const RATE: &str = r#"{"properties": {"today": {"properties": {"usd": {"type": "number"}}}}}"#;

fn parse(yaml: &str) -> Result<Contract, ContractError> {
    let files = [("v1.schema.json", SCHEMA), ("rate.json", RATE)];
    let files: BTreeMap<String, String> =
        files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    Contract::parse(yaml, &files).map_err(|error| error.located(yaml, &files))
}

#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(YAML.contains(from), "the test's own text has no `{from}`");
    let error = parse(&YAML.replace(from, to)).unwrap_err().to_string();
    assert!(error.ends_with(expected) && error.starts_with("line "), "{error}");
}

#[test]
fn a_contract_whose_pointers_all_lead_somewhere_is_read() {
    parse(YAML).unwrap();
}

#[test]
fn a_pointer_that_can_find_nothing_is_refused_wherever_it_stands() {
    const MEMBERS: &str = "amount, at, currency, customer, id, lines, revision";
    for (from, to, field) in [
        ("idempotency: [/id]", "idempotency: [/di]", "keys.idempotency"),
        ("business: [/customer]", "business: [/di]", "keys.business"),
        ("event_time: /at", "event_time: /di", "keys.event_time"),
        ("sequence: /revision", "sequence: /di", "keys.sequence"),
        ("tenant: /customer", "tenant: /di", "tenant"),
        ("region: /currency", "region: /di", "region"),
        ("{/currency}", "{/di}", "enrichers.rates"),
        ("order_by: /revision", "order_by: /di", "sinks.rows.order_by"),
        ("key: [/id]", "key: [/di]", "sinks.rows.key"),
        ("{amount: /amount}", "{amount: /di}", "sinks.totals.sums.amount"),
        ("partner.test/{/id}", "partner.test/{/di}", "sinks.partner.url"),
    ] {
        let problem =
            format!("`{field}`: `/di`: the schema declares no member `di`; it declares {MEMBERS}");
        check(from, to, &problem);
    }
    check(
        "/lines/*/gift",
        "/lines/*/gitf",
        "`personal_data`: `/lines/*/gitf`: `/lines/*` declares no member `gitf`; it declares gift, sku",
    );
    check(
        "{first: /lines/0/sku}",
        "{first: /lines/first/sku}",
        "`sinks.rows.attributes.first`: `/lines/first/sku`: `/lines` is array, without such a member",
    );
}

#[test]
fn a_pointer_to_a_value_of_no_use_is_refused() {
    check(
        "{amount: /amount}",
        "{amount: /currency}",
        "`sinks.totals.sums.amount`: `/currency`: expected a number, and the schema has string there",
    );
    check(
        "event_time: /at",
        "event_time: /revision",
        "`keys.event_time`: `/revision`: expected text, which holds a time, and the schema has integer there",
    );
    check(
        "partner.test/{/id}",
        "partner.test/{/lines}",
        "`sinks.partner.url`: `/lines`: expected text, a number or a boolean, and the schema has array there",
    );
}

#[test]
fn what_an_enricher_adds_is_held_to_the_schema_of_its_answer() {
    check(
        "{/rate/usd}",
        "{/rate/eur}",
        "`sinks.partner.url`: `/rate/eur`: `/today` declares no member `eur`; it declares usd",
    );
    // Ingest makes the keys before enrichers add anything.
    let error = parse(&YAML.replace("business: [/customer]", "business: [/rate/usd]")).unwrap_err();
    assert!(error.to_string().contains("declares no member `rate`"), "{error}");
    parse(&YAML.replace(", schema: rate.json, keep: /today", "").replace("/rate/usd", "/rate/eur"))
        .unwrap();
}
