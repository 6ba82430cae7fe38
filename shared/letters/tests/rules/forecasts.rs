//! Forecasts of single events. `orders` has forecasts of many events, and `estimates` has what a plan takes.

mod estimates;
mod orders;

use std::collections::BTreeMap;

use contracts::{Catalog, EventOrigin, RowVersion};
use event::{Attribute, Attributes, Envelope, Payload};
use serde_json::{Value, json};
use sluicegate_letters::{
    Coming, Findings, Forecast, Found, FoundProof, FoundRow, Pace, Questions, SinkForecast,
};

use crate::at;

const YAML: &str = "
dataset: orders
description: d
owner: o
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/key], business: [/row], event_time: /at}
sinks:
  - {name: inserted, kind: table}
  - {name: upserted, kind: table, mode: upsert, order_by: /order}
  - {name: merged, kind: table, mode: merge, order_by: /order, attributes: {a: /a, b: /b}, tombstone: {at: /gone, values: [true]}}
";

const NOW: i64 = 1_000_000;

const SINKS: [&str; 3] = ["inserted", "upserted", "merged"];

fn catalog(yaml: &str) -> Catalog {
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
    catalog.add("orders", yaml, &files).unwrap();
    catalog
}

/// The values in an event's payload. `note` makes a different payload under the same key.
#[derive(Clone, Debug)]
struct Sent {
    key: u8,
    row: u8,
    order: i64,
    has: (bool, bool),
    gone: bool,
    note: u8,
}

impl Sent {
    fn payload(&self) -> Value {
        let Self { key, row, order, has, gone, note } = self;
        let mut payload = json!({
            "key": key, "row": row, "order": order, "note": note, "gone": gone, "at": "2026-01-01T00:00:00Z",
        });
        for (name, has) in [("a", has.0), ("b", has.1)] {
            if has {
                payload[name] = json!(order);
            }
        }
        payload
    }

    fn envelope(&self, catalog: &Catalog) -> Envelope {
        let origin = EventOrigin {
            source: "s".to_owned(),
            id: "e".to_owned(),
            traceparent: "t".to_owned(),
            taken_in: at(0),
        };
        let payload = Payload::parse(self.payload().to_string().as_bytes()).unwrap();
        catalog.get("orders").unwrap().envelope(payload, origin).unwrap()
    }
}

fn coming(sent: &Sent, catalog: &Catalog) -> Coming {
    let body = sent.envelope(catalog).to_json().unwrap();
    Coming::of_message("sink", &body, &Attributes::new(), catalog)
}

fn forecast(events: &[Coming], findings: &Findings) -> Forecast {
    Forecast::of(events.len() as u64, events, findings, &Pace::default(), at(NOW))
}

/// The forecast for one event that is sent to a stage, by this contract, with nothing in any sink.
fn alone(yaml: &str, stage: &str, payload: &Value) -> Forecast {
    let catalog = catalog(yaml);
    let attributes = [("dataset".to_owned(), Attribute::string("orders"))].into();
    let body = match stage {
        "ingest" => payload.to_string(),
        _ => {
            let sent = Sent { key: 1, row: 1, order: 1, has: (true, true), gone: false, note: 0 };
            let mut envelope = sent.envelope(&catalog);
            envelope.data = serde_json::from_str(&payload.to_string()).unwrap();
            envelope.to_json().unwrap()
        }
    };
    let events = [Coming::of_message(stage, &body, &attributes, &catalog)];
    let questions = Questions::about(&events);
    let (proofs, rows) = (questions.proofs.len(), questions.rows.len());
    let nothing = questions.into_findings(vec![Found::Nothing; proofs], vec![Found::Nothing; rows]);
    forecast(&events, &nothing)
}

const TIME: &str = "2026-01-01T00:00:00Z";

fn written() -> SinkForecast {
    SinkForecast { written: 1, ..SinkForecast::default() }
}

