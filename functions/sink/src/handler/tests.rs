//! The stage in its batch loop, with a store in memory.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use event::{DeadLetter, Decimal, Envelope, Payload, Redriven};
use runtime::sink::TransactionalStage;
use runtime::{BatchResponse, Batches, Clock as _, DeadLetterQueue, Policy, Record, Recorder};
use serde_json::json;
use testkit::{Answer, ManualClock, MemoryQueue, MemoryStore};

use super::*;
use aws::{Accumulate, Insert};

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A flight with the members that both tables of its dataset need.
const FLIGHT: &str = r#"{"flight":1545,"carrier":"UA","distance":1400,"dep_delay":null}"#;

/// One execution environment, whose stage stays from invocation to invocation.
struct Rig {
    batches: Batches<TransactionalStage<TableSinks, MemoryStore<TableEffect>>, MemoryQueue>,
    store: MemoryStore<TableEffect>,
    queue: MemoryQueue,
    clock: ManualClock,
}

impl Default for Rig {
    fn default() -> Self {
        Self::on(MemoryStore::default())
    }
}

impl Rig {
    fn on(store: MemoryStore<TableEffect>) -> Self {
        let queue = MemoryQueue::default();
        let tables = Tables::parse(r#"{"records":"r","totals":"t"}"#).unwrap();
        let contracts = testkit::contracts();
        let sinks = TableSinks(tables);
        let batches = Batches {
            stage: TransactionalStage::new(contracts, sinks, store.clone(), Recorder::new("Test")),
            dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
            policy: Policy::new(QUEUE.to_owned(), 5),
            queue: queue.clone(),
            metrics: Recorder::new("Test"),
        };
        Self { batches, store, queue, clock: ManualClock::default() }
    }

    async fn run(&self, records: Vec<Record>) -> BatchResponse {
        self.batches.run(records, &self.clock.deadline_in(Duration::from_secs(30))).await
    }

    /// The rows of the table `records`, in the order in which they were written.
    fn rows(&self) -> Vec<Insert> {
        let effects = self.store.effects().into_iter();
        effects.filter_map(inserted).collect()
    }

    /// The number of flights in the totals of this airline and day.
    fn counted(&self, key: &str) -> Option<Decimal> {
        match &self.store.rows().get(&format!("t#flights#{key}"))? {
            TableEffect::Accumulate(Accumulate { sums, .. }) => sums.get("flights").copied(),
            other => panic!("{other:?}"),
        }
    }

    /// The code and the reason of each dead letter.
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
    message(id, envelope(key, fingerprint, FLIGHT))
}

fn inserted(effect: TableEffect) -> Option<Insert> {
    match effect {
        TableEffect::Insert(insert) => Some(insert),
        TableEffect::Upsert(_) | TableEffect::Merge(_) | TableEffect::Accumulate(_) => None,
    }
}

fn text(row: &Insert, name: &str) -> String {
    row.item[name].as_s().unwrap().clone()
}

fn number(n: u32) -> Option<Decimal> {
    n.to_string().parse().ok()
}

#[tokio::test]
async fn an_event_is_written_once_with_the_time_of_its_writing() {
    let rig = Rig::default();
    let batch = || vec![event("m1", "k1", "p"), event("m2", "k2", "p")];
    assert!(rig.run(batch()).await.failures.is_empty());
    rig.clock.advance(Duration::from_secs(60));
    assert!(rig.run(batch()).await.failures.is_empty());
    let rows = rig.rows();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].row.table(), rows[0].row.pk()), ("r", "flights#k1"));
    assert_eq!(text(&rows[0], "written_at"), "2026-01-01T00:00:00.000Z");
    let payload = rows[0].item["payload"].as_m().unwrap();
    assert_eq!(payload["flight"], AttributeValue::N("1545".to_owned()));
    assert!(rig.letters().is_empty(), "a duplicate is no failure");
    let calls: Vec<usize> = rig.store.calls().iter().map(|call| call.effects.len()).collect();
    assert_eq!(calls, [3], "one call for two rows and a total, and none for what is known");
}

