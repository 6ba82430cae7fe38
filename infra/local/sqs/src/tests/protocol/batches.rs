//! Batches: which entries fail, and what fails all of them.

use super::*;

#[tokio::test]
async fn a_batchs_entries_fail_one_by_one() {
    let world = world().await;
    world.sqs.service.set_attributes("q", &map(&[("MaximumMessageSize", "1024")])).unwrap();
    let entries = json!([
        { "Id": "good", "MessageBody": "a" },
        { "Id": "large", "MessageBody": "x".repeat(1_025) },
        { "Id": "empty", "MessageBody": "" },
        { "Id": "chars", "MessageBody": "\u{8}" },
        { "Id": "late", "MessageBody": "b", "DelaySeconds": 901 },
        { "Id": "also-good_1", "MessageBody": "c", "DelaySeconds": 900 },
    ]);
    let answer =
        world.call("SendMessageBatch", json!({ "QueueUrl": "q", "Entries": entries })).await;
    let ids = |list: &str| -> Vec<String> {
        let list = answer[list].as_array().unwrap().iter();
        list.map(|entry| entry["Id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("Successful"), ["good", "also-good_1"]);
    assert_eq!(ids("Failed"), ["large", "empty", "chars", "late"]);
    let codes: Vec<_> =
        answer["Failed"].as_array().unwrap().iter().map(|entry| &entry["Code"]).collect();
    let expected = [
        "InvalidParameterValue",
        "MissingParameter",
        "InvalidMessageContents",
        "InvalidParameterValue",
    ];
    assert_eq!(codes, expected);
    assert_eq!(world.depth("q"), (1, 0, 1));
}

#[tokio::test]
async fn a_batch_as_a_whole_has_its_limits() {
    let world = world().await;
    let batch = |entries: Value| json!({ "QueueUrl": "q", "Entries": entries });
    let entry = |id: &str| json!({ "Id": id, "MessageBody": "b", "ReceiptHandle": "x" });
    let eleven: Vec<Value> = (0..11).map(|n| entry(&n.to_string())).collect();
    let half = "x".repeat(524_288);
    let halves = json!([
        { "Id": "1", "MessageBody": half },
        { "Id": "2", "MessageBody": format!("{half}x") },
    ]);
    let shape = |name: &'static str, query: &'static str, message| (400, name, query, message);
    let long = "i".repeat(81);
    for operation in ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        for (entries, expected) in [
            (
                json!([]),
                shape(
                    "EmptyBatchRequest",
                    "AWS.SimpleQueueService.EmptyBatchRequest",
                    "at least one",
                ),
            ),
            (
                eleven.clone().into(),
                shape(
                    "TooManyEntriesInBatchRequest",
                    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                    "You have sent 11.",
                ),
            ),
            (
                json!([entry("a"), entry("a")]),
                shape(
                    "BatchEntryIdsNotDistinct",
                    "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                    "Id a repeated.",
                ),
            ),
            (
                json!([entry(&long)]),
                shape(
                    "InvalidBatchEntryId",
                    "AWS.SimpleQueueService.InvalidBatchEntryId",
                    "at most 80 letters",
                ),
            ),
            (
                json!([entry("a:b")]),
                shape(
                    "InvalidBatchEntryId",
                    "AWS.SimpleQueueService.InvalidBatchEntryId",
                    "alphanumeric",
                ),
            ),
        ] {
            check(&world, operation, batch(entries), expected).await;
        }
    }
    let too_long = shape(
        "BatchRequestTooLong",
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "You have sent 1048577 bytes.",
    );
    check(&world, "SendMessageBatch", batch(halves), too_long).await;
    assert_eq!(world.depth("q"), (0, 0, 0));
}

#[tokio::test]
async fn a_fifo_batch_without_its_ids_is_refused_as_a_whole() {
    let world = World::new();
    world.create("q.fifo", &[("FifoQueue", "true")]);
    let batch = |more: Value| {
        json!({ "QueueUrl": "q.fifo", "Entries": [
        { "Id": "1", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d" },
        more,
    ] })
    };
    let without_group = json!({ "Id": "2", "MessageBody": "b", "MessageDeduplicationId": "e" });
    let expected = invalid("The request must contain the parameter MessageGroupId.");
    check(&world, "SendMessageBatch", batch(without_group), expected).await;
    let without_id = json!({ "Id": "2", "MessageBody": "b", "MessageGroupId": "g" });
    let expected = invalid("ContentBasedDeduplication enabled or MessageDeduplicationId");
    check(&world, "SendMessageBatch", batch(without_id), expected).await;
    assert_eq!(world.depth("q.fifo"), (0, 0, 0));
}

#[tokio::test]
async fn bogus_receipts_fail_and_in_a_batch_for_their_entry_alone() {
    let world = world().await;
    world.create("other", &[]);
    world.send("q", "a");
    world.send("other", "b");
    let good = world.receive("q").await.remove(0).receipt_handle;
    let others = world.receive("other").await.remove(0).receipt_handle;
    let bogus = (400, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "is not a valid receipt");
    for handle in ["garbage", &others, &good[1..]] {
        let body = json!({ "QueueUrl": "q", "ReceiptHandle": handle, "VisibilityTimeout": 1 });
        check(&world, "DeleteMessage", body.clone(), bogus).await;
        check(&world, "ChangeMessageVisibility", body, bogus).await;
    }
    let empty = json!({ "QueueUrl": "q", "ReceiptHandle": "" });
    check(&world, "DeleteMessage", empty, missing("ReceiptHandle")).await;
    for operation in ["ChangeMessageVisibilityBatch", "DeleteMessageBatch"] {
        let entries = json!([
            { "Id": "1", "ReceiptHandle": "garbage", "VisibilityTimeout": 9 },
            { "Id": "2", "ReceiptHandle": good, "VisibilityTimeout": 9 },
        ]);
        let answer = world.call(operation, json!({ "QueueUrl": "q", "Entries": entries })).await;
        assert_eq!(answer["Successful"], json!([{ "Id": "2" }]));
        assert_eq!(answer["Failed"][0]["Id"], "1");
        assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
        assert_eq!(answer["Failed"][0]["SenderFault"], true);
    }
    assert_eq!(world.depth("q"), (0, 0, 0));
}
