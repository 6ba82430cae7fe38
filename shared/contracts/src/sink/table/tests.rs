use serde_json::json;

use super::*;
use crate::{Contract, ContractError, Target};

fn parse(sink: &str) -> Result<TableSink, ContractError> {
    let yaml = format!(
        "
dataset: orders
description: What customers bought
owner: sales
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id, /version], business: [/customer, /id], event_time: /at}}
sinks:
  - {{name: records, kind: table, {sink}}}
"
    );
    let schemas =
        BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
    let contract = Contract::parse(&yaml, &schemas)?;
    match contract.sinks.into_iter().next().unwrap().target {
        Target::Table(sink) => Ok(sink),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(sink: &str, field: &str, problem: &str) {
    let error = parse(sink).unwrap_err().to_string();
    assert!(error.contains(&format!("`{field}`")) && error.contains(problem), "{error}");
}

fn pointers(texts: &[&str]) -> RowKey {
    RowKey::Pointers(texts.iter().map(|&text| text.to_owned()).collect())
}

fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(name, at)| (name.to_owned(), at.to_owned())).collect()
}

#[test]
fn each_mode_is_read_with_its_defaults() {
    #[track_caller]
    fn check(sink: &str, key: RowKey, mode: TableMode) {
        let found = parse(sink).unwrap();
        assert_eq!((found.key, found.mode, found.ttl_days), (key, mode, None), "{sink}");
    }
    let business = || pointers(&["/customer", "/id"]);
    check("mode: insert", RowKey::Idempotency, TableMode::Insert);
    let upsert = TableMode::Upsert { order: Order::EventTime, tombstone: None };
    check("mode: upsert", business(), upsert);
    let merge = TableMode::Merge { order: Order::EventTime, tombstone: None };
    check("mode: merge, attributes: {state: /state}", business(), merge);
    let delete = TableMode::Delete { order: Order::EventTime, rows_of: "old".to_owned() };
    check("mode: delete, rows_of: old", business(), delete);
    let count = Some("orders".to_owned());
    let sums = named(&[("spent", "/total")]);
    let totals = Accumulate { window: Window::Month, count, sums };
    check(
        "mode: accumulate, key: [/customer], window: month, count: orders, sums: {spent: /total}",
        pointers(&["/customer"]),
        TableMode::Accumulate(totals),
    );
}

#[test]
fn what_a_mode_has_is_read() {
    let sink = "mode: upsert, key: [/id], order_by: /version, ttl_days: 1, \
        tombstone: {at: /op, values: [d, true, 3]}, attributes: {state: /state, by: /customer}";
    let order = Order::Pointer("/version".to_owned());
    let values = vec![json!("d"), json!(true), json!(3)];
    let tombstone = Some(Tombstone { at: "/op".to_owned(), values });
    let expected = TableSink {
        key: pointers(&["/id"]),
        mode: TableMode::Upsert { order, tombstone },
        attributes: named(&[("by", "/customer"), ("state", "/state")]),
        ttl_days: Some(1),
    };
    assert_eq!(parse(sink).unwrap(), expected);
    let explicit = parse("mode: upsert, order_by: event_time").unwrap();
    assert_eq!(explicit.mode, TableMode::Upsert { order: Order::EventTime, tombstone: None });
}

#[test]
fn a_field_that_the_mode_does_not_have_is_refused() {
    const COUNTED: &str = "mode: accumulate, key: [/id], window: day, count: orders";
    refused("order_by: /version", "sinks.records.order_by", "mode insert has none");
    refused("tombstone: {at: /op, values: [d]}", "sinks.records.tombstone", "mode insert has none");
    refused("window: day", "sinks.records.window", "mode insert has none");
    refused("mode: upsert, count: orders", "sinks.records.count", "mode upsert has none");
    refused("mode: upsert, rows_of: other", "sinks.records.rows_of", "mode upsert has none");
    refused(
        "mode: merge, attributes: {a: /a}, sums: {b: /b}",
        "sinks.records.sums",
        "merge has none",
    );
    refused(
        "mode: delete, attributes: {a: /a}",
        "sinks.records.attributes",
        "mode delete has none",
    );
    refused(
        "mode: delete, rows_of: old, tombstone: {at: /op, values: [d]}",
        "sinks.records.tombstone",
        "delete has none",
    );
    refused(
        &format!("{COUNTED}, order_by: /version"),
        "sinks.records.order_by",
        "accumulate has none",
    );
    refused(
        &format!("{COUNTED}, attributes: {{a: /a}}"),
        "sinks.records.attributes",
        "accumulate has none",
    );
}

#[test]
fn a_field_that_the_mode_needs_is_missed() {
    refused("mode: merge", "sinks.records.attributes", "mode merge needs it");
    refused("mode: delete", "sinks.records.rows_of", "mode delete needs it");
    refused(
        "mode: accumulate, window: day, count: n",
        "sinks.records.key",
        "mode accumulate needs it",
    );
    refused(
        "mode: accumulate, key: [/id], count: n",
        "sinks.records.window",
        "hour, day, month and none",
    );
    refused(
        "mode: accumulate, key: [/id], window: day",
        "sinks.records.sums",
        "needs count or sums",
    );
}

