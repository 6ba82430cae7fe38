//! The example of a custom sink does what the documentation says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

#[expect(dead_code, reason = "its main is not called here")]
#[path = "../examples/own_sink.rs"]
mod own_sink;

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::Catalog;
use dedupe::NoEffect;
use event::{Code, Failure};
use serde_json::json;
use sluicegate_runtime::sink::LeasedStage;
use sluicegate_runtime::{BatchResponse, Batches, DeadLetterQueue, Policy, Record, Recorder};
use testkit::{ManualClock, MemoryQueue, MemoryStore};

use self::own_sink::Announce;

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const PARTNERS: &str = "http://h/partners.fifo";

type Stage = LeasedStage<Announce<MemoryQueue>, MemoryStore<NoEffect>>;

fn batches(queue: &MemoryQueue) -> Batches<Stage, MemoryQueue> {
    let yaml = "
dataset: orders
description: What customers bought
owner: sales
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks:
  - {name: records, kind: table}
  - {name: partners, kind: custom, by: announce}
";
    let schema = r#"{"type":"object"}"#.to_owned();
    let mut contracts = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), schema)]);
    contracts.add("orders", yaml, &files).unwrap();
    let sink = Announce { queue: queue.clone(), url: PARTNERS.to_owned() };
    Batches {
        stage: LeasedStage::new(contracts, sink, MemoryStore::default(), Recorder::new("Test")),
        dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
        policy: Policy::new(QUEUE.to_owned(), 5),
        queue: queue.clone(),
        metrics: Recorder::new("Test"),
    }
}

async fn run(batches: &Batches<Stage, MemoryQueue>, payload: &str) -> BatchResponse {
    let envelope = json!({
        "specversion": "1.0", "id": "e1", "source": "s", "type": "t", "subject": "c7",
        "time": "2026-01-01T00:00:00Z", "dataschema": "orders/1",
        "datacontenttype": "application/json", "dataset": "orders", "idempotencykey": "k",
        "fingerprint": payload, "ingesttime": "2026-01-01T00:00:00Z", "traceparent": "x",
        "data": {"id": payload},
    });
    let record = Record {
        message_id: payload.to_owned(),
        body: envelope.to_string(),
        receive_count: 1,
        ..Record::default()
    };
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    batches.run(vec![record], &deadline).await
}

#[tokio::test]
async fn an_event_is_announced_once_and_another_payload_of_its_key_is_a_conflict() {
    let queue = MemoryQueue::default();
    let batches = batches(&queue);
    for _ in 0..2 {
        assert!(run(&batches, "a").await.failures.is_empty());
    }
    assert!(run(&batches, "b").await.failures.is_empty());
    let sent = queue.sent_to(PARTNERS);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].group.as_deref(), Some("c7"));
    assert_eq!(sent[0].deduplication_id.as_deref(), Some("partners#k"));
    let letter = event::DeadLetter::read(&queue.sent_to(DLQ)[0].attributes).unwrap();
    assert_eq!((letter.stage.as_str(), letter.code), ("announce", Code::Conflict));
}

#[tokio::test]
async fn what_was_not_announced_is_announced_under_the_same_key_later() {
    let queue = MemoryQueue::default();
    let batches = batches(&queue);
    queue.refuse(|url, _| (url == PARTNERS).then(|| Failure::throttled(None, "busy")));
    assert_eq!(run(&batches, "a").await.failures.len(), 1);
    queue.refuse(|_, _| None);
    assert!(run(&batches, "a").await.failures.is_empty());
    assert_eq!(queue.sent_to(PARTNERS).len(), 1);
}

#[test]
fn the_docs_show_this_very_code() {
    let page = include_str!("../../../docs/own-lookups-and-sinks.md");
    let code = include_str!("../examples/own_sink.rs");
    let begins = code.find("impl<Q: Queue> LeasedSink").unwrap();
    let ends = code.find("async fn run()").unwrap();
    assert!(page.contains(code[begins..ends].trim_end()), "the page shows another example");
}
