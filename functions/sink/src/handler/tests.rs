//! The stage under its batch loop, over the store in memory.

use aws_sdk_dynamodb::types::AttributeValue;
use event::{DeadLetter, Payload};
use runtime::{BatchResponse, Batches, DeadLetters, Policy};
use serde_json::json;
use testkit::{Answer, ManualClock, MemoryQueue, MemoryStore};

use super::*;
use aws::Item;

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";

#[derive(Default)]
struct Rig {
    store: MemoryStore<TableEffect>,
    queue: MemoryQueue,
    clock: ManualClock,
}

impl Rig {
    async fn run(&self, records: Vec<Record>) -> BatchResponse {
        let batches = Batches {
            stage: TableSink::new(testkit::contracts(), self.store.clone()),
            dead_letters: DeadLetters::new(self.queue.clone(), DLQ.to_owned()),
            policy: Policy::new(QUEUE.to_owned(), 5),
            queue: self.queue.clone(),
        };
        batches.run(records, &self.clock.deadline_in(Duration::from_secs(30))).await
    }

    /// The dead letters' codes and reasons.
    fn letters(&self) -> Vec<(Code, String)> {
        let read = |message: &runtime::Outgoing| {
            let letter = DeadLetter::read(&message.attributes).unwrap();
            (letter.code, letter.reason)
        };
        self.queue.sent_to(DLQ).iter().map(read).collect()
    }
}

fn envelope(key: &str, fingerprint: &str, data: &str) -> String {
    let rest = json!({
        "specversion": "1.0", "id": "e1:1", "source": "s", "type": "sluicegate.flights",
        "time": "2013-01-01T10:00:00Z", "subject": "UA-1545-EWR", "dataschema": "flights/1",
        "datacontenttype": "application/json", "dataset": "flights", "idempotencykey": key,
        "fingerprint": fingerprint, "ingesttime": "2026-01-01T00:00:00Z", "traceparent": "x",
    });
    let rest = rest.to_string();
    format!("{},\"data\":{data}}}", rest.strip_suffix('}').unwrap())
}

fn message(id: &str, body: String) -> Record {
    Record {
        message_id: id.to_owned(),
        receipt_handle: format!("receipt of {id}"),
        body,
        receive_count: 1,
        ..Record::default()
    }
}

fn event(id: &str, key: &str, fingerprint: &str) -> Record {
    message(id, envelope(key, fingerprint, "{\"flight\":1545}"))
}

/// The rows, in the order in which they were written.
fn rows(rig: &Rig) -> Vec<Item> {
    let row = |effect: TableEffect| match effect {
        TableEffect::Insert(insert) => insert.item,
    };
    rig.store.effects().into_iter().map(row).collect()
}

fn text(item: &Item, name: &str) -> String {
    item[name].as_s().unwrap().clone()
}

#[tokio::test]
async fn an_event_is_written_once_with_the_time_of_its_writing() {
    let rig = Rig::default();
    let batch = || vec![event("m1", "k1", "p"), event("m2", "k2", "p")];
    assert!(rig.run(batch()).await.failures.is_empty());
    rig.clock.advance(Duration::from_secs(60));
    assert!(rig.run(batch()).await.failures.is_empty());
    let items = rows(&rig);
    assert_eq!(items.len(), 2);
    assert_eq!(text(&items[0], "pk"), "flights#k1");
    assert_eq!(text(&items[0], "written_at"), "2026-01-01T00:00:00.000Z");
    let payload = items[0]["payload"].as_m().unwrap();
    assert_eq!(payload["flight"], AttributeValue::N("1545".to_owned()));
    assert!(rig.letters().is_empty(), "a duplicate is no failure");
    let calls: Vec<usize> = rig.store.calls().iter().map(|call| call.effects.len()).collect();
    assert_eq!(calls, [2, 2], "one call for a batch");
}

#[tokio::test]
async fn a_row_is_its_own_dedupe_record_and_is_remembered_as_long_as_it_is_there() {
    let rig = Rig::default();
    rig.run(vec![event("m1", "k1", "p")]).await;
    assert!(rig.store.calls()[0].changes.is_empty(), "an item for the row alone");
    rig.clock.advance(400 * DAY);
    rig.run(vec![event("m2", "k1", "p"), event("m3", "k1", "q")]).await;
    assert_eq!(rig.store.effects().len(), 1);
    assert_eq!(rig.letters()[0].0, Code::Conflict);
}

