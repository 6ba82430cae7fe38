use std::collections::BTreeMap;

use contracts::EventOrigin;
use event::{Attribute, Payload, Timestamp};

use super::*;

const YAML: &str = "
dataset: orders
description: d
owner: o
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
enrichers:
  - {name: rates, http: {url: 'https://rates.test/{/id}'}, into: rate}
sinks:
  - {name: inserted, kind: table}
  - {name: by-customer, kind: table, key: [/customer, /id]}
  - {name: by-rate, kind: table, key: [/rate/id]}
  - {name: upserted, kind: table, mode: upsert}
  - {name: lake, kind: lake}
  - {name: partner, kind: http, url: 'https://partner.test/'}
";

fn catalog(yaml: &str) -> Catalog {
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    catalog.add("orders", yaml, &files).unwrap();
    catalog
}

const PAYLOAD: &str = r#"{"id":1,"customer":"a\"b","at":"2026-01-01T00:00:00Z"}"#;

/// The SHA-256 of `["orders",1]`, which is the idempotency key of the payload.
const KEY: &str = "06bd979a697b7d437b7623fd0415bac32f653769d90d89f20eddfca52990f8d3";

fn dataset(name: &str) -> Attributes {
    [("dataset".to_owned(), Attribute::string(name))].into()
}

fn envelope(catalog: &Catalog, more: &str) -> String {
    let origin = EventOrigin {
        source: "s".to_owned(),
        id: "e1".to_owned(),
        traceparent: "t".to_owned(),
        taken_in: Timestamp::from_unix_ms(0),
    };
    let payload = Payload::parse(PAYLOAD.as_bytes()).unwrap();
    let mut envelope = catalog.get("orders").unwrap().envelope(payload, origin).unwrap();
    let data = format!("{}{more}}}", PAYLOAD.strip_suffix('}').unwrap());
    envelope.data = serde_json::from_str(&data).unwrap();
    envelope.to_json().unwrap()
}

fn record(sink: &str) -> Proof {
    Proof::Record { sink: sink.to_owned(), key: KEY.to_owned().into() }
}

fn row(sink: &str, pk: &str) -> Proof {
    Proof::Row { sink: sink.to_owned(), pk: pk.to_owned() }
}

#[track_caller]
fn check(stage: &str, body: &str, proofs: &[Proof], has_unseen: bool) {
    let catalog = catalog(YAML);
    let event = SentEvent::of_message(stage, body, &dataset("orders"), &catalog).unwrap();
    assert_eq!((&event.proofs[..], event.has_unseen), (proofs, has_unseen), "{stage}");
}

#[test]
fn each_sink_that_the_stage_reaches_leaves_its_own_proof() {
    let catalog = catalog(YAML);
    let (plain, enriched) = (envelope(&catalog, ""), envelope(&catalog, r#","rate":{"id":7.0}"#));
    let inserted = row("inserted", &format!("orders#{KEY}"));
    let by_customer = row("by-customer", r#"orders#["a\"b",1]"#);
    let (upserted, lake, partner) = (record("upserted"), record("lake"), record("partner"));
    let all =
        [inserted.clone(), by_customer.clone(), upserted.clone(), lake.clone(), partner.clone()];
    check("ingest", PAYLOAD, &all, true);
    check("enrich", &plain, &all, true);
    let by_rate = row("by-rate", "orders#[7]");
    check("sink", &enriched, &[inserted, by_customer, by_rate, upserted], false);
    check("lake", &enriched, &[lake], false);
    check("deliver", &enriched, &[partner], false);
    check("alerts", &enriched, &[], true);
}

#[test]
fn a_sink_of_ones_own_is_not_seen() {
    let yaml = YAML.replace("kind: lake", "kind: custom, by: alerts");
    let catalog = catalog(&yaml.replace("key: [/rate/id]", "key: [/id]"));
    let event = |stage, body: &str| {
        SentEvent::of_message(stage, body, &dataset("orders"), &catalog).unwrap()
    };
    assert!(event("ingest", PAYLOAD).has_unseen);
    let body = envelope(&catalog, "");
    assert!(!event("sink", &body).has_unseen);
    let own = event("alerts", &body);
    assert_eq!((own.proofs.len(), own.has_unseen), (0, true));
    assert_eq!(own.judge(|_| None), Seen::NotKnown);
}

#[test]
fn what_is_no_one_event_of_a_contract_is_not_known() {
    let catalog = catalog(YAML);
    for (stage, body, attributes) in [
        ("ingest", PAYLOAD, Attributes::new()),
        ("ingest", PAYLOAD, dataset("others")),
        ("ingest", "1,2", dataset("orders")),
        ("ingest", r#"{"id":1}"#, dataset("orders")),
        ("sink", PAYLOAD, dataset("orders")),
    ] {
        assert_eq!(SentEvent::of_message(stage, body, &attributes, &catalog), None, "{body}");
    }
}

#[test]
fn an_event_is_where_each_proof_is_of_it() {
    let fingerprint = Fingerprint::from("cd".to_owned());
    let mine =
        FoundProof { fingerprint: fingerprint.clone(), is_in_progress: false, expires_at: None };
    let claimed = FoundProof { is_in_progress: true, ..mine.clone() };
    let others =
        FoundProof { fingerprint: "ef".to_owned().into(), is_in_progress: false, expires_at: None };
    let proofs = vec![record("a"), record("b")];
    for (second, has_unseen, expected) in [
        (Some(&mine), false, Seen::Everywhere),
        (Some(&mine), true, Seen::NotKnown),
        (Some(&claimed), false, Seen::Missing),
        (Some(&claimed), true, Seen::Missing),
        (Some(&others), false, Seen::Missing),
        (None, false, Seen::Missing),
        (None, true, Seen::Missing),
    ] {
        let event =
            SentEvent { fingerprint: fingerprint.clone(), proofs: proofs.clone(), has_unseen };
        let find = |proof: &Proof| if *proof == record("a") { Some(&mine) } else { second };
        assert_eq!(event.judge(find), expected, "{second:?} {has_unseen}");
    }
}
