use std::collections::BTreeMap;

use aws::Item;
use contracts::{Contract, Target};
use event::{Code, Decimal, Envelope, IdempotencyKey};
use serde_json::json;

use super::*;

/// A dataset with this sink.
fn contract(sink: &str) -> Contract {
    let yaml = format!(
        "
dataset: orders
description: What customers bought
owner: sales
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id, /version], business: [/id], event_time: /at}}
sinks:
  - {{name: rows, kind: table, {sink}}}
"
    );
    let schema = r#"{"type":"object"}"#.to_owned();
    Contract::parse(&yaml, &BTreeMap::from([("v1.schema.json".to_owned(), schema)])).unwrap()
}

/// The time this many days after 2026-01-01T00:00:00Z.
fn day(days: u32) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000).plus(DAY * days)
}

/// The effect of an event of the first day that is written on the tenth.
fn try_effect(sink: &str, data: &str) -> Result<TableEffect, Failure> {
    let rest = json!({
        "specversion": "1.0", "id": "e1", "source": "s", "type": "t", "time": day(0),
        "dataschema": "orders/1", "datacontenttype": "application/json", "dataset": "orders",
        "idempotencykey": "ab", "fingerprint": "cd", "ingesttime": day(9), "traceparent": "x",
    });
    let rest = rest.to_string();
    let text = format!("{},\"data\":{data}}}", rest.strip_suffix('}').unwrap());
    let envelope = Envelope::from_json(&text).unwrap();
    let payload = serde_json::from_str(data).unwrap();
    let contract = contract(sink);
    let expires_at = contract.remembered_until(day(10));
    let event = Event { envelope, contract: &contract, payload, now: day(10), expires_at };
    let sink = &contract.sinks[0];
    let Target::Table(to) = &sink.target else { panic!("{sink:?}") };
    table_effect(&event, sink, to, "table").map(|sized| sized.effect)
}

fn effect(sink: &str, data: &str) -> TableEffect {
    try_effect(sink, data).unwrap_or_else(|failure| panic!("{failure}"))
}

fn upsert(sink: &str, data: &str) -> Upsert {
    match effect(sink, data) {
        TableEffect::Upsert(upsert) => upsert,
        other => panic!("{other:?}"),
    }
}

fn version(order: i64) -> RowVersion {
    RowVersion { order: order.into(), key: IdempotencyKey::from("ab".to_owned()) }
}

fn seconds(item: &Item) -> Option<i64> {
    item.get("expires_at").map(|value| value.as_n().unwrap().parse().unwrap())
}

#[track_caller]
fn refused(sink: &str, data: &str, code: Code, at: &str, reason: &str) {
    let failure = try_effect(sink, data).unwrap_err();
    assert_eq!((failure.code, failure.at.as_deref()), (code, Some(at)), "{failure}");
    assert!(failure.reason.contains(reason), "{failure}");
}

#[test]
fn an_inserted_row_stays_at_least_as_long_as_its_key_is_remembered() {
    let insert = |sink: &str| match effect(sink, r#"{"id":1}"#) {
        TableEffect::Insert(insert) => insert,
        other => panic!("{other:?}"),
    };
    assert_eq!(insert("mode: insert").row, Row::new("table", "orders#ab"));
    assert_eq!(insert("mode: insert").expires_at, None);
    assert_eq!(insert("ttl_days: 90").expires_at, Some(day(90)), "of the event");
    assert_eq!(insert("ttl_days: 15").expires_at, Some(day(40)), "of the dedupe record");
    assert_eq!(insert("key: [/id]").row, Row::new("table", "orders#[1]"));
}

