//! What follows a failure.

use super::*;

#[tokio::test]
async fn a_batch_that_fails_holds_up_what_comes_after_it_and_is_tried_until_it_is_done() {
    let world = World::new();
    world.function.will_fail(2);
    world.shard.put("ab");
    let mapping = world.start(&StreamMapping { batch_size: 2, ..declared() });
    let waiting = Activity::WaitingUntil(START_MS + 200);
    until("waiting for another try", || mapping.activity() == waiting).await;
    world.shard.put("cd");
    assert_eq!(mapping.activity(), waiting, "new records wait with it");
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["ab", "ab", "ab", "cd"]);
    assert_eq!(world.clock.now_ms(), START_MS + 600);
    let expected = Counters {
        invocations: 4,
        failed_invocations: 2,
        records: 8,
        failures: 4,
        ..Counters::default()
    };
    assert_eq!(mapping.counters(), expected);
}

#[tokio::test]
async fn throttling_is_no_retry() {
    let world = World::new();
    world.function.will_throttle(5);
    world.shard.put("a");
    let mapping = world.start(&StreamMapping { maximum_retries: Some(0), ..declared() });
    world.settle(&mapping).await;
    let counters = mapping.counters();
    assert_eq!((counters.throttles, counters.invocations, counters.discarded), (5, 1, 0));
}

#[tokio::test]
async fn a_reported_failure_is_tried_again_with_all_that_comes_after_it() {
    let world = World::new();
    world.function.will(&failures("db"));
    world.function.will(&failures("d"));
    world.shard.put("abcde");
    let report_batch_item_failures = true;
    let mapping = world.start(&StreamMapping { report_batch_item_failures, ..declared() });
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["abcde", "bcde", "de"]);
    let counters = mapping.counters();
    assert_eq!((counters.failures, counters.failed_invocations, counters.in_flight), (6, 0, 0));
}

#[tokio::test]
async fn an_answer_that_names_no_record_of_the_batch_fails_all_of_it() {
    let world = World::new();
    for answer in [&*failures("x"), r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, "7"] {
        world.function.will(answer);
    }
    world.function.will(r#"{"batchItemFailures":[]}"#);
    world.shard.put("ab");
    let report_batch_item_failures = true;
    let mapping = world.start(&StreamMapping { report_batch_item_failures, ..declared() });
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["ab"; 4]);
    assert_eq!(mapping.counters().failed_invocations, 3);
}

#[tokio::test]
async fn without_reporting_the_response_means_nothing() {
    let world = World::new();
    world.function.will(&failures("a"));
    world.shard.put("ab");
    let mapping = world.start(&declared());
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["ab"]);
}

#[tokio::test]
async fn bisecting_isolates_a_record_that_cannot_be_handled() {
    let world = World::new();
    world.function.hates("e");
    world.shard.put("abcdefgh");
    let retry_rules = StreamMapping { bisect: true, maximum_retries: Some(1), ..declared() };
    let mapping = world.start(&retry_rules);
    world.settle(&mapping).await;
    let expected = ["abcdefgh", "abcd", "efgh", "ef", "e", "e", "f", "gh"];
    assert_eq!(world.function.seen(), expected);
    assert_eq!(mapping.counters().discarded, 1);
    assert_eq!(mapping.counters().in_flight, 0);
}

#[tokio::test]
async fn a_paused_mapping_keeps_its_failing_batch_and_rests() {
    let world = World::new();
    world.function.will_fail(1);
    world.shard.put("ab");
    let mapping = world.start(&declared());
    let waiting = Activity::WaitingUntil(START_MS + 200);
    until("waiting for another try", || mapping.activity() == waiting).await;
    mapping.pause();
    until("at rest", || mapping.is_idle()).await;
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!((world.function.seen().len(), mapping.counters().in_flight), (1, 2));
    mapping.resume();
    until("tried again", || world.function.seen() == ["ab", "ab"]).await;
    world.settle(&mapping).await;
}

#[tokio::test]
async fn a_mapping_stops_in_the_middle_of_its_retries() {
    let world = World::new();
    world.function.hates("a");
    world.shard.put("a");
    let mapping = world.start(&declared());
    let waiting = Activity::WaitingUntil(START_MS + 200);
    until("waiting for another try", || mapping.activity() == waiting).await;
    mapping.stop().await;
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.function.seen().len(), 1);
}
