//! The stage in its batch loop: from messages and announcements to envelopes and dead letters.

mod backlog;
mod changes;
mod large;
mod late;
mod letters;
mod rows;
mod slices;
mod sources;
mod wrapped;

use std::io::Read;
use std::time::Duration;

use event::{Attribute, Envelope};
use flate2::read::GzDecoder;
use runtime::{Batches, DeadLetterQueue, Outgoing, Policy, Recorder, TrustedSenders};
use serde_json::json;
use testkit::{ManualClock, MemoryQueue};

use super::*;
use crate::direct::hand_over;
use crate::memory::{DLQ, ENRICH, MemoryObjects, events, flight, gzip, ingest, letters};
use crate::trigger::Trigger;

const INBOX: &str = "http://h/inbox";

/// Runs a batch; returns the ids that stay in the inbox.
async fn run(objects: &MemoryObjects, queue: &MemoryQueue, records: Vec<Record>) -> Vec<String> {
    run_stage(ingest(objects, queue), queue, records).await
}

async fn run_stage(
    stage: Ingest<MemoryObjects, MemoryQueue>,
    queue: &MemoryQueue,
    records: Vec<Record>,
) -> Vec<String> {
    let variables = std::collections::BTreeMap::from([("TRUSTED_SENDERS", "AROAREDRIVE")]);
    let trusted_senders = Some(TrustedSenders::read(&variables).unwrap());
    let claims = Some(stage.emit.claims.clone());
    let batches = Batches {
        stage,
        dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
        policy: Policy { trusted_senders, claims, ..Policy::new(INBOX.to_owned(), 5) },
        queue: queue.clone(),
        metrics: Recorder::new("Test"),
    };
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
    let response = batches.run(records, &deadline).await;
    response.failures.into_iter().map(|failed| failed.message_id).collect()
}

fn message(id: &str, body: &str, attributes: &[(&str, &str)]) -> Record {
    let attribute = |(name, value): &(&str, &str)| ((*name).to_owned(), Attribute::string(*value));
    Record {
        message_id: id.to_owned(),
        receipt_handle: format!("receipt of {id}"),
        body: body.to_owned(),
        attributes: attributes.iter().map(attribute).collect(),
        receive_count: 1,
        queue_arn: "arn:aws:sqs:eu-west-1:123456789012:inbox".to_owned(),
        ..Record::default()
    }
}

fn announcement(keys: &[&str]) -> Record {
    let record = |key: &&str| {
        json!({"eventSource": "aws:s3", "eventVersion": "2.1", "awsRegion": "eu-west-1",
            "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {}, "requestParameters": {}, "responseElements": {},
            "s3": {"bucket": {"name": "landing"}, "object": {"key": key, "size": 1, "eTag": "e1"}}})
    };
    let records: Vec<_> = keys.iter().map(record).collect();
    message("n1", &json!({ "Records": records }).to_string(), &[])
}

fn unzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_message_that_names_its_dataset_is_an_event() {
    let (objects, queue) = Default::default();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = message("m2", &flight(2), &[("dataset", "flights"), ("traceparent", trace)]);
    let batch = vec![message("m1", &flight(1), &[("dataset", "flights")]), traced];
    assert!(run(&objects, &queue, batch).await.is_empty());
    let passed = events(&queue);
    assert_eq!((passed[0].id.as_str(), passed[1].id.as_str()), ("m1", "m2"));
    assert_eq!(passed[0].source, "arn:aws:sqs:eu-west-1:123456789012:inbox");
    assert_eq!(passed[0].data.get(), flight(1));
    assert_eq!(passed[1].traceparent, trace);
    assert_eq!(queue.calls_to(ENRICH), [2], "one call for a batch");
}

#[tokio::test]
async fn what_cannot_be_an_event_is_a_dead_letter_and_the_others_pass() {
    let (objects, queue) = Default::default();
    let batch = vec![
        message("m1", &flight(1), &[]),
        message("m2", &flight(2), &[("dataset", "orders")]),
        message("m3", "", &[("dataset", "flights")]),
        message("m4", &flight(4), &[("dataset", "flights")]),
    ];
    assert!(run(&objects, &queue, batch).await.is_empty());
    let codes: Vec<_> = letters(&queue).iter().map(|(letter, _)| letter.code).collect();
    assert_eq!(codes, [Code::UnknownDataset, Code::UnknownDataset, Code::InputEmpty]);
    assert_eq!(events(&queue).len(), 1);
    assert!(letters(&queue)[1].0.reason.contains("known: flights"));
}