#[test]
fn an_upsert_is_ordered_by_what_the_contract_says() {
    let data = r#"{"id":"a#1","version":7,"state":"paid"}"#;
    let by_time = upsert("mode: upsert", data);
    assert_eq!(by_time.row, Row::new("table", r#"orders#["a#1"]"#));
    assert_eq!(by_time.version, version(day(0).unix_ms()));
    assert_eq!(by_time.item["payload"].as_m().unwrap()["state"].as_s().unwrap(), "paid");
    let sink = "mode: upsert, order_by: /version, attributes: {state: /state}, ttl_days: 3";
    let mapped = upsert(sink, data);
    assert_eq!(
        (mapped.version, seconds(&mapped.item)),
        (version(7), Some(day(3).unix_ms() / 1_000))
    );
    assert_eq!(mapped.item["state"].as_s().unwrap(), "paid");
    assert!(!mapped.item.contains_key("payload") && mapped.item.contains_key("event_time"));
    for written in ["7.0", "70e-1", "0.7E1"] {
        let data = format!(r#"{{"id":1,"version":{written}}}"#);
        assert_eq!(upsert(sink, &data).version, version(7), "{written}");
    }
    for bad in ["null", "1.5", "\"7\"", "1e32", "-9223372036854775809"] {
        let data = format!(r#"{{"id":1,"version":{bad}}}"#);
        refused(sink, &data, Code::ContractViolation, "/version", "which orders events");
    }
    refused("mode: upsert", "{}", Code::KeyMissing, "/id", "part of the key");
}

#[test]
fn a_row_has_the_digits_that_the_event_has() {
    let data =
        r#"{"id":1,"a":12345678901234567890123,"b":0.10000000000000000000000001,"c":[-1.5e3]}"#;
    let item = upsert("mode: upsert", data).item;
    let payload = item["payload"].as_m().unwrap();
    let number = |value: &AttributeValue| value.as_n().unwrap().clone();
    assert_eq!(number(&payload["a"]), "12345678901234567890123");
    assert_eq!(number(&payload["b"]), "0.10000000000000000000000001");
    assert_eq!(number(&payload["c"].as_l().unwrap()[0]), "-1500");
}

#[test]
fn a_tombstone_is_a_row_without_content() {
    let sink = "mode: upsert, tombstone: {at: /op, values: [d]}, ttl_days: 3";
    let dead = upsert(sink, r#"{"id":1,"op":"d","state":"paid"}"#);
    assert_eq!(dead.item["deleted"], AttributeValue::Bool(true));
    assert!(!dead.item.contains_key("payload") && seconds(&dead.item).is_some());
    let numbered = "mode: upsert, tombstone: {at: /op, values: [7.0]}";
    assert!(upsert(numbered, r#"{"id":1,"op":7}"#).item.contains_key("deleted"));
    assert!(!upsert(numbered, r#"{"id":1,"op":7.1}"#).item.contains_key("deleted"));
    let alive = upsert(sink, r#"{"id":1,"op":"u"}"#);
    assert!(!alive.item.contains_key("deleted") && alive.item.contains_key("payload"));
    let deleted = upsert("mode: delete, rows_of: old-orders", r#"{"id":1}"#);
    assert_eq!(deleted.row, Row::new("table", "old-orders#[1]"));
    assert_eq!(deleted.item["deleted"], AttributeValue::Bool(true));
}

#[test]
fn a_merge_has_the_attributes_that_the_event_has() {
    let sink = "mode: merge, order_by: /version, tombstone: {at: /op, values: [d]}, \
        attributes: {state: /state, note: /note, paid: /paid}";
    let merge = |data: &str| match effect(sink, data) {
        TableEffect::Merge(merge) => merge,
        other => panic!("{other:?}"),
    };
    let changed = merge(r#"{"id":1,"version":7,"state":"sent","note":null}"#);
    let field = |value| Field { version: version(7), value };
    let expected = BTreeMap::from([
        ("state".to_owned(), field(Some(AttributeValue::S("sent".to_owned())))),
        ("note".to_owned(), field(Some(AttributeValue::Null(true)))),
    ]);
    assert_eq!(changed.fields, expected);
    let head = changed.head.unwrap();
    assert_eq!((head.version, head.without), (version(7), vec!["subject", "degraded", "deleted"]));
    assert!(head.item.contains_key("event_time") && !head.item.contains_key("idempotency_key"));

    let dead = merge(r#"{"id":1,"version":7,"op":"d","state":"sent"}"#);
    let names: Vec<&str> = dead.fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["note", "paid", "state"]);
    assert!(dead.fields.values().all(|each| *each == field(None)));
    let head = dead.head.unwrap();
    assert_eq!((head.item["deleted"].clone(), head.without.len()), (AttributeValue::Bool(true), 2));
}

#[test]
fn totals_are_of_their_key_and_window_and_exact() {
    let sink = "mode: accumulate, key: [/shop], window: month, ttl_days: 2, count: orders, \
        sums: {spent: /total, items: /items/count}";
    let accumulate = |data: &str| match effect(sink, data) {
        TableEffect::Accumulate(accumulate) => accumulate,
        other => panic!("{other:?}"),
    };
    let data = r#"{"shop":"NY","total":0.10000000000000000000000001,"items":{"count":3}}"#;
    let found = accumulate(data);
    assert_eq!(found.row, Row::new("table", r#"orders#["NY"]#2026-01"#));
    let sums: Vec<String> = found.sums.iter().map(|(name, sum)| format!("{name} {sum}")).collect();
    assert_eq!(sums, ["items 3", "orders 1", "spent 0.10000000000000000000000001"]);
    assert_eq!(found.labels["window"], AttributeValue::S("2026-01".to_owned()));
    let key = vec![AttributeValue::S("NY".to_owned())];
    assert_eq!(found.labels["key"], AttributeValue::L(key));
    // The row expires two days after the end of the month, whichever day the event is of.
    assert_eq!(seconds(&found.labels), Some(day(33).unix_ms() / 1_000));
    for nothing in [r#"{"shop":"NY"}"#, r#"{"shop":"NY","total":null,"items":{}}"#] {
        assert_eq!(accumulate(nothing).sums["spent"], Decimal::ZERO, "{nothing}");
        assert_eq!(accumulate(nothing).sums["orders"], Decimal::ONE, "{nothing}");
    }
    let bad = |total: &str| format!(r#"{{"shop":"NY","total":{total}}}"#);
    refused(sink, &bad("\"12\""), Code::ContractViolation, "/total", "expected a number");
    let wide = format!("0.{}1", "1".repeat(40));
    refused(sink, &bad(&wide), Code::ContractViolation, "/total", "38 significant digits");
    refused(sink, r#"{"shop":null}"#, Code::KeyMissing, "/shop", "part of the key");
}

#[test]
fn what_no_row_can_hold_is_refused() {
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(2_048));
    let failure = try_effect("mode: upsert", &long).unwrap_err();
    assert_eq!(failure.code, Code::SizeExceeded, "{failure}");
    let large = format!(r#"{{"id":1,"note":"{}"}}"#, "x".repeat(410_000));
    for sink in ["mode: insert", "mode: upsert", "mode: merge, attributes: {note: /note}"] {
        assert_eq!(try_effect(sink, &large).unwrap_err().code, Code::SizeExceeded, "{sink}");
    }
    assert!(
        try_effect("mode: delete, rows_of: other", &large).is_ok(),
        "a deletion has no content"
    );
    let deep = format!(r#"{{"id":1,"note":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let merge = "mode: merge, attributes: {note: /note}";
    refused(merge, &deep, Code::DepthExceeded, "/note", "31 levels");
}