#[tokio::test]
async fn another_payload_under_a_used_key_is_a_dead_letter_that_names_both() {
    let rig = Rig::default();
    rig.run(vec![event("m1", "k1", "first-payload")]).await;
    let batch = vec![event("m2", "k1", "second-payload"), event("m3", "k2", "p")];
    assert!(rig.run(batch).await.failures.is_empty());
    let expected = "key k1 took effect with payload first-payload; this one is second-payload";
    assert_eq!(rig.letters(), [(Code::Conflict, expected.to_owned())]);
    assert_eq!(rig.queue.sent_to(DLQ)[0].body, event("m2", "k1", "second-payload").body);
    assert_eq!(rig.store.effects().len(), 2);
}

#[tokio::test]
async fn duplicates_and_conflicts_within_a_batch_cost_no_call() {
    let rig = Rig::default();
    let mut batch: Vec<_> = (0..9).map(|n| event(&format!("m{n}"), "k1", "p")).collect();
    batch.push(event("m9", "k1", "q"));
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!((rig.store.calls().len(), rig.store.effects().len()), (1, 1));
    assert_eq!(rig.letters()[0].0, Code::Conflict);
}

#[tokio::test]
async fn what_no_item_can_be_is_a_dead_letter_and_the_others_are_written() {
    let rig = Rig::default();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(500_000));
    let other = event("m4", "k4", "p").body.replace("\"flights\"", "\"orders\"");
    let batch = vec![
        message("m1", "{}".to_owned()),
        message("m2", envelope("k2", "p", &deep)),
        message("m3", envelope("k3", "p", &large)),
        message("m4", other),
        event("m5", "k5", "p"),
    ];
    assert!(rig.run(batch).await.failures.is_empty());
    let codes: Vec<Code> = rig.letters().into_iter().map(|(code, _)| code).collect();
    let expected =
        [Code::DecodeEnvelope, Code::DepthExceeded, Code::SizeExceeded, Code::UnknownDataset];
    assert_eq!(codes, expected);
    assert_eq!(rig.store.effects().len(), 1);
}

#[tokio::test]
async fn what_the_store_refuses_harms_itself_alone() {
    let rig = Rig::default();
    rig.store.reject(|TableEffect::Insert(insert)| text(&insert.item, "pk") == "flights#k2");
    let batch = (1..5).map(|n| event(&format!("m{n}"), &format!("k{n}"), "p")).collect();
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!((rig.letters()[0].0, rig.letters().len()), (Code::DependencyRefused, 1));
    assert_eq!(rig.store.effects().len(), 3);
}

#[tokio::test]
async fn a_lost_answer_returns_the_batch_and_its_redelivery_is_duplicates() {
    let rig = Rig::default();
    rig.store.answer([Answer::Lost]);
    let batch = || vec![event("m1", "k1", "p"), event("m2", "k2", "p")];
    assert_eq!(rig.run(batch()).await.failures.len(), 2);
    assert_eq!(rig.queue.hidden_in(QUEUE).len(), 2);
    assert!(rig.run(batch()).await.failures.is_empty());
    assert_eq!(rig.store.effects().len(), 2);
    assert!(rig.letters().is_empty());
}

/// Each sample goes through what Lambda would call.
#[tokio::test]
async fn the_samples_are_written() {
    for path in testkit::samples_of("sink") {
        match path {
            "sqs/sink.json" => {
                let rig = Rig::default();
                let batch: aws_lambda_events::sqs::SqsEvent =
                    serde_json::from_str(&testkit::sample(path)).unwrap();
                let records: Vec<Record> = batch.records.into_iter().map(Record::new).collect();
                records.iter().for_each(check_key);
                assert!(rig.run(records).await.failures.is_empty());
                let items = rows(&rig);
                assert_eq!((items.len(), rig.letters().len()), (2, 0));
                assert!(items[0]["payload"].as_m().unwrap()["weather"].is_m());
                assert_eq!(text(&items[1], "degraded"), "weather");
            }
            other => panic!("no test for {other}"),
        }
    }
}

/// The key is the one that ingest makes of the payload.
fn check_key(record: &Record) {
    let envelope = Envelope::from_json(&record.body).unwrap();
    let payload = Payload::parse(envelope.data.get().as_bytes()).unwrap();
    let contracts = testkit::contracts();
    let accepted = contracts.get(&envelope.dataset).unwrap().accept(&payload).unwrap();
    assert_eq!(envelope.idempotencykey, accepted.key);
}
