//! How often the sinks call AWS: each call is billed, whatever it does.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_tests::{World, root};

/// Messages of a sink's sample, `count` times the first one, with keys of their own and dates in turn.
fn batch(sample: &str, count: usize, days: usize) -> Bytes {
    let text = std::fs::read_to_string(root().join("events/sqs").join(sample)).unwrap();
    let sample: Value = serde_json::from_str(&text).unwrap();
    let record = |number: usize| {
        let mut record = sample["Records"][0].clone();
        let mut event: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
        event["idempotencykey"] = json!(format!("{number:064x}"));
        event["time"] = json!(format!("2013-01-{:02}T10:00:00.000Z", 1 + number % days));
        record["body"] = json!(event.to_string());
        record["messageId"] = json!(number.to_string());
        record
    };
    Bytes::from(json!({ "Records": (0..count).map(record).collect::<Vec<_>>() }).to_string())
}

/// What a function calls for a batch of which nothing is left to be tried again.
async fn calls(world: &World, function: &str, batch: &Bytes) -> BTreeMap<String, u64> {
    let name = world.name(function);
    let counted = || {
        let calls = world.emulation().calls().into_iter();
        let own = calls.filter(|(call, _)| call.caller == name);
        own.map(|(call, count)| (call.operation, count)).collect::<BTreeMap<_, _>>()
    };
    let before = counted();
    let done = world.emulation().lambda().invoke(name, batch.clone()).await.unwrap();
    let answer: Value = serde_json::from_slice(&done.payload).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    let mut after = counted();
    for (operation, count) in before {
        after.entry(operation).and_modify(|all| *all -= count);
    }
    after.retain(|_, count| *count > 0);
    after
}

fn these<const N: usize>(calls: [(&str, u64); N]) -> BTreeMap<String, u64> {
    calls.into_iter().map(|(operation, count)| (operation.to_owned(), count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_events_are_written_to_the_tables_in_one_call_and_known_again_in_at_most_one() {
    let world = World::start().await;
    let batch = batch("sink.json", 10, 3);
    let one = these([("TransactWriteItems", 1)]);
    assert_eq!(calls(&world, "SinkFunction", &batch).await, one);
    assert_eq!(calls(&world, "SinkFunction", &batch).await, these([]), "by who wrote them");
    assert_eq!(world.emulation().lambda().retire_idle(world.name("SinkFunction")), 1);
    assert_eq!(calls(&world, "SinkFunction", &batch).await, one, "by another environment");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_the_lake_costs_two_calls_a_hundred_events_and_three_a_day() {
    let world = World::start().await;
    let batch = batch("lake.json", 250, 2);
    let fresh = these([("GetObject", 2), ("PutObject", 4), ("TransactWriteItems", 6)]);
    assert_eq!(calls(&world, "LakeFunction", &batch).await, fresh);
    let again = these([("TransactWriteItems", 3)]);
    assert_eq!(calls(&world, "LakeFunction", &batch).await, again, "duplicates");
    world.end().await;
}