#[test]
fn mistakes_within_a_field_are_named() {
    refused("key: [id]", "sinks.records.key", "`id` is not a JSON Pointer");
    refused("mode: upsert, key: []", "sinks.records.key", "at least one");
    refused("mode: upsert, order_by: sequence", "sinks.records.order_by", "has no keys.sequence");
    refused("mode: upsert, order_by: version", "sinks.records.order_by", "`version` is none of");
    refused("mode: upsert, tombstone: {at: op, values: [d]}", "sinks.records.tombstone.at", "`op`");
    refused(
        "mode: upsert, tombstone: {at: /op, values: []}",
        "sinks.records.tombstone.values",
        "at least",
    );
    refused(
        "mode: upsert, tombstone: {at: /op, values: [[d]]}",
        "sinks.records.tombstone.values",
        "texts",
    );
    refused("attributes: {a: b}", "sinks.records.attributes", "`b` is not a JSON Pointer");
    refused("attributes: {}", "sinks.records.attributes", "at least one");
    refused(
        "attributes: {version: /v}",
        "sinks.records.attributes",
        "`version` is written to each row",
    );
    refused("attributes: {'a@b': /v}", "sinks.records.attributes", "`a@b`");
    let totals = "mode: accumulate, key: [/id], window: day";
    refused(&format!("{totals}, count: pk"), "sinks.records.count", "`pk`");
    refused(
        &format!("{totals}, count: n, sums: {{n: /n}}"),
        "sinks.records.sums",
        "as the count is",
    );
    refused(
        &format!("{totals}, sums: {{n: n}}"),
        "sinks.records.sums",
        "`n` is not a JSON Pointer",
    );
    refused("mode: delete, rows_of: Other Orders", "sinks.records.rows_of", "lower-case");
    for unknown in ["mode: append", "window: week", "tombstone: {at: /op, value: d}", "ttl: 3"] {
        assert!(parse(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn as_many_attributes_are_merged_as_an_update_takes() {
    let merging = |count: usize| {
        let attributes: Vec<String> = (0..count).map(|n| format!("a{n}: /a")).collect();
        format!("mode: merge, attributes: {{{}}}", attributes.join(", "))
    };
    assert_eq!(parse(&merging(50)).unwrap().attributes.len(), 50);
    refused(&merging(51), "sinks.records.attributes", "51; an update takes 50");
}

#[test]
fn a_row_that_is_its_own_dedupe_record_stays_as_long_as_one() {
    refused(
        "ttl_days: 14",
        "sinks.records.ttl_days",
        "14 days; at least 15, since the row is its own",
    );
    assert_eq!(parse("ttl_days: 15").unwrap().ttl_days, Some(15));
    assert_eq!(parse("mode: upsert, ttl_days: 1").unwrap().ttl_days, Some(1));
    refused("mode: upsert, ttl_days: 0", "sinks.records.ttl_days", "at least 1");
    let totals = "mode: accumulate, key: [/id], count: n, ttl_days: 9";
    refused(&format!("{totals}, window: none"), "sinks.records.ttl_days", "the end of a window");
    assert_eq!(parse(&format!("{totals}, window: day")).unwrap().ttl_days, Some(9));
}

#[test]
fn an_event_is_in_the_window_of_its_time_in_utc() {
    #[track_caller]
    fn check(window: Window, at: &str, name: &str, ends_at: &str) {
        let opened = window.around(at.parse().unwrap()).unwrap();
        assert_eq!((opened.name.as_str(), opened.ends_at.to_string()), (name, ends_at.to_owned()));
    }
    check(Window::Hour, "2013-01-31T23:59:59.999Z", "2013-01-31T23", "2013-02-01T00:00:00.000Z");
    check(Window::Hour, "2013-01-01T00:30:00-05:00", "2013-01-01T05", "2013-01-01T06:00:00.000Z");
    check(Window::Day, "2013-01-31T23:00:00-02:00", "2013-02-01", "2013-02-02T00:00:00.000Z");
    check(Window::Day, "1969-12-31T23:59:59.999Z", "1969-12-31", "1970-01-01T00:00:00.000Z");
    check(Window::Month, "2013-12-31T12:00:00Z", "2013-12", "2014-01-01T00:00:00.000Z");
    check(Window::Month, "2012-02-29T12:00:00Z", "2012-02", "2012-03-01T00:00:00.000Z");
    assert_eq!(Window::None.around("2013-01-01T00:00:00Z".parse().unwrap()), None);
}

#[test]
fn a_tombstone_is_known_by_its_value() {
    let tombstone = Tombstone { at: "/op".to_owned(), values: vec![json!("d"), json!("delete")] };
    for (payload, expected) in [
        (json!({"op": "d"}), true),
        (json!({"op": "delete"}), true),
        (json!({"op": "u"}), false),
        (json!({"op": null}), false),
        (json!({}), false),
    ] {
        assert_eq!(tombstone.is_in(&payload), expected, "{payload}");
    }
}

/// Deployed tables have these keys. If they changed, everything that was written before would be written again.
#[test]
fn the_key_of_a_row_is_the_one_that_is_pinned() {
    let payload = json!({"id": 1.0, "customer": "a\"b"});
    let key = IdempotencyKey::from("ab12".to_owned());
    for (sink, window, expected) in [
        ("mode: insert", None, "orders#ab12"),
        ("mode: upsert, key: [/customer, /id]", None, r#"orders#["a\"b",1]"#),
        ("mode: upsert, key: [/id]", Some("2013-01"), "orders#[1]#2013-01"),
    ] {
        let found = parse(sink).unwrap().row_key("orders", &key, &payload, window);
        assert_eq!(found.as_deref(), Ok(expected), "{sink}");
    }
    let long = json!({"id": "x".repeat(MAX_KEY_BYTES)});
    let failure = parse("mode: upsert, key: [/id]").unwrap().row_key("o", &key, &long, None);
    assert_eq!(failure.unwrap_err().code, Code::SizeExceeded);
}
