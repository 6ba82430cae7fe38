//! Sinks in memory that write each event with the real dedupe protocol.

use contracts::{Sink, SinkKind, TableMode, Target};
use dedupe::transactional::{Write, write_once};
use dedupe::{DedupeRecord, Limits, OwnRecord, RecordId, Verdict};
use event::{Envelope, Payload};
use letters::{FoundProof, FoundRow, Proof};
use runtime::Outgoing;
use testkit::{Meeting, MemoryEvidence, MemoryStore, TestEffect};

use super::*;

/// How long a key is remembered by default.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The sinks of the dataset of [`contracts`].
pub(super) struct Sinks {
    pub(super) contracts: Catalog,
    pub(super) store: MemoryStore<TestEffect>,
    pub(super) clock: ManualClock,
}

/// The number of events with each outcome in one sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    pub(super) written: u64,
    pub(super) duplicate: u64,
    pub(super) stale: u64,
    pub(super) conflict: u64,
    pub(super) refused: u64,
}

/// Orders, which go to a sink of each kind.
pub(super) fn contracts() -> Catalog {
    let yaml = "
dataset: orders
description: d
owner: o
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/customer], event_time: /at}
enrichers: [{name: rates, http: {url: 'https://rates.test/{/customer}'}, into: rate}]
sinks:
  - {name: rows, kind: table}
  - {name: latest, kind: table, mode: upsert, order_by: /order}
  - {name: lake, kind: lake}
  - {name: partner, kind: http, url: 'https://partner.test/'}
  - {name: own, kind: custom, by: alerts}
";
    let schema = r#"{"type":"object","required":["id"],"additionalProperties":true,"properties":{"id":{"type":"integer"}}}"#;
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_owned())]);
    catalog.add("orders", yaml, &files).unwrap();
    catalog
}

/// The envelope that ingest makes of a payload.
pub(super) fn envelope(payload: &Value, event_id: &str) -> Envelope {
    let origin = contracts::EventOrigin {
        source: "inbox".to_owned(),
        id: event_id.to_owned(),
        traceparent: "t".to_owned(),
        taken_in: ManualClock::default().now(),
    };
    let payload = Payload::parse(payload.to_string().as_bytes()).unwrap();
    contracts().get("orders").unwrap().envelope(payload, origin).unwrap()
}

impl Sinks {
    /// Passes a message through a stage and all stages after it. Returns the outcomes in its sinks, by their names;
    /// `None` if ingest refuses it.
    pub(super) fn take(&self, stage: &str, message: &Outgoing) -> Option<BTreeMap<String, Came>> {
        let envelope = match stage {
            "ingest" => {
                let payload = Payload::parse(message.body.as_bytes()).unwrap();
                let contract = self.contracts.get("orders").unwrap();
                contract.accept(&payload).ok()?;
                envelope(&payload.value, "taken in")
            }
            _ => Envelope::from_json(&message.body).unwrap(),
        };
        Some(self.take_event(stage, &envelope))
    }

    pub(super) fn take_event(&self, stage: &str, envelope: &Envelope) -> BTreeMap<String, Came> {
        let mut came: BTreeMap<String, Came> = BTreeMap::new();
        for sink in &self.contracts.get("orders").unwrap().sinks {
            let reached = match sink.kind() {
                SinkKind::Table => "sink",
                SinkKind::Lake => "lake",
                SinkKind::Http => "deliver",
                SinkKind::Custom(_) => continue,
            };
            if stage != reached && stage != "ingest" && stage != "enrich" {
                continue;
            }
            let count = came.entry(sink.name.clone()).or_default();
            let Some(effect) = effect(sink, envelope) else {
                count.refused += 1;
                continue;
            };
            *match self.write(sink, envelope, effect) {
                Verdict::Written => &mut count.written,
                Verdict::Duplicate => &mut count.duplicate,
                Verdict::Stale => &mut count.stale,
                Verdict::Conflict { .. } => &mut count.conflict,
            } += 1;
        }
        came
    }

    fn write(&self, sink: &Sink, envelope: &Envelope, effect: TestEffect) -> Verdict {
        let now = self.clock.now();
        let write = Write {
            id: RecordId { sink: sink.name.clone(), key: envelope.idempotencykey.clone() },
            fingerprint: envelope.fingerprint.clone(),
            expires_at: now.plus(REMEMBERED),
            effect,
            bytes: 1,
        };
        let outcomes = block(write_once(&self.store, vec![write], Limits::DYNAMODB, now));
        outcomes.into_iter().next().unwrap().unwrap()
    }

    /// How many keys each sink remembers.
    pub(super) fn keys(&self) -> BTreeMap<String, u64> {
        let mut keys = BTreeMap::new();
        for id in self.store.records().into_keys() {
            *keys.entry(id.sink).or_default() += 1;
        }
        keys
    }

    /// Copies what the sinks have now into the evidence.
    pub(super) fn show(&self, evidence: &MemoryEvidence) {
        for (RecordId { sink, key }, record) in self.store.records() {
            let DedupeRecord::Completed(completed) = record else { panic!("{record:?}") };
            let proof = match sink.as_str() {
                "rows" => Proof::Row { sink, pk: format!("orders#{key}") },
                _ => Proof::Record { sink, key },
            };
            let (fingerprint, expires_at) = (completed.fingerprint, Some(completed.expires_at));
            evidence.leave(proof, FoundProof { fingerprint, is_in_progress: false, expires_at });
        }
        for (target, row) in self.store.rows() {
            if let Some(pk) = target.strip_prefix("latest/") {
                // In these tests, no two events have the same order.
                let (order, key) = (i64::try_from(row.value).unwrap().into(), String::new().into());
                let version = Some(contracts::RowVersion { order, key });
                evidence.leave_row("latest", pk, FoundRow { version, attributes: BTreeMap::new() });
            }
        }
    }
}

/// The effect of an event; `None` if the sink refuses it.
fn effect(sink: &Sink, envelope: &Envelope) -> Option<TestEffect> {
    let payload: Value = serde_json::from_str(envelope.data.get()).unwrap();
    let key = &envelope.idempotencykey;
    let Target::Table(table) = &sink.target else {
        return Some(TestEffect::new(0).at(format!("{}/{key}", sink.name), Meeting::Apart));
    };
    match table.mode {
        TableMode::Insert => {
            let id = RecordId { sink: sink.name.clone(), key: key.clone() };
            let fingerprint = &envelope.fingerprint;
            let own = OwnRecord { id: &id, fingerprint, expires_at: None };
            Some(TestEffect::new(0).own_record(own))
        }
        _ => {
            let order = usize::try_from(payload["order"].as_u64()?).unwrap();
            let row = format!("latest/orders#[{}]", payload["customer"]);
            Some(TestEffect::new(order).at(row, Meeting::Newest))
        }
    }
}
