//! What is in a batch, and what becomes of its messages.

use super::*;

#[tokio::test]
async fn a_batch_is_invoked_and_what_did_not_fail_is_deleted() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.queue.put("b", "2", None);
    world.queue.put("c", "3", None);
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#));
    let mapping = world.start(&declared());
    until("handled", || mapping.counters().invocations == 1 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), ["a", "c"]);
    let expected = Counters { invocations: 1, records: 3, failures: 1, ..Counters::default() };
    assert_eq!(mapping.counters(), expected);
    mapping.stop().await;
}

#[tokio::test]
async fn a_failed_invocation_leaves_the_whole_batch_in_the_queue() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.queue.put("b", "2", None);
    world.function.will_fail();
    let mapping = world.start(&declared());
    until("handled", || mapping.counters().failures == 2 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), [""; 0]);
    assert_eq!(mapping.counters().failed_invocations, 1);
}

#[tokio::test]
async fn without_reporting_the_response_means_nothing() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#));
    let declared = EventSourceMapping { report_batch_item_failures: false, ..declared() };
    let mapping = world.start(&declared);
    until("deleted", || world.queue.deleted() == ["a"]).await;
    assert_eq!(mapping.counters().failures, 0);
}

#[tokio::test]
async fn messages_that_no_filter_matches_are_deleted_unseen() {
    let world = World::new(10);
    world.queue.put("a", r#"{"keep":true}"#, None);
    world.queue.put("b", r#"{"keep":false}"#, None);
    let filters = vec![r#"{"body":{"keep":[true]}}"#.to_owned()];
    let mapping = world.start(&EventSourceMapping { filters, ..declared() });
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
    assert_eq!(world.function.seen(), [["a"]]);
    assert_eq!((mapping.counters().filtered, mapping.counters().records), (1, 1));
}

#[tokio::test]
async fn a_window_gathers_messages_until_it_ends_or_the_batch_is_full() {
    let world = World::new(10);
    let windowed =
        EventSourceMapping { batch_size: 100, window: Duration::from_secs(5), ..declared() };
    let mapping = world.start(&windowed);
    world.queue.put("a", "1", None);
    let waiting = Activity::WaitingUntil(START_MS + 5_000);
    until("waiting for the window's end", || mapping.activity() == waiting).await;
    assert!(!mapping.is_idle());
    world.clock.advance(Duration::from_secs(3));
    world.queue.put("b", "2", None);
    until("both gathered or each by a poller", || mapping.counters().in_flight == 2).await;
    assert_eq!(world.function.seen().len(), 0, "the window has not ended");
    world.clock.advance(Duration::from_secs(5));
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
    assert!(*world.queue.inner.largest_request.lock().unwrap() > 10);

    for number in 0..100 {
        world.queue.put(&number.to_string(), "x", None);
    }
    until("a full batch goes at once", || world.function.seen().iter().any(|ids| ids.len() == 100))
        .await;
}

#[tokio::test]
async fn a_throttled_batch_is_tried_again_while_its_visibility_lasts() {
    let world = World::new(10);
    let throttled = || InvokeError::Throttled { function: "sink".to_owned(), limit: 1 };
    world.function.will(Err(throttled()));
    world.queue.put("a", "1", None);
    let mapping = world.start(&declared());
    let waiting = Activity::WaitingUntil(START_MS + 100);
    until("waiting for another try", || mapping.activity() == waiting).await;
    world.clock.advance(Duration::from_millis(100));
    until("deleted", || world.queue.deleted() == ["a"]).await;
    assert_eq!((mapping.counters().throttles, mapping.counters().invocations), (1, 1));

    for _ in 0..100 {
        world.function.will(Err(throttled()));
    }
    world.queue.put("b", "2", None);
    until("under way", || mapping.counters().in_flight == 1).await;
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    until("given up", || mapping.counters().failures == 1 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), ["a"]);
}

#[tokio::test]
async fn a_batch_is_split_where_it_exceeds_a_payload() {
    let world = World::new(10);
    let large = "x".repeat(1024 * 1024 - 1024);
    for number in 0..8 {
        world.queue.put(&number.to_string(), &large, None);
    }
    let mapping = world.start(&declared());
    until("all deleted", || world.queue.deleted().len() == 8).await;
    let sizes: Vec<usize> = world.function.seen().iter().map(Vec::len).collect();
    assert_eq!(sizes, [6, 2]);
    drop(mapping);
}

#[tokio::test]
async fn a_stopped_mapping_gives_back_what_it_does_not_finish() {
    let world = World::new(10);
    world.function.inner.open.send_replace(false);
    world.queue.put("a", "1", None);
    world.function.will(Err(InvokeError::ShuttingDown));
    let mapping = world.start(&declared());
    world.function.running(1).await;
    mapping.request_stop();
    world.queue.put("b", "2", None);
    world.function.inner.open.send_replace(true);
    mapping.wait_until_stopped().await;
    assert_eq!(world.queue.given_back(), ["a"]);
    assert_eq!(world.queue.deleted(), [""; 0]);
    assert_eq!(world.function.seen(), [["a"]], "what came after the stop is left alone");
}

#[tokio::test]
async fn a_batch_that_waits_for_its_window_is_given_back_when_the_mapping_stops() {
    let world = World::new(10);
    let windowed =
        EventSourceMapping { batch_size: 100, window: Duration::from_secs(5), ..declared() };
    world.queue.put("a", "1", None);
    world.function.will(Err(InvokeError::ShuttingDown));
    let mapping = world.start(&windowed);
    until("gathered", || mapping.counters().in_flight == 1).await;
    mapping.stop().await;
    assert_eq!(world.queue.given_back(), ["a"]);
}

#[tokio::test]
async fn what_fails_while_the_mapping_runs_is_left_to_its_visibility_timeout() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.function.will_fail();
    let mapping = world.start(&declared());
    until("handled", || mapping.counters().failures == 1 && mapping.is_idle()).await;
    mapping.stop().await;
    assert_eq!(world.queue.given_back(), [""; 0]);
}
