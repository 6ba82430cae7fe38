//! FIFO queues: order, locks, duplicates, attempts.

use super::{World, system};
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: a_group_is_locked_while_in_flight_and_others_are_not, a_duplicate_is_dropped_for_five_minutes, duplicates_are_per_group_in_high_throughput_mode, a_receive_attempt_can_be_repeated, what_a_fifo_queue_needs_is_asked_for, a_standard_queue_takes_groups_and_no_deduplication_ids);

async fn a_group_is_locked_while_in_flight_and_others_are_not(world: &World) {
    let queue = world.create_fifo("q.fifo", &[]).await;
    for (group, body) in [("g", "g1"), ("g", "g2"), ("h", "h1")] {
        world.send_to(&queue, group, body).await;
    }
    let first = world.receive_one(&queue).await;
    same!(first.body.as_deref(), Some("g1"));
    same!(world.bodies(&queue).await, ["h1"]);
    world.delete(&queue, &first.receipt_handle.unwrap()).await.unwrap();
    same!(world.bodies(&queue).await, ["g2"]);
}

async fn a_duplicate_is_dropped_for_five_minutes(world: &World) {
    let queue = world.create_fifo("q.fifo", &[("ContentBasedDeduplication", "true")]).await;
    let send = || {
        let request = world.client.send_message().queue_url(&queue).message_body("same");
        async move { request.message_group_id("g").send().await.answered() }
    };
    let first = send().await;
    let message = world.receive_one(&queue).await;
    world.delete(&queue, &message.receipt_handle.unwrap()).await.unwrap();
    world.pass(299).await;
    let second = send().await;
    same!(
        (&second.message_id, &second.sequence_number),
        (&first.message_id, &first.sequence_number)
    );
    assert!(world.receive(&queue).await.is_empty());
    world.pass(1).await;
    let third = send().await;
    assert!(third.sequence_number > first.sequence_number);
    same!(first.sequence_number.unwrap().len(), 20);
    same!(world.bodies(&queue).await, ["same"]);
}

async fn duplicates_are_per_group_in_high_throughput_mode(world: &World) {
    let attributes =
        [("DeduplicationScope", "messageGroup"), ("FifoThroughputLimit", "perMessageGroupId")];
    let queue = world.create_fifo("q.fifo", &attributes).await;
    for group in ["g", "h", "g"] {
        world.send_to(&queue, group, "same").await;
    }
    same!(world.bodies(&queue).await, ["same", "same"]);
    let refused = world.set(&queue, "DeduplicationScope", "queue").await;
    same!(refused, Err("InvalidAttributeValue".to_owned()));
}

async fn a_receive_attempt_can_be_repeated(world: &World) {
    let queue = world.create_fifo("q.fifo", &[("VisibilityTimeout", "3")]).await;
    for body in ["1", "2"] {
        world.send_to(&queue, "g", body).await;
    }
    let receive = || {
        let request = world.client.receive_message().queue_url(&queue).max_number_of_messages(10);
        let request = request.receive_request_attempt_id("attempt").send();
        async move {
            let messages = request.await.answered().messages.unwrap_or_default();
            messages.into_iter().map(|m| m.receipt_handle.unwrap()).collect::<Vec<_>>()
        }
    };
    let first = receive().await;
    world.pass(2).await;
    same!(receive().await, first);
    world.pass(2).await;
    same!(world.depth(&queue).await, (0, 2, 0), "hidden anew");
    world.delete(&queue, &first[0]).await.unwrap();
    assert!(receive().await.is_empty());
}

async fn what_a_fifo_queue_needs_is_asked_for(world: &World) {
    let queue = world.create_fifo("q.fifo", &[]).await;
    let send = || world.client.send_message().queue_url(&queue).message_body("b");
    same!(send().send().await.refused(), "MissingParameter");
    same!(send().message_group_id("g").send().await.refused(), "InvalidParameterValue");
    let with_ids = send().message_group_id("g").message_deduplication_id("d");
    same!(with_ids.delay_seconds(5).send().await.refused(), "InvalidParameterValue");

    world.set(&queue, "VisibilityTimeout", "1").await.unwrap();
    world.send_to(&queue, "g", "a").await;
    let message = world.receive_one(&queue).await;
    same!(system(&message, "MessageGroupId").as_deref(), Some("g"));
    same!(system(&message, "MessageDeduplicationId").as_deref(), Some("a"));
    world.pass(1).await;
    let expired = world.delete(&queue, &message.receipt_handle.unwrap()).await;
    same!(expired, Err("InvalidParameterValue".to_owned()));
}

async fn a_standard_queue_takes_groups_and_no_deduplication_ids(world: &World) {
    let queue = world.create("q", &[]).await;
    for body in ["1", "2"] {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.message_group_id("tenant").send().await.answered();
    }
    let first = world.receive_one(&queue).await;
    same!(system(&first, "MessageGroupId").as_deref(), Some("tenant"));
    same!(world.bodies(&queue).await, ["2"]);
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    same!(request.message_deduplication_id("d").send().await.refused(), "InvalidParameterValue");
}
