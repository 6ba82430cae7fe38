//! The stage in its batch loop, with a store and a bucket in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dedupe::{
    Change, CommitError, DedupeRecord, Expected, InProgress, Owner, RecordId, Transaction,
};
use event::{DeadLetter, Fingerprint, IdempotencyKey};
use lake_storage::Lakes;
use lake_storage::testing::{Answer, MemoryBucket, envelope_at, envelope_text};
use runtime::{BatchResponse, Batches, DeadLetterQueue, Policy, Recorder};
use testkit::{ManualClock, MemoryQueue, MemoryStore};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const FIRST: &str = "2013-01-01T10:00:00Z";
const SECOND: &str = "2013-01-02T10:00:00Z";
const FLIGHT: &str = r#"{"year":2013,"month":1,"day":1,"sched_dep_time":515,"carrier":"UA",
    "flight":1545,"origin":"EWR","dest":"IAH","time_hour":"2013-01-01T10:00:00Z"}"#;

/// A store whose pauses advance the clock.
#[derive(Clone, Default)]
struct WaitingStore {
    memory: MemoryStore<NoEffect>,
    clock: ManualClock,
}

impl Store for WaitingStore {
    type Effect = NoEffect;

    async fn commit(
        &self,
        transaction: Transaction<NoEffect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        self.memory.commit(transaction, now).await
    }

    async fn pause(&self, time: Duration) {
        self.clock.advance(time);
    }
}

struct Rig {
    contracts: Catalog,
    store: WaitingStore,
    bucket: MemoryBucket,
    queue: MemoryQueue,
    names: &'static AtomicU32,
}

impl Rig {
    fn new() -> Self {
        Self::with(testkit::contracts())
    }

    fn with(contracts: Catalog) -> Self {
        Self {
            contracts,
            store: WaitingStore::default(),
            bucket: MemoryBucket::default(),
            queue: MemoryQueue::default(),
            names: Box::leak(Box::default()),
        }
    }

    async fn run(&self, records: Vec<Record>) -> BatchResponse {
        let names = self.names;
        let name = move |_| format!("n{}", names.fetch_add(1, Ordering::Relaxed));
        let (contracts, store) = (self.contracts.clone(), self.store.clone());
        let batches = Batches {
            stage: LakeStage::new(
                contracts,
                store,
                self.bucket.clone(),
                Box::new(name),
                Recorder::new("Test"),
            ),
            dead_letters: DeadLetterQueue::new(self.queue.clone(), DLQ.to_owned()),
            policy: Policy::new(QUEUE.to_owned(), 5),
            queue: self.queue.clone(),
            metrics: Recorder::new("Test"),
        };
        batches.run(records, &self.store.clock.deadline_in(Duration::from_secs(60))).await
    }

    fn letters(&self) -> Vec<Code> {
        let code =
            |message: &runtime::Outgoing| DeadLetter::read(&message.attributes).unwrap().code;
        self.queue.sent_to(DLQ).iter().map(code).collect()
    }

    /// The keys of each object that a manifest lists.
    fn listed(&self) -> BTreeMap<String, Vec<String>> {
        let manifests = self.bucket.keys().into_iter().filter(|key| key.ends_with(".json"));
        let mut listed = BTreeMap::new();
        for manifest in manifests {
            let entries: Vec<serde_json::Value> =
                serde_json::from_slice(&self.bucket.body(&manifest)).unwrap();
            for entry in entries {
                let object = entry["key"].as_str().unwrap();
                let keys = self.bucket.row_keys(object);
                assert_eq!(entry["rows"], keys.len());
                assert_eq!(entry["bytes"], self.bucket.body(object).len());
                assert!(listed.insert(object.to_owned(), keys).is_none(), "listed twice");
            }
        }
        listed
    }

    /// The keys of each object that is no manifest. A reader that lists the bucket would find these.
    fn objects(&self) -> BTreeMap<String, Vec<String>> {
        let keys = self.bucket.keys().into_iter().filter(|key| !key.ends_with(".json"));
        keys.map(|key| (key.clone(), self.bucket.row_keys(&key))).collect()
    }

    fn is_completed(&self, key: &str) -> bool {
        self.store.memory.records().iter().any(|(id, record)| {
            id.key.as_str() == key && matches!(record, DedupeRecord::Completed(_))
        })
    }