#[tokio::test]
async fn each_sink_of_the_dataset_is_written_once_in_one_call() {
    let rig = Rig::default();
    let batch = || (0..10).map(|n| event(&format!("m{n}"), &format!("k{n}"), "p")).collect();
    rig.run(batch()).await;
    let calls = rig.store.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].changes.len(), calls[0].effects.len()), (10, 11));
    assert!(calls[0].changes.iter().all(|change| change.id.sink == "totals"));
    assert_eq!((rig.rows().len(), rig.counted("[\"UA\"]#2013-01-01")), (10, number(10)));
    // An environment that has not seen these keys makes one call, and finds that they are written.
    let other = Rig::on(rig.store.clone());
    assert!(other.run(batch()).await.failures.is_empty());
    assert_eq!((other.store.calls().len(), other.counted("[\"UA\"]#2013-01-01")), (2, number(10)));
}

#[tokio::test]
async fn what_one_table_cannot_take_is_in_the_other_and_a_dead_letter() {
    let rig = Rig::default();
    let deep =
        format!("{},\"a\":{}1{}}}", &FLIGHT[..FLIGHT.len() - 1], "[".repeat(40), "]".repeat(40));
    let no_airline = FLIGHT.replace("\"UA\"", "null");
    let no_number = FLIGHT.replace("1400", "\"far\"");
    let batch = vec![
        message("m1", envelope("k1", "p", &deep)),
        message("m2", envelope("k2", "p", &no_airline)),
        message("m3", envelope("k3", "p", &no_number)),
        event("m4", "k4", "p"),
    ];
    assert!(rig.run(batch).await.failures.is_empty());
    let codes: Vec<Code> = rig.letters().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [Code::DepthExceeded, Code::KeyMissing, Code::ContractViolation]);
    let rows: Vec<String> = rig.rows().iter().map(|row| row.row.pk().to_owned()).collect();
    assert_eq!(rows, ["flights#k2", "flights#k3", "flights#k4"]);
    assert_eq!(rig.counted("[\"UA\"]#2013-01-01"), number(2), "the deep one and the good one");
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_before_one_that_stays_is_told() {
    let rig = Rig::default();
    let no_airline = FLIGHT.replace("\"UA\"", "null");
    let batch = || vec![message("m1", envelope("k1", "p", &no_airline))];
    rig.store.answer([Answer::Failed]);
    assert_eq!(rig.run(batch()).await.failures.len(), 1, "its record may still be written");
    assert!(rig.letters().is_empty());
    assert!(rig.run(batch()).await.failures.is_empty());
    assert_eq!((rig.rows().len(), rig.letters()[0].0), (1, Code::KeyMissing));
}

#[tokio::test]
async fn a_row_is_its_own_dedupe_record_and_is_remembered_as_long_as_it_is_there() {
    let rig = Rig::default();
    rig.run(vec![event("m1", "k1", "p")]).await;
    let changes = rig.store.calls()[0].changes.clone();
    assert!(changes.iter().all(|change| change.id.sink == "totals"), "an item for the row alone");
    rig.clock.advance(400 * DAY);
    let sent_again = |id, fingerprint| {
        let envelope = envelope("k1", fingerprint, FLIGHT);
        message(id, envelope.replace("\"ingesttime\":\"2026-01-01", "\"ingesttime\":\"2027-02-05"))
    };
    rig.run(vec![sent_again("m2", "p"), sent_again("m3", "q")]).await;
    assert_eq!(rig.rows().len(), 1);
    assert_eq!(rig.letters()[0].0, Code::Conflict);
}

/// After repeated redrives, an event may arrive when its key is no longer remembered.
#[tokio::test]
async fn what_may_be_forgotten_is_written_no_more() {
    let rig = Rig::default();
    rig.clock.advance(29 * DAY);
    rig.run(vec![event("m1", "k1", "p")]).await;
    rig.clock.advance(DAY);
    assert!(rig.run(vec![event("m2", "k2", "p")]).await.failures.is_empty());
    assert_eq!((rig.rows().len(), rig.letters()[0].0), (1, Code::Forgotten));
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
    assert_eq!((rig.rows().len(), rig.counted("[\"UA\"]#2013-01-01")), (2, number(2)));
}

