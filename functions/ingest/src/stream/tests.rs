//! Batches of records: what is sent on, what becomes a dead letter, and from where on a batch is repeated.

use std::time::Duration;

use contracts::Catalog;
use event::FailureKind;
use serde_json::json;
use testkit::{ManualClock, MemoryQueue};

use super::*;
use crate::memory::{
    DLQ, ENRICH, MemoryObjects, events, ingest_under, letters, tables_contracts as contracts,
};
use crate::trigger::Trigger;

const STREAM: &str =
    "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2024-06-10T19:26:16.525";

/// An update of the order `id`.
fn update(id: u32) -> serde_json::Value {
    json!({"eventID": format!("e{id}"), "eventName": "MODIFY", "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "eventSourceARN": STREAM,
        "dynamodb": {"ApproximateCreationDateTime": 1_480_642_020, "Keys": {"id": {"N": id.to_string()}},
            "NewImage": {"id": {"N": id.to_string()}, "total": {"N": "1.50"}},
            "SequenceNumber": id.to_string(), "StreamViewType": "NEW_IMAGE"}})
}

struct World {
    objects: MemoryObjects,
    queue: MemoryQueue,
    seconds: u64,
}

impl Default for World {
    fn default() -> Self {
        Self { objects: MemoryObjects::default(), queue: MemoryQueue::default(), seconds: 60 }
    }
}

impl World {
    /// The number of the record from which on the batch is repeated.
    async fn invoke(&self, records: &[serde_json::Value]) -> Option<String> {
        self.invoke_under(contracts(), records).await
    }

    async fn invoke_under(
        &self,
        contracts: Catalog,
        records: &[serde_json::Value],
    ) -> Option<String> {
        let invocation = json!({ "Records": records }).to_string();
        let Ok(Trigger::Stream(records)) = serde_json::from_str(&invocation) else {
            panic!("{invocation}")
        };
        let stage = ingest_under(contracts, &self.objects, &self.queue);
        let deadline = ManualClock::default().deadline_in(Duration::from_secs(self.seconds));
        let mut answer = take_batch(&stage, &records, &deadline).await;
        assert!(answer.failures.len() <= 1, "{answer:?}");
        answer.failures.pop().map(|failure| failure.message_id)
    }

    fn ids(&self) -> Vec<String> {
        events(&self.queue).into_iter().map(|event| event.id).collect()
    }
}