#[tokio::test]
async fn a_letter_names_its_dataset_and_the_contract_s_version_where_they_are_known() {
    for (record, dataset, version) in [
        (message("m1", "{", &[("dataset", "flights")]), Some("flights"), Some(1)),
        (message("m1", "{", &[("dataset", "orders")]), Some("orders"), None),
        (message("m1", "{", &[]), None, None),
        (announcement(&["flights/a.pdf", "flights/b.pdf"]), Some("flights"), Some(1)),
        (announcement(&["flights/a.pdf", "weather/b.pdf"]), None, None),
        (announcement(&["flights/gone.csv"]), Some("flights"), Some(1)),
        (announcement(&["a.csv"]), None, None),
    ] {
        let (objects, queue) = Default::default();
        let body = record.body.clone();
        run(&objects, &queue, vec![record]).await;
        let (letter, _) = letters(&queue).remove(0);
        let found = (letter.dataset.as_deref(), letter.contract_version);
        assert_eq!(found, (dataset, version), "{body}");
    }
}

#[tokio::test]
async fn the_archive_holds_the_batch_before_anything_is_sent() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let archive = objects.clone();
    queue.refuse(move |_, _| {
        assert!(!archive.archived().is_empty(), "sent before it was archived");
        None
    });
    let batch = vec![
        message("m1", &flight(1), &[("dataset", "flights")]),
        message("m2", &flight(2), &[("dataset", "flights")]),
    ];
    run(&objects, &queue, batch).await;
    assert_eq!(events(&queue).len(), 2);
    let archived = objects.archived();
    let (key, body) = archived.first_key_value().unwrap();
    assert_eq!(key, "messages/2026-01-01/00/1767225600000-m1-2.ndjson.gz");
    let lines: Vec<serde_json::Value> =
        unzipped(body).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&"m1".into(), &"m2".into()));
    assert_eq!(lines[1]["body"], flight(2));
    assert_eq!(lines[1]["attributes"]["dataset"]["value"], "flights");
}

#[tokio::test]
async fn an_archive_that_is_away_keeps_the_batch_in_the_inbox() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    objects.lose_archive();
    let objects = objects.with("landing", "flights/a.ndjson", "e1", flight(1).as_bytes());
    let batch = vec![
        message("m1", &flight(1), &[("dataset", "flights")]),
        announcement(&["flights/a.ndjson"]),
    ];
    let mut returned = run(&objects, &queue, batch).await;
    returned.sort();
    assert_eq!(returned, ["m1", "n1"]);
    assert!(queue.calls_to(ENRICH).is_empty() && queue.calls_to(DLQ).is_empty());
    assert_eq!(queue.hidden_in(INBOX).len(), 2);
}

#[tokio::test]
async fn an_event_that_is_not_sent_stays_alone_in_the_inbox() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    queue.refuse(|_, message| {
        let refused = Envelope::from_json(&message.body).is_ok_and(|event| event.id == "m2");
        refused.then(|| Failure::transient(Code::DependencyUnavailable, "away"))
    });
    let flights = [("dataset", "flights")];
    let batch = (1..4).map(|n| message(&format!("m{n}"), &flight(n), &flights)).collect();
    assert_eq!(run(&objects, &queue, batch).await, ["m2"]);
    assert_eq!(events(&queue).len(), 2);
}

#[tokio::test]
async fn an_announced_file_is_archived_and_read() {
    let queue = MemoryQueue::default();
    let bytes = gzip(format!("{}\n{{\n{}", flight(1), flight(2)).as_bytes());
    let objects =
        MemoryObjects::default().with("landing", "flights/2013/a b.ndjson.gz", "e1", &bytes);
    let archive = objects.clone();
    queue.refuse(move |_, _| {
        assert!(!archive.archived().is_empty(), "sent before it was archived");
        None
    });
    let batch = vec![announcement(&["flights/2013/a+b.ndjson.gz"])];
    assert!(run(&objects, &queue, batch).await.is_empty());
    let ids: Vec<_> = events(&queue).into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["e1:1", "e1:3"]);
    assert_eq!(letters(&queue)[0].0.at.as_deref(), Some("line 2"));
    let archived = objects.archived();
    assert_eq!(archived["objects/landing/flights/2013/a b.ndjson.gz/e1"], bytes);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_one_dead_letter_with_its_announcement() {
    for (key, code) in [
        ("a.ndjson", Code::UnknownDataset),
        ("orders/a.ndjson", Code::UnknownDataset),
        ("flights/gone.ndjson", Code::InputNotFound),
        ("flights/a.pdf", Code::DecodeFormat),
    ] {
        let queue = MemoryQueue::default();
        let objects = MemoryObjects::default().with("landing", "flights/a.pdf", "e1", b"%PDF");
        assert!(run(&objects, &queue, vec![announcement(&[key])]).await.is_empty());
        let letters = letters(&queue);
        assert_eq!((letters.len(), letters[0].0.code), (1, code), "{key}");
        assert_eq!(letters[0].1.body, announcement(&[key]).body);
    }
}