#[tokio::test]
async fn duplicates_and_conflicts_within_a_batch_cost_no_call() {
    let rig = Rig::default();
    let mut batch: Vec<_> = (0..9).map(|n| event(&format!("m{n}"), "k1", "p")).collect();
    batch.push(event("m9", "k1", "q"));
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!((rig.store.calls().len(), rig.rows().len()), (1, 1));
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
        Record { receive_count: 5, ..message("m4", other.clone()) },
        event("m5", "k5", "p"),
        // Its dataset may be in a newer deployment, so the event stays in the queue until its last receive.
        message("m6", other),
    ];
    let returned = rig.run(batch).await.failures;
    assert_eq!(
        returned.iter().map(|failed| failed.message_id.as_str()).collect::<Vec<_>>(),
        ["m6"]
    );
    let codes: Vec<Code> = rig.letters().into_iter().map(|(code, _)| code).collect();
    let expected =
        [Code::DecodeEnvelope, Code::UnknownDataset, Code::DepthExceeded, Code::SizeExceeded];
    assert_eq!(codes, expected);
    assert_eq!(rig.rows().len(), 1);
}

#[tokio::test]
async fn what_the_store_refuses_harms_itself_alone() {
    let rig = Rig::default();
    rig.store.reject(|effect| dedupe::Effect::target(effect) == Some("r#flights#k2"));
    let batch = (1..5).map(|n| event(&format!("m{n}"), &format!("k{n}"), "p")).collect();
    assert!(rig.run(batch).await.failures.is_empty());
    assert_eq!((rig.letters()[0].0, rig.letters().len()), (Code::DependencyRefused, 1));
    assert_eq!((rig.rows().len(), rig.counted("[\"UA\"]#2013-01-01")), (3, number(4)));
}

#[tokio::test]
async fn a_lost_answer_returns_the_batch_and_its_redelivery_is_duplicates() {
    let rig = Rig::default();
    rig.store.answer([Answer::Lost]);
    let batch = || vec![event("m1", "k1", "p"), event("m2", "k2", "p")];
    assert_eq!(rig.run(batch()).await.failures.len(), 2);
    assert_eq!(rig.queue.hidden_in(QUEUE).len(), 2);
    assert!(rig.run(batch()).await.failures.is_empty());
    assert_eq!((rig.rows().len(), rig.counted("[\"UA\"]#2013-01-01")), (2, number(2)));
    assert!(rig.letters().is_empty());
}

/// Each sample is run as Lambda would invoke the function.
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
                let rows = rig.rows();
                assert_eq!((rows.len(), rig.letters().len()), (2, 0));
                assert!(rows[0].item["payload"].as_m().unwrap()["weather"].is_m());
                assert_eq!(text(&rows[1], "degraded"), "weather");
            }
            other => panic!("no test for {other}"),
        }
    }
}

/// Checks that ingest makes this very key of the payload.
fn check_key(record: &Record) {
    let envelope = Envelope::from_json(&record.body).unwrap();
    let payload = Payload::parse(envelope.data.get().as_bytes()).unwrap();
    let contracts = testkit::contracts();
    let accepted = contracts.get(&envelope.dataset).unwrap().accept(&payload).unwrap();
    assert_eq!(envelope.idempotencykey, accepted.key);
}

/// A copy of the message may be sent until the time that the message has, even if the contract has a shorter one by
/// now.
#[tokio::test]
async fn what_is_written_is_remembered_for_as_long_as_its_message_says() {
    for (days, expected_days) in [(60, 60), (7, 30)] {
        let rig = Rig::default();
        let now = rig.clock.now();
        let mut record = event("a", "k", "p");
        let until = Some(now.plus(DAY * days));
        Redriven { run: "r".to_owned(), remembered_until: until }.write(&mut record.attributes);
        assert!(rig.run(vec![record]).await.failures.is_empty());
        // The earliest is that of the totals' record, since a row that is its own record stays.
        let records = rig.store.records();
        let expires_at = records.values().map(dedupe::DedupeRecord::expires_at).min();
        assert_eq!(expires_at, Some(now.plus(DAY * expected_days)), "{days}");
    }
}