#[tokio::test]
async fn each_record_is_an_event_with_its_operation_and_its_order() {
    let world = World::default();
    let mut removed = update(3);
    removed["eventName"] = json!("REMOVE");
    assert_eq!(world.invoke(&[update(1), update(2), removed]).await, None);
    let sent = events(&world.queue);
    assert_eq!(world.ids(), ["e1", "e2", "e3"]);
    let expected = r#"{"id":1,"total":1.50,"change":{"operation":"update","sequence":1,"time":"2016-12-02T01:27:00.000Z"}}"#;
    assert_eq!(sent[0].data.get(), expected);
    assert!(sent[2].data.get().starts_with(r#"{"id":3,"change":{"operation":"delete""#));
    for event in &sent {
        assert_eq!((event.source.as_str(), event.dataset.as_str()), (STREAM, "orders"));
        assert_eq!(event.sequence.as_ref().map(String::len), Some(40));
    }
    let operations: Vec<_> = sent.iter().filter_map(|event| event.operation.as_deref()).collect();
    assert_eq!(operations, ["update", "update", "delete"]);
    // The archive has the records as they came.
    let archived = world.objects.archived();
    assert_eq!(archived.len(), 1);
}

#[tokio::test]
async fn a_record_that_is_refused_for_good_harms_itself_alone_and_can_come_back() {
    let world = World::default();
    let (mut unknown, mut nobodys) = (update(2), update(3));
    unknown["eventName"] = json!("TRUNCATE");
    nobodys["eventSourceARN"] = json!(STREAM.replace("orders", "tides"));
    let mut nameless = update(4);
    nameless.as_object_mut().unwrap().remove("eventSourceARN");
    let batch = [update(1), unknown, nobodys.clone(), nameless, update(5)];
    assert_eq!(world.invoke(&batch).await, None);
    assert_eq!(world.ids(), ["e1", "e5"]);
    let dead = letters(&world.queue);
    let found: Vec<_> = dead
        .iter()
        .map(|(letter, _)| (letter.code, letter.message_id.as_str(), letter.dataset.as_deref()))
        .collect();
    let expected = [
        (Code::DecodeFormat, "e2", Some("orders")),
        (Code::UnknownDataset, "e3", None),
        (Code::DecodeFormat, "e4", None),
    ];
    assert_eq!(found, expected);
    assert_eq!(dead[1].1.body, nobodys.to_string());
}

#[tokio::test]
async fn a_stream_that_the_contract_does_not_list_is_refused() {
    for (sources, taken) in [("inbox, streams", 1), ("inbox", 0)] {
        let yaml = format!(
            "{{dataset: orders, description: Rows, owner: shop, sources: [{sources}],
            changes: {{kind: dynamodb, table: orders, into: change}},
            schema: {{version: 1, file: a.json}},
            keys: {{idempotency: [/id], business: [/id], event_time: /change/time}},
            sinks: [{{name: rows, kind: table}}]}}"
        );
        let schema = ("a.json".to_owned(), r#"{"type":"object"}"#.to_owned());
        let mut catalog = Catalog::default();
        catalog.add("orders", &yaml, &[schema].into()).unwrap();
        let world = World::default();
        assert_eq!(world.invoke_under(catalog, &[update(1)]).await, None);
        assert_eq!(world.ids().len(), taken, "{sources}");
        let dead = letters(&world.queue);
        let refused = dead.iter().all(|(letter, _)| letter.code == Code::SourceRefused);
        assert!(refused && dead.len() == 1 - taken, "{dead:?}");
    }
}

#[tokio::test]
async fn a_batch_is_repeated_from_the_first_record_that_could_not_be_sent() {
    let world = World::default();
    let away = || Failure::transient(Code::DependencyUnavailable, "away");
    world.queue.refuse(move |_, message| {
        let is_one = ["\"id\":3,", "\"id\":5,"].iter().any(|it| message.body.contains(it));
        is_one.then(away)
    });
    let batch: Vec<_> = (1..=6).map(update).collect();
    assert_eq!(world.invoke(&batch).await.as_deref(), Some("3"));
    // What was sent on behind it comes a second time, under the same key.
    assert_eq!(world.ids(), ["e1", "e2", "e4", "e6"]);
    world.queue.refuse(|_, _| None);
    assert_eq!(world.invoke(&batch[2..]).await, None);
    let mut keys: Vec<_> =
        events(&world.queue).into_iter().map(|event| event.idempotencykey).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);

    let world = World::default();
    world.objects.lose_archive();
    assert_eq!(world.invoke(&batch[1..]).await.as_deref(), Some("2"));
    assert!(world.ids().is_empty());
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_sent_repeats_the_batch_from_it_on() {
    let world = World::default();
    world.queue.refuse(|url, _| {
        (url == DLQ).then(|| Failure::transient(Code::DependencyUnavailable, "away"))
    });
    let mut bad = update(2);
    bad["eventName"] = json!("X");
    assert_eq!(world.invoke(&[update(1), bad, update(3)]).await.as_deref(), Some("2"));
    assert!(world.queue.sent_to(DLQ).is_empty());
}

#[tokio::test]
async fn what_a_broken_contract_or_too_little_time_holds_up_is_not_tried_out_of_order() {
    let world = World::default();
    let mut broken = Catalog::default();
    broken.add_later("other", std::sync::Arc::new(NoFiles));
    let again = world.invoke_under(broken, &[update(1), update(2)]).await;
    assert_eq!(again.as_deref(), Some("1"));
    assert!(letters(&world.queue).is_empty() && world.queue.calls_to(ENRICH).is_empty());

    let late = World { seconds: 1, ..World::default() };
    assert_eq!(late.invoke(&[update(7), update(8)]).await.as_deref(), Some("7"));
    assert!(late.ids().is_empty());
}

#[derive(Debug)]
struct NoFiles;

impl contracts::ContractFiles for NoFiles {
    fn read(&self, _: &str) -> Result<contracts::ContractTexts, String> {
        Err("no such file".to_owned())
    }
}

/// An empty identifier makes Lambda repeat the whole batch.
#[tokio::test]
async fn a_record_without_a_number_repeats_the_whole_batch() {
    let world = World::default();
    world.queue.refuse(|_, _| Some(Failure::transient(Code::DependencyUnavailable, "away")));
    let mut nameless = update(1);
    nameless["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
    assert_eq!(world.invoke(&[nameless]).await.as_deref(), Some(""));
}

#[tokio::test]
async fn a_record_that_no_message_can_hold_is_kept_in_the_archive() {
    let world = World::default();
    let mut large = update(1);
    large["dynamodb"]["NewImage"]["text"] = json!({"S": "x".repeat(5_000_000)});
    assert_eq!(world.invoke(&[large]).await, None);
    let (letter, message) = letters(&world.queue).remove(0);
    assert_eq!((letter.code, letter.encoding), (Code::SizeExceeded, event::Encoding::Claim));
    assert!(message.body.contains("letters/"), "{}", message.body);
    assert_eq!(FailureKind::Permanent, letter.failure().kind);
}