#[test]
fn an_event_is_written_to_each_sink_that_its_stage_leads_to() {
    let yaml =
        format!("{YAML}  - {{name: lake, kind: lake}}\n  - {{name: own, kind: custom, by: own}}\n");
    let payload = json!({ "key": 1, "row": 1, "order": 1, "at": TIME });
    let not_known = SinkForecast { not_known: 1, ..SinkForecast::default() };
    for (stage, sinks) in [
        ("ingest", &["inserted", "upserted", "merged", "lake", "own"][..]),
        ("enrich", &["inserted", "upserted", "merged", "lake", "own"]),
        ("sink", &["inserted", "upserted", "merged"]),
        ("lake", &["lake"]),
        ("own", &["own"]),
    ] {
        let found = alone(&yaml, stage, &payload);
        let expected: BTreeMap<String, SinkForecast> = sinks
            .iter()
            .map(|&sink| (sink.to_owned(), if sink == "own" { not_known } else { written() }))
            .collect();
        assert_eq!(found.sinks, expected, "{stage}");
        assert_eq!((found.refused.len(), found.not_known, found.looked_at), (0, 0, 1));
    }
}

#[test]
fn what_fails_again_is_counted_by_code() {
    let refused = SinkForecast { refused: 1, ..SinkForecast::default() };
    let payload = json!({ "key": 1, "row": 1, "at": TIME });
    let found = alone(YAML, "sink", &payload);
    assert_eq!(found.sinks["inserted"], written());
    assert_eq!((found.sinks["upserted"], found.sinks["merged"]), (refused, refused));
    assert_eq!(
        found.refused,
        [("contract.violation".to_owned(), 1)].into(),
        "once for each letter"
    );
    let sums = YAML.replace(
        "- {name: inserted, kind: table}",
        "- {name: inserted, kind: table, mode: accumulate, key: [/row], window: none, sums: {s: /n}}",
    );
    let with = |n: Value| json!({ "key": 1, "row": 1, "order": 1, "at": TIME, "n": n });
    assert_eq!(alone(&sums, "sink", &with(json!("x"))).sinks["inserted"], refused);
    assert_eq!(alone(&sums, "sink", &with(json!(1.5))).sinks["inserted"], written());
    for (stage, payload, code) in [
        ("ingest", json!({ "row": 1, "at": TIME }), "key.missing"),
        ("ingest", json!({ "key": 1, "at": "noon" }), "time.invalid"),
        ("ingest", json!([]), "decode.json"),
        ("nowhere", json!({}), "contract.violation"),
    ] {
        let found = alone(YAML, stage, &payload);
        assert_eq!(found.refused, [(code.to_owned(), 1)].into(), "{payload}");
        assert_eq!((found.sinks.len(), found.not_known), (0, 0));
    }
    let body = Coming::of_message("sink", "no envelope", &Attributes::new(), &catalog(YAML));
    let found = forecast(&[body], &Findings::default());
    assert_eq!(found.refused, [("decode.envelope".to_owned(), 1)].into());
    // An announcement of files does not name their dataset.
    let files = Coming::of_message("ingest", "{}", &Attributes::new(), &catalog(YAML));
    let found = forecast(&[files], &Findings::default());
    assert_eq!((found.refused.len(), found.not_known), (0, 1));
}

/// Before `enrich` an enricher's answer is not known. After it the answer is part of the payload.
#[test]
fn what_depends_on_an_answer_is_not_known_before() {
    let yaml = "
dataset: orders
description: d
owner: o
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/key], business: [/row], event_time: /at}
enrichers: [{name: rates, http: {url: 'https://rates.test/{/row}'}, into: rate}]
sinks:
  - {name: inserted, kind: table, key: [/rate/id]}
  - {name: upserted, kind: table, mode: upsert, order_by: /rate/order}
  - {name: totals, kind: table, mode: accumulate, key: [/row], window: none, sums: {s: /rate/n}}