    /// Makes a claim such as a writer leaves that ends before it has written its object.
    async fn claim(&self, key: &str, owner: &str, lease: Duration) {
        let now = runtime::Clock::now(&self.store.clock);
        let claim = InProgress {
            owner: Owner::from(owner.to_owned()),
            lease_ends_at: now.plus(lease),
            fingerprint: Fingerprint::from("p".to_owned()),
            expires_at: now.plus(30 * DAY),
        };
        let change = Change {
            id: RecordId { sink: "lake".to_owned(), key: IdempotencyKey::from(key.to_owned()) },
            expected: Expected::Free,
            to: Some(DedupeRecord::InProgress(claim)),
        };
        let transaction = Transaction { changes: vec![change], effects: Vec::new() };
        self.store.commit(transaction, now).await.unwrap();
    }
}

fn record(id: &str, body: String) -> Record {
    Record {
        message_id: id.to_owned(),
        receipt_handle: format!("receipt of {id}"),
        body,
        receive_count: 1,
        ..Record::default()
    }
}

fn event(key: &str, fingerprint: &str, time: &str) -> Record {
    record(key, envelope_text(key, fingerprint, time, FLIGHT))
}

fn owned(objects: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    objects.iter().map(|(object, of)| ((*object).to_owned(), keys(of))).collect()
}

#[tokio::test]
async fn each_day_of_a_batch_is_an_object_and_a_second_delivery_is_none() {
    let rig = Rig::new();
    let batch = || vec![event("k1", "p", FIRST), event("k2", "p", SECOND), event("k3", "p", FIRST)];
    assert!(rig.run(batch()).await.failures.is_empty());
    let expected = owned(&[
        ("lake/flights/date=2013-01-01/n0.parquet", &["k1", "k3"]),
        ("lake/flights/date=2013-01-02/n1.parquet", &["k2"]),
    ]);
    assert_eq!((rig.objects(), rig.listed()), (expected.clone(), expected.clone()));
    assert_eq!(
        rig.store.memory.calls().len(),
        2,
        "claims of all days are one call, and so is completing"
    );

    assert!(rig.run(batch()).await.failures.is_empty());
    assert_eq!((rig.objects(), rig.listed()), (expected.clone(), expected));
    assert_eq!(rig.store.memory.calls().len(), 3, "duplicates cost one call");
    assert!(rig.letters().is_empty());
}

#[tokio::test]
async fn another_payload_under_a_used_key_is_a_dead_letter_and_its_neighbours_are_written() {
    let rig = Rig::new();
    rig.run(vec![event("k1", "p", FIRST)]).await;
    let batch = vec![event("k1", "q", FIRST), event("k2", "p", FIRST)];
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!(rig.letters(), [Code::Conflict]);
    assert_eq!(rig.objects().into_values().flatten().collect::<Vec<_>>(), ["k1", "k2"]);
}

#[tokio::test]
async fn what_no_column_holds_is_a_dead_letter_and_its_neighbours_are_written() {
    let rig = Rig::new();
    let large = FLIGHT.replace("1545", "18446744073709551615");
    let batch = vec![
        event("k1", "p", FIRST),
        record("m2", envelope_text("k2", "p", FIRST, &large)),
        record("m3", "{}".to_owned()),
        record("m4", envelope_text("k4", "p", FIRST, FLIGHT).replace("\"flights\"", "\"trains\"")),
        record("m5", envelope_text("k5", "p", FIRST, "[]")),
    ];
    // An unknown dataset may be in a newer deployment, so its event stays in the queue until its last receive.
    let returned = rig.run(batch).await.failures;
    assert_eq!(
        returned.iter().map(|failed| failed.message_id.as_str()).collect::<Vec<_>>(),
        ["m4"]
    );
    let mut expected = vec![Code::DecodeEnvelope, Code::ContractViolation, Code::DecodeEnvelope];
    assert_eq!(rig.letters(), expected);
    let other = envelope_text("k4", "p", FIRST, FLIGHT).replace("\"flights\"", "\"trains\"");
    let last = Record { receive_count: 5, ..record("m4", other) };
    assert!(rig.run(vec![last]).await.failures.is_empty());
    expected.push(Code::UnknownDataset);
    assert_eq!(rig.letters(), expected);
    assert_eq!(rig.objects().into_values().flatten().collect::<Vec<_>>(), ["k1"]);
}

