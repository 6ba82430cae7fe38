//! What is told of records that are given up.

use super::*;

/// The letters, without what no test can know.
fn sent(world: &World) -> Vec<Value> {
    world.failures.sent.lock().unwrap().clone()
}

#[tokio::test]
async fn a_batch_whose_retries_are_exhausted_is_told_of_and_the_next_one_comes() {
    let world = World::new();
    world.function.hates("a");
    world.shard.put("ab");
    world.clock.advance(Duration::from_secs(10));
    world.shard.put("c");
    let retry_rules = StreamMapping { batch_size: 3, maximum_retries: Some(1), ..declared() };
    let mapping = world.start(&retry_rules);
    world.settle(&mapping).await;
    world.shard.put("d");
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["abc", "abc", "d"]);
    let expected = json!({
        "requestContext": {
            "requestId": "id",
            "functionArn": "arn:sink",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:30.200Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": "a",
            "endSequenceNumber": "c",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:30Z",
            "batchSize": 3,
            "streamArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/s",
        },
    });
    assert_eq!(sent(&world), [expected]);
    let counters = mapping.counters();
    assert_eq!((counters.discarded, counters.in_flight), (3, 0));
}

#[tokio::test]
async fn a_reported_failure_is_given_up_with_all_that_comes_after_it() {
    let world = World::new();
    for _ in 0..2 {
        world.function.will(&failures("b"));
    }
    world.shard.put("abc");
    let retry_rules =
        StreamMapping { maximum_retries: Some(1), report_batch_item_failures: true, ..declared() };
    let mapping = world.start(&retry_rules);
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["abc", "bc"]);
    let letter = &sent(&world)[0];
    assert_eq!(letter["DDBStreamBatchInfo"]["startSequenceNumber"], "b");
    assert_eq!(letter["DDBStreamBatchInfo"]["batchSize"], 2);
    assert_eq!(letter["responseContext"]["functionError"], Value::Null, "it answered");
}

#[tokio::test]
async fn records_that_grow_too_old_are_given_up_and_the_younger_ones_tried_on() {
    let world = World::new();
    world.function.hates("a");
    world.shard.put("a");
    world.clock.advance(Duration::from_secs(30));
    world.shard.put("b");
    let maximum_record_age = Some(Duration::from_secs(60));
    let mapping = world.start(&StreamMapping { maximum_record_age, ..declared() });
    world.settle(&mapping).await;
    let seen = world.function.seen();
    assert_eq!(seen.last().unwrap(), "b");
    assert!(seen[..seen.len() - 1].iter().all(|batch| batch == "ab"), "{seen:?}");
    let failures = sent(&world);
    let letter = &failures[0];
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(letter["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(letter["requestContext"]["approximateInvokeCount"], seen.len() - 1);
    assert_eq!(letter["DDBStreamBatchInfo"]["batchSize"], 1);
    let passed_s = (world.clock.now_ms() - START_MS) / 1_000;
    assert!((60..120).contains(&passed_s), "{passed_s} s");
}

#[tokio::test]
async fn without_limits_a_failing_record_blocks_its_stream_for_a_day() {
    let world = World::new();
    world.function.hates("a");
    world.shard.put("a");
    let mapping = world.start(&declared());
    until("tried", || world.function.seen().len() == 1).await;
    world.settle(&mapping).await;
    let passed_s = (world.clock.now_ms() - START_MS) / 1_000;
    assert!((86_400..86_461).contains(&passed_s), "{passed_s} s");
    assert_eq!(sent(&world)[0]["requestContext"]["condition"], "RecordAgeExceeded");
}

#[tokio::test]
async fn records_that_no_function_was_invoked_for_have_no_answer() {
    let world = World::new();
    world.function.will_throttle(1_000);
    world.shard.put("a");
    let maximum_record_age = Some(Duration::from_secs(60));
    let mapping = world.start(&StreamMapping { maximum_record_age, ..declared() });
    world.settle(&mapping).await;
    let letter = &sent(&world)[0];
    assert_eq!(letter["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(letter["responseContext"], Value::Null);
}
