//! The order of groups.

use super::*;

#[tokio::test]
async fn of_a_group_there_are_never_two_batches_at_once() {
    let world = World::new(10);
    world.function.inner.open.send_replace(false);
    let fifo = EventSourceMapping {
        queue_arn: format!("{}.fifo", declared().queue_arn),
        batch_size: 1,
        ..declared()
    };
    // Both are visible, as when the first one's visibility timeout has ended.
    world.queue.put("a1", "1", Some("a"));
    world.queue.put("a2", "2", Some("a"));
    world.queue.put("b1", "3", Some("b"));
    let mapping = world.start(&fifo);
    world.function.running(2).await;
    until("all received", || mapping.counters().in_flight == 3).await;
    assert_eq!(world.function.seen(), [["a1"], ["b1"]]);
    world.function.inner.open.send_replace(true);
    until("all deleted", || world.queue.deleted() == ["a1", "a2", "b1"]).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_fifo_batch_stops_at_its_first_failed_part() {
    let world = World::new(10);
    let large = "x".repeat(1024 * 1024 - 1024);
    for number in 0..8 {
        world.queue.put(&number.to_string(), &large, Some("g"));
    }
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"3"}]}"#));
    let queue_arn = format!("{}.fifo", declared().queue_arn);
    let mapping = world.start(&EventSourceMapping { queue_arn, ..declared() });
    until("dealt with", || mapping.counters().failures == 3 && mapping.is_idle()).await;
    assert_eq!(world.function.seen().len(), 1);
    assert_eq!(world.queue.deleted(), ["0", "1", "2", "4", "5"]);
}

#[tokio::test]
async fn what_a_loop_has_to_end_with_stays_and_so_does_what_is_behind_it_in_its_group() {
    let world = World::new(10);
    let looping = |group| [("MessageGroupId", group), ("AWSTraceHeader", "loop")];
    world.queue.put_with("a1", "1", looping("a"));
    world.queue.put("a2", "2", Some("a"));
    world.queue.put("b1", "3", Some("b"));
    let queue_arn = "arn:aws:sqs:eu-west-1:123456789012:inbox.fifo".to_owned();
    let mapping = world.start(&EventSourceMapping { queue_arn, ..declared() });
    until("deleted", || world.queue.deleted() == ["b1"]).await;
    assert_eq!(world.function.seen().concat(), ["b1"]);
    drop(mapping);

    let world = World::new(10);
    world.queue.put_with("a1", "1", looping("a"));
    world.queue.put("a2", "2", Some("a"));
    let _mapping = world.start(&declared());
    until("deleted", || world.queue.deleted() == ["a2"]).await;
    assert_eq!(world.function.seen().concat(), ["a2"], "a standard queue has no order to keep");
}
