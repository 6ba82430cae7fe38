//! FIFO queues: order, locks, duplicates, attempts.

use crate::rig::{World, code, system};

#[tokio::test]
async fn a_group_is_locked_while_in_flight_and_others_are_not() {
    let world = World::new().await;
    let queue = world.create_fifo("q.fifo", &[]).await;
    for (group, body) in [("g", "g1"), ("g", "g2"), ("h", "h1")] {
        world.send_to(&queue, group, body).await;
    }
    let first = world.receive_up_to(&queue, 1).await.remove(0);
    assert_eq!(first.body.as_deref(), Some("g1"));
    assert_eq!(world.bodies(&queue).await, ["h1"]);
    world.delete(&queue, &first.receipt_handle.unwrap()).await.unwrap();
    assert_eq!(world.bodies(&queue).await, ["g2"]);
}

#[tokio::test]
async fn a_duplicate_is_dropped_for_five_minutes() {
    let world = World::new().await;
    let queue = world.create_fifo("q.fifo", &[("ContentBasedDeduplication", "true")]).await;
    let send = || {
        let request = world.client.send_message().queue_url(&queue).message_body("same");
        async move { request.message_group_id("g").send().await.unwrap() }
    };
    let first = send().await;
    let message = world.receive(&queue).await.remove(0);
    world.delete(&queue, &message.receipt_handle.unwrap()).await.unwrap();
    world.pass(299);
    let second = send().await;
    assert_eq!(
        (&second.message_id, &second.sequence_number),
        (&first.message_id, &first.sequence_number)
    );
    assert!(world.receive(&queue).await.is_empty());
    world.pass(1);
    let third = send().await;
    assert!(third.sequence_number > first.sequence_number);
    assert_eq!(first.sequence_number.unwrap().len(), 20);
    assert_eq!(world.bodies(&queue).await, ["same"]);
}

#[tokio::test]
async fn duplicates_are_per_group_in_high_throughput_mode() {
    let world = World::new().await;
    let attributes =
        [("DeduplicationScope", "messageGroup"), ("FifoThroughputLimit", "perMessageGroupId")];
    let queue = world.create_fifo("q.fifo", &attributes).await;
    for group in ["g", "h", "g"] {
        world.send_to(&queue, group, "same").await;
    }
    assert_eq!(world.bodies(&queue).await, ["same", "same"]);
    let refused = world.set(&queue, "DeduplicationScope", "queue").await;
    assert_eq!(refused, Err("InvalidAttributeValue".to_owned()));
}

#[tokio::test]
async fn a_receive_attempt_can_be_repeated() {
    let world = World::new().await;
    let queue = world.create_fifo("q.fifo", &[]).await;
    for body in ["1", "2"] {
        world.send_to(&queue, "g", body).await;
    }
    let receive = || {
        let request = world.client.receive_message().queue_url(&queue).max_number_of_messages(10);
        let request = request.receive_request_attempt_id("attempt").send();
        async move {
            let messages = request.await.unwrap().messages.unwrap_or_default();
            messages.into_iter().map(|m| m.receipt_handle.unwrap()).collect::<Vec<_>>()
        }
    };
    let first = receive().await;
    world.pass(20);
    assert_eq!(receive().await, first);
    world.pass(20);
    assert_eq!(world.depth(&queue).await, (0, 2, 0), "hidden anew");
    world.delete(&queue, &first[0]).await.unwrap();
    assert!(receive().await.is_empty());
}

#[tokio::test]
async fn what_a_fifo_queue_needs_is_asked_for() {
    let world = World::new().await;
    let queue = world.create_fifo("q.fifo", &[]).await;
    let send = || world.client.send_message().queue_url(&queue).message_body("b");
    let error = send().send().await.unwrap_err();
    assert_eq!(code(&error), "MissingParameter");
    let error = send().message_group_id("g").send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameterValue");
    let with_ids = send().message_group_id("g").message_deduplication_id("d");
    let error = with_ids.delay_seconds(5).send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameterValue");

    world.send_to(&queue, "g", "a").await;
    let message = world.receive(&queue).await.remove(0);
    assert_eq!(system(&message, "MessageGroupId").as_deref(), Some("g"));
    assert_eq!(system(&message, "MessageDeduplicationId").as_deref(), Some("a"));
    world.pass(31);
    let expired = world.delete(&queue, &message.receipt_handle.unwrap()).await;
    assert_eq!(expired, Err("InvalidParameterValue".to_owned()));
}

#[tokio::test]
async fn a_standard_queue_takes_groups_and_no_deduplication_ids() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    for body in ["1", "2"] {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.message_group_id("tenant").send().await.unwrap();
    }
    let first = world.receive_up_to(&queue, 1).await.remove(0);
    assert_eq!(system(&first, "MessageGroupId").as_deref(), Some("tenant"));
    assert_eq!(world.bodies(&queue).await, ["2"]);
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    let error = request.message_deduplication_id("d").send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameterValue");
}
