use super::*;

fn read(sinks: &str) -> Result<Dataset, DatasetError> {
    let yaml = format!(
        "
dataset: orders
description: Orders
owner: shop
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/order], event_time: /at, sequence: /n}}
csv: {{missing: [NA]}}
enrichers: [{{name: w, http: {{url: '{{U}}/x'}}, into: weather}}]
sinks: {sinks}
"
    );
    let schema = r#"{"properties": {"id": {"type": "integer"}, "e": {"enum": [1]},
        "amount": {"type": ["number", "null"]}}}"#;
    Dataset::read(&yaml, |name| (name == "v1.schema.json").then(|| schema.to_owned()))
}

#[test]
fn a_contract_says_what_must_come_out() {
    let dataset = read(
        "
  - {name: records, kind: table}
  - {name: state, kind: table, mode: upsert, order_by: /v, tombstone: {at: /op, values: [d, 1, n]}}
  - {name: sums, kind: table, mode: accumulate, key: [/k], window: day, count: n, sums: {a: /a}}
  - {name: lake, kind: lake, format: ndjson}
  - {name: out, kind: http, url: 'https://a.example', body: envelope}
  - {name: own, kind: custom, by: announce, options: {x: 1}}
  - {name: latest, kind: table, mode: upsert, order_by: sequence}
",
    )
    .unwrap();
    let about: Vec<String> = dataset.sinks.iter().map(Sink::about).collect();
    let expected = ["table, insert", "table, upsert", "table, accumulate", "lake", "http"];
    assert_eq!(about[..5], expected);
    assert_eq!(dataset.sinks[5].kind_name(), "custom:announce");
    assert_eq!(dataset.types["amount"], ["number", "null"]);
    assert_eq!(dataset.enriched, BTreeSet::from(["weather".to_owned()]));
    let Kind::Table(Table { key, mode: Mode::Upsert { order, tombstone }, .. }) =
        &dataset.sinks[1].kind
    else {
        panic!("{dataset:?}")
    };
    assert_eq!(*key, RowKey::Pointers(vec!["/order".to_owned()]));
    assert_eq!(*order, Order::Pointer("/v".to_owned()));
    let values: Vec<String> =
        tombstone.as_ref().unwrap().values.iter().map(Json::to_string).collect();
    assert_eq!(values, [r#""d""#, "1", r#""n""#]);
    let Kind::Table(Table { mode: Mode::Upsert { order, .. }, .. }) = &dataset.sinks[6].kind else {
        panic!("{dataset:?}")
    };
    assert_eq!(*order, Order::Pointer("/n".to_owned()));
}

#[test]
fn what_says_nothing_of_its_rows_is_refused_by_its_sink() {
    for (sink, problem) in [
        ("{name: s, kind: table, mode: accumulate, key: [/k]}", "sink `s`: its window"),
        ("{name: s, kind: table, mode: delete}", "sink `s`: whose rows"),
        ("{name: s, kind: table, mode: replace}", "sink `s`: its mode"),
        ("{name: s, kind: stream}", "sink `s`: its kind"),
    ] {
        let error = read(&format!("[{sink}]")).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}
