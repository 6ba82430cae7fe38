//! Batches: entries that fail alone, and errors that fail the whole batch.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    SendMessageBatchRequestEntry,
};

use super::World;
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: entries_sent_fail_alone, a_batch_has_from_1_to_10_entries_with_ids_of_their_own, a_batch_is_a_mebibyte_at_most, receipts_in_a_batch_fail_alone);

fn send(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

/// Expects that a batch is refused with this code.
async fn check(
    world: &World,
    queue: &str,
    entries: Vec<SendMessageBatchRequestEntry>,
    expected: &str,
) {
    let request = world.client.send_message_batch().queue_url(queue).set_entries(Some(entries));
    same!(request.send().await.refused(), expected);
}

async fn entries_sent_fail_alone(world: &World) {
    let queue = world.create("q", &[("MaximumMessageSize", "1024")]).await;
    let entries = vec![
        send("good", "a"),
        send("large", &"x".repeat(1_025)),
        send("empty", ""),
        send("chars", "\u{1}"),
    ];
    let request = world.client.send_message_batch().queue_url(&queue);
    let answer = request.set_entries(Some(entries)).send().await.answered();
    same!(answer.successful.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["good"]);
    let failed: Vec<_> = answer.failed.iter().map(|e| (e.id.as_str(), e.code.as_str())).collect();
    let expected = [
        ("large", "InvalidParameterValue"),
        ("empty", "MissingParameter"),
        ("chars", "InvalidMessageContents"),
    ];
    same!(failed, expected);
    assert!(answer.failed.iter().all(|entry| entry.sender_fault));
}

async fn a_batch_has_from_1_to_10_entries_with_ids_of_their_own(world: &World) {
    let queue = world.create("q", &[]).await;
    let many = |count: u32| (0..count).map(|n| send(&n.to_string(), "b")).collect::<Vec<_>>();
    let empty = "AWS.SimpleQueueService.EmptyBatchRequest";
    check(world, &queue, vec![], empty).await;
    let too_many = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
    check(world, &queue, many(11), too_many).await;
    let not_distinct = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
    check(world, &queue, vec![send("a", "1"), send("a", "2")], not_distinct).await;
    let bad_id = "AWS.SimpleQueueService.InvalidBatchEntryId";
    for id in ["", "a b", "a.b", &"i".repeat(81)] {
        check(world, &queue, vec![send(id, "1")], bad_id).await;
    }
    same!(world.depth(&queue).await, (0, 0, 0));
    let request = world.client.send_message_batch().queue_url(&queue);
    let answer = request.set_entries(Some(many(10))).send().await.answered();
    same!((answer.successful.len(), answer.failed.len()), (10, 0));
    same!(world.receive(&queue).await.len(), 10);
}

async fn a_batch_is_a_mebibyte_at_most(world: &World) {
    let queue = world.create("q", &[]).await;
    let half = "x".repeat(524_288);
    let too_long = "AWS.SimpleQueueService.BatchRequestTooLong";
    check(world, &queue, vec![send("a", &half), send("b", &(half.clone() + "x"))], too_long).await;
    let entries = vec![send("a", &half), send("b", &half)];
    let request = world.client.send_message_batch().queue_url(&queue).set_entries(Some(entries));
    same!(request.send().await.answered().successful.len(), 2);
}

async fn receipts_in_a_batch_fail_alone(world: &World) {
    let queue = world.create("q", &[]).await;
    for body in ["a", "b"] {
        world.send(&queue, body).await;
    }
    let handles: Vec<String> =
        world.receive(&queue).await.into_iter().map(|m| m.receipt_handle.unwrap()).collect();
    let named = || ["1", "2", "bogus"].into_iter().zip([&handles[0], &handles[1], "bogus"]);

    let mut request = world.client.change_message_visibility_batch().queue_url(&queue);
    for (id, handle) in named() {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        let entry = entry.receipt_handle(handle).visibility_timeout(3);
        request = request.entries(entry.build().unwrap());
    }
    let answer = request.send().await.answered();
    same!((answer.successful.len(), answer.failed.len()), (2, 1));
    same!(answer.failed[0].code, "ReceiptHandleIsInvalid");
    world.pass(2).await;
    same!(world.depth(&queue).await, (0, 2, 0));

    let mut request = world.client.delete_message_batch().queue_url(&queue);
    for (id, handle) in named() {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle);
        request = request.entries(entry.build().unwrap());
    }
    let answer = request.send().await.answered();
    same!((answer.successful.len(), answer.failed.len()), (2, 1));
    same!(answer.failed[0].code, "ReceiptHandleIsInvalid");
    same!(world.depth(&queue).await, (0, 0, 0));
}