";
    let plain = json!({ "key": 1, "row": 1, "at": TIME });
    let not_known = SinkForecast { not_known: 1, ..SinkForecast::default() };
    for stage in ["ingest", "enrich"] {
        let found = alone(yaml, stage, &plain);
        let sinks = ["inserted", "upserted", "totals"].map(|sink| found.sinks[sink]);
        assert_eq!(sinks, [not_known, not_known, written()], "{stage}");
    }
    let mut enriched = plain;
    enriched["rate"] = json!({ "id": 7, "order": 2, "n": 1 });
    let found = alone(yaml, "sink", &enriched);
    assert!(found.sinks.values().all(|sink| *sink == written()), "{found:?}");
    enriched["rate"] = json!(null);
    let found = alone(yaml, "sink", &enriched);
    let refused = ["inserted", "upserted", "totals"].map(|sink| found.sinks[sink].refused);
    assert_eq!(refused, [1, 1, 0], "{found:?}");
}

#[test]
fn what_is_claimed_or_cannot_be_seen_is_not_known() {
    let catalog = catalog(YAML);
    let sent = Sent { key: 1, row: 1, order: 1, has: (true, true), gone: false, note: 0 };
    let fingerprint = sent.envelope(&catalog).fingerprint;
    let events = [coming(&sent, &catalog)];
    let claimed = |expires_at| {
        Found::There(FoundProof {
            fingerprint: fingerprint.clone(),
            is_in_progress: true,
            expires_at,
        })
    };
    let outcomes = |proof: &Found<FoundProof>, row: &Found<FoundRow>| {
        let questions = Questions::about(&events);
        let (proofs, rows) = (questions.proofs.len(), questions.rows.len());
        let found = forecast(
            &events,
            &questions.into_findings(vec![proof.clone(); proofs], vec![row.clone(); rows]),
        );
        SINKS.map(|sink| (found.sinks[sink].written, found.sinks[sink].not_known))
    };
    assert_eq!(outcomes(&claimed(Some(at(NOW + 1))), &Found::Nothing), [(0, 1); 3]);
    assert_eq!(outcomes(&claimed(Some(at(NOW))), &Found::Nothing), [(1, 0); 3], "it is forgotten");
    assert_eq!(outcomes(&Found::Unseen, &Found::Nothing), [(0, 1); 3]);
    assert_eq!(outcomes(&Found::Nothing, &Found::Unseen), [(1, 0), (0, 1), (0, 1)]);
}

/// If the enricher's answer has the attribute, the attribute is newer than the one in the row.
#[test]
fn what_an_answer_may_add_to_a_merged_row_is_not_known() {
    let yaml = "
dataset: orders
description: d
owner: o
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/key], business: [/row], event_time: /at}
enrichers: [{name: rates, http: {url: 'https://rates.test/{/row}'}, into: rate}]
sinks: [{name: merged, kind: table, mode: merge, order_by: /order, attributes: {a: /a, r: /rate/r}}]
";
    let catalog = catalog(yaml);
    let sent = Sent { key: 1, row: 1, order: 5, has: (true, false), gone: false, note: 0 };
    let version = |order: i64| RowVersion { order: order.into(), key: "k".to_owned().into() };
    let outcome = |stage: &str, head: i64, a: i64, r: i64| {
        let body = sent.envelope(&catalog).to_json().unwrap();
        let events = [Coming::of_message(stage, &body, &Attributes::new(), &catalog)];
        let texts =
            [("a", a), ("r", r)].map(|(name, it)| (name.to_owned(), version(it).sortable()));
        let row = FoundRow { version: Some(version(head)), attributes: texts.into() };
        let questions = Questions::about(&events);
        let found = questions.into_findings(vec![Found::Nothing], vec![Found::There(row)]);
        let found = forecast(&events, &found).sinks["merged"];
        (found.written, found.stale, found.not_known)
    };
    assert_eq!(outcome("enrich", 9, 9, 9), (0, 1, 0));
    assert_eq!(outcome("enrich", 9, 9, 4), (0, 0, 1));
    assert_eq!(outcome("sink", 9, 9, 4), (0, 1, 0), "without an answer");
    assert_eq!(outcome("enrich", 9, 4, 9), (1, 0, 0));
    assert_eq!(outcome("enrich", 4, 9, 9), (1, 0, 0));
}