#[tokio::test]
async fn s3s_test_event_is_taken_and_comes_to_nothing() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"landing","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}"#;
    assert!(run(&objects, &queue, vec![message("m1", body, &[])]).await.is_empty());
    assert!(queue.calls_to(ENRICH).is_empty() && queue.calls_to(DLQ).is_empty());
    assert!(objects.archived().is_empty());
}

/// A backlog of one tenant does not hold up the others.
#[tokio::test]
async fn queues_are_shared_fairly_by_dataset_and_tenant() {
    let (objects, queue) = Default::default();
    let of = |carrier: &str| flight(1).replacen(r#""carrier":"UA""#, carrier, 1);
    let bodies = [flight(1), of(r#""carrier":"B6""#), of(r#""carrier":"Zürich""#)];
    let batch = bodies.iter().map(|body| message("m", body, &[("dataset", "flights")])).collect();
    assert!(run(&objects, &queue, batch).await.is_empty());
    let weather = testkit::sample_lines("weather.ndjson.gz")[0].clone();
    let batch = vec![message("w", &weather, &[("dataset", "weather")])];
    assert!(run(&objects, &queue, batch).await.is_empty());
    let groups = queue.sent_to(ENRICH).into_iter().map(|message| message.group.unwrap());
    let hashed = event::hex_sha256("flights/Zürich".as_bytes());
    assert_eq!(groups.collect::<Vec<_>>(), ["flights/UA", "flights/B6", &hashed, "weather"]);
}

/// Each sample is run as Lambda would invoke the function.
#[tokio::test]
async fn the_samples_are_taken_in() {
    for path in testkit::samples_of("ingest") {
        let queue = MemoryQueue::default();
        let file = "flights/flights-2013-01.ndjson.gz";
        let bucket = "sluicegate-landing-123456789012";
        let etag = "2d0c70962a29bd4b527f040f24f83951";
        let bytes = testkit::sample_bytes("flights-2013-01.ndjson.gz");
        let objects = MemoryObjects::default().with(bucket, file, etag, &bytes);
        let expected = match path {
            "api/http-api.json" | "api/ingest.json" => {
                let Trigger::Request(request) = trigger(path) else { panic!("{path}: no request") };
                let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
                let stage = ingest(&objects, &queue);
                let response = crate::http::answer(&stage, *request, &deadline).await;
                assert_eq!(response.status_code, 202, "{path}: {:?}", response.body);
                if path == "api/ingest.json" { 1 } else { 2 }
            }
            "sqs/ingest.json" | "s3/inbox-notification.json" => {
                let Trigger::Batch(batch) = trigger(path) else { panic!("{path}: no batch") };
                let records = batch.records.into_iter().map(Record::new).collect();
                assert!(run(&objects, &queue, records).await.is_empty());
                if path == "sqs/ingest.json" { 2 } else { 27_004 }
            }
            "s3/notification.json" | "event-bridge/object-created.json" => {
                invoke_directly(&objects, &queue, path).await;
                27_004
            }
            "sns/notification.json" | "event-bridge/event.json" => {
                invoke_directly(&objects, &queue, path).await;
                1
            }
            // This is the file that the notification announces.
            "flights-2013-01.ndjson.gz" => continue,
            other => panic!("no test for {other}"),
        };
        assert_eq!(queue.sent_to(ENRICH).len(), expected, "{path}");
        assert!(queue.calls_to(DLQ).is_empty(), "{path}");
    }
}

/// Runs an invocation that came without a queue, and then the batch of what it handed over to the inbox.
async fn invoke_directly(objects: &MemoryObjects, queue: &MemoryQueue, path: &str) {
    let Trigger::Message(invocation) = trigger(path) else { panic!("{path}: no message") };
    let ignored = IgnoredCounts::default();
    let done = hand_over(queue, INBOX, &invocation, &ignored).await.unwrap();
    assert_eq!(done.handed_over, 1, "{path}");
    let body = queue.sent_to(INBOX)[0].body.clone();
    assert!(run(objects, queue, vec![message("m1", &body, &[])]).await.is_empty(), "{path}");
}

fn trigger(path: &str) -> Trigger {
    serde_json::from_str(&testkit::sample(path)).unwrap()
}