/// S3 fails, or its answer is lost, at each call and for several calls in a row. After enough deliveries of the batch,
/// each key is in exactly one object, which a manifest lists.
#[tokio::test]
async fn wherever_s3_fails_each_key_is_in_one_listed_object() {
    for answer in [Answer::Failed, Answer::Lost] {
        for at in 0..6 {
            for times in 1..6 {
                let rig = Rig::new();
                let batch = || vec![event("k1", "p", FIRST), event("k2", "p", FIRST)];
                let before = std::iter::repeat_n(Answer::Honest, at);
                rig.bucket.answer(before.chain(std::iter::repeat_n(answer, times)));
                let mut deliveries = 0;
                while !rig.run(batch()).await.failures.is_empty() {
                    deliveries += 1;
                    assert!(deliveries < 5, "{answer:?} {times} times after {at}");
                    // The lease of the delivery before has ended by then.
                    rig.store.clock.advance(Duration::from_secs(61));
                }
                let objects = rig.objects();
                let written: Vec<&String> = objects.values().flatten().collect();
                assert_eq!(written, ["k1", "k2"], "{answer:?} {times} times after {at}");
                let listed: Vec<_> = rig.listed().into_values().flatten().collect();
                assert_eq!(listed, ["k1", "k2"], "{answer:?} {times} times after {at}");
                assert!(rig.is_completed("k1") && rig.is_completed("k2"));
                assert!(rig.letters().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_dead_writer_without_an_object_is_fenced_and_its_key_is_written() {
    let rig = Rig::new();
    let dead = "lake/flights/date=2013-01-01/dead.parquet";
    rig.claim("k1", dead, Duration::ZERO).await;
    assert!(
        rig.run(vec![event("k1", "p", FIRST), event("k2", "p", FIRST)]).await.failures.is_empty()
    );
    let written = ("lake/flights/date=2013-01-01/n0.parquet", ["k1", "k2"].as_slice());
    assert_eq!(rig.objects(), owned(&[(dead, &[]), written]));
    assert_eq!(rig.listed(), owned(&[written]), "no reader is told of a tombstone");
}

#[tokio::test]
async fn a_dead_writers_object_is_published_and_its_keys_are_duplicates() {
    let rig = Rig::new();
    let dead = "lake/flights/date=2013-01-01/dead.parquet";
    let lakes = Lakes::new(rig.contracts.clone()).of("flights").unwrap();
    let lake = &lakes["lake"];
    let row = lake.row(&envelope_at("k1", FIRST, FLIGHT)).unwrap();
    rig.bucket.set(dead, lake.object(lake.format, &[&row]).unwrap());
    rig.claim("k1", dead, Duration::ZERO).await;
    // The dead writer has claimed this key too, but its object lacks it.
    rig.claim("k2", dead, Duration::ZERO).await;
    let batch = vec![event("k1", "p", FIRST), event("k2", "p", FIRST)];
    assert!(rig.run(batch).await.failures.is_empty());
    let written = ("lake/flights/date=2013-01-01/n0.parquet", ["k2"].as_slice());
    assert_eq!(rig.listed(), owned(&[(dead, &["k1"]), written]));
    assert!(rig.is_completed("k1") && rig.is_completed("k2"));
}

#[tokio::test]
async fn a_writer_that_was_fenced_gives_its_events_back_and_writes_nothing() {
    let rig = Rig::new();
    let lakes = Lakes::new(rig.contracts.clone()).of("flights").unwrap();
    let lake = &lakes["lake"];
    let tombstone = lake.object(lake.format, &[]).unwrap();
    let owner = "lake/flights/date=2013-01-01/n0.parquet";
    rig.bucket.before_put(move |bucket, key| {
        if key == owner && !bucket.keys().contains(&key.to_owned()) {
            bucket.set(key, tombstone.clone());
        }
    });
    assert_eq!(rig.run(vec![event("k1", "p", FIRST)]).await.failures.len(), 1);
    assert_eq!((rig.objects(), rig.listed()), (owned(&[(owner, &[])]), owned(&[])));
}

#[tokio::test]
async fn a_key_that_another_holds_is_given_back_for_as_long_as_its_lease() {
    let rig = Rig::new();
    let lease = Duration::from_secs(40);
    rig.claim("k1", "lake/flights/date=2013-01-01/alive.parquet", lease).await;
    let batch = vec![event("k1", "p", FIRST), event("k2", "p", FIRST)];
    let failures = rig.run(batch).await.failures;
    assert_eq!(
        failures.iter().map(|failed| failed.message_id.as_str()).collect::<Vec<_>>(),
        ["k1"]
    );
    let hidden: Vec<Duration> =
        rig.queue.hidden_in(QUEUE).into_iter().map(|(_, time)| time).collect();
    let left = Duration::from_secs(34)..Duration::from_secs(36);
    assert!(hidden.len() == 1 && left.contains(&hidden[0]), "{hidden:?}");
    assert_eq!(rig.listed().into_values().flatten().collect::<Vec<_>>(), ["k2"]);
}

/// A dataset may have two lakes, of different formats.
#[tokio::test]
async fn an_event_is_written_to_each_lake_of_its_dataset() {
    let yaml = "
dataset: flights
description: Flights
owner: airport-operations
schema: {version: 1, file: s.json}
keys: {idempotency: [/flight], business: [/flight], event_time: /time_hour}
sinks:
  - {name: lake, kind: lake}
  - {name: lines, kind: lake, format: ndjson, compression: zstd}
";
    let schema = r#"{"additionalProperties": true, "properties": {"flight": {"type": "integer"}}}"#;
    let mut contracts = Catalog::default();
    let files = BTreeMap::from([("s.json".to_owned(), schema.to_owned())]);
    contracts.add("flights", yaml, &files).unwrap();
    let rig = Rig::with(contracts);
    assert!(
        rig.run(vec![event("k1", "p", FIRST), event("k2", "p", FIRST)]).await.failures.is_empty()
    );
    let expected = owned(&[
        ("lake/flights/date=2013-01-01/n0.parquet", &["k1", "k2"]),
        ("lines/flights/date=2013-01-01/n1.ndjson.zst", &["k1", "k2"]),
    ]);
    assert_eq!((rig.objects(), rig.listed()), (expected.clone(), expected));
    // One lake cannot hold this event and the other can: it is written to the latter, and becomes a dead letter.
    let large = FLIGHT.replace("1545", "18446744073709551615");
    let batch = vec![record("m3", envelope_text("k3", "p", FIRST, &large))];
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!(rig.letters(), [Code::ContractViolation]);
    assert_eq!(rig.listed()["lines/flights/date=2013-01-01/n2.ndjson.zst"], ["k3"]);
    assert_eq!(rig.listed().len(), 3);
}

/// After repeated redrives, an event may arrive when its key is no longer remembered.
#[tokio::test]
async fn what_may_be_forgotten_is_written_no_more() {
    let rig = Rig::new();
    rig.store.clock.advance(29 * DAY);
    assert!(rig.run(vec![event("k1", "p", FIRST)]).await.failures.is_empty());
    assert_eq!(rig.objects().into_values().flatten().collect::<Vec<_>>(), ["k1"]);
    rig.store.clock.advance(DAY);
    assert!(rig.run(vec![event("k2", "p", FIRST)]).await.failures.is_empty());
    assert_eq!(rig.letters(), [Code::Forgotten]);
    assert_eq!(rig.objects().into_values().flatten().collect::<Vec<_>>(), ["k1"]);
}

/// Each sample is run as Lambda would invoke the function.
#[tokio::test]
async fn the_samples_are_written() {
    for path in testkit::samples_of("lake") {
        match path {
            "sqs/lake.json" => {
                let rig = Rig::new();
                let batch: aws_lambda_events::sqs::SqsEvent =
                    serde_json::from_str(&testkit::sample(path)).unwrap();
                let records: Vec<Record> = batch.records.into_iter().map(Record::new).collect();
                let count = records.len();
                assert!(rig.run(records).await.failures.is_empty());
                assert_eq!((rig.listed().values().flatten().count(), count), (2, 2));
                assert!(rig.letters().is_empty());
            }
            other => panic!("no test for {other}"),
        }
    }
}
