//! The JSON 1.0 protocol: what is answered, and what is refused how.

use super::*;

const QUEUE: &str = "http://localhost:4566/123456789012/q";

async fn world() -> World {
    let world = World::new();
    world.create("q", &[]);
    world
}

/// Expects a status, a shape, a query code and a part of the message.
async fn check(world: &World, operation: &str, body: Value, expected: (u16, &str, &str, &str)) {
    check_raw(world, operation, body.to_string().as_bytes(), expected).await;
}

async fn check_raw(world: &World, operation: &str, body: &[u8], expected: (u16, &str, &str, &str)) {
    let (status, shape, query, message) = world.refused(operation, body).await;
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let query_expected =
        if expected.2.is_empty() { String::new() } else { format!("{};Sender", expected.2) };
    assert_eq!(
        (status, shape.as_str(), query.as_str()),
        (expected.0, expected.1, query_expected.as_str()),
        "{operation} {shown}: {message}"
    );
    assert!(message.contains(expected.3), "{operation} {shown}: {message}");
}

const SERIALIZATION: (u16, &str, &str, &str) = (400, "SerializationException", "", "");

fn invalid(message: &str) -> (u16, &str, &str, &str) {
    (400, "InvalidParameterValueException", "InvalidParameterValue", message)
}

fn missing(message: &str) -> (u16, &str, &str, &str) {
    (400, "MissingRequiredParameterException", "MissingParameter", message)
}

#[tokio::test]
async fn malformed_requests_are_refused_and_never_panic() {
    let world = world().await;
    for body in [
        &b"{"[..],
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"\"text\"",
        b"null",
        br#"{"QueueUrl":"q","MessageBody":"\ud800"}"#,
        br#"{"QueueUrl":7,"MessageBody":"b"}"#,
        br#"{"QueueUrl":"q","MessageBody":{"a":1}}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","DelaySeconds":"1"}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","DelaySeconds":1.5}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","DelaySeconds":99999999999}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","DelaySeconds":1e999}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","MessageAttributes":[]}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"a":"b"}}"#,
        br#"{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"?"}}}"#,
        "[".repeat(100_000).as_bytes(),
        format!("{{\"QueueUrl\":{}", "{\"a\":".repeat(100_000)).as_bytes(),
    ] {
        check_raw(&world, "SendMessage", body, SERIALIZATION).await;
    }
    let entries = br#"{"QueueUrl":"q","Entries":[["a","b"]]}"#;
    check_raw(&world, "SendMessageBatch", entries, SERIALIZATION).await;
    assert_eq!(world.depth("q"), (0, 0, 0));
}

#[tokio::test]
async fn unknown_operations_are_refused_whatever_their_body() {
    let world = world().await;
    for operation in ["", "Nonsense", "sendmessage", "AmazonSQS.SendMessage", "\u{1f4a9}"] {
        let expected = (400, "UnknownOperationException", "", "");
        check_raw(&world, operation, b"{", expected).await;
    }
}

#[tokio::test]
async fn a_queue_is_named_by_its_url_and_one_of_another_account_does_not_exist() {
    let world = world().await;
    for queue in [QUEUE, "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "q"] {
        world.call("SendMessage", json!({ "QueueUrl": queue, "MessageBody": "b" })).await;
    }
    let expected = (
        400,
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    );
    for queue in
        ["none", "http://localhost:4566/210987654321/q", "http://x/q", "arn:aws:sqs:q", "/"]
    {
        check(&world, "SendMessage", json!({ "QueueUrl": queue, "MessageBody": "b" }), expected)
            .await;
    }
    check(&world, "SendMessage", json!({ "MessageBody": "b" }), missing("QueueUrl")).await;
    check(&world, "GetQueueUrl", json!({ "QueueName": "none" }), expected).await;
    let elsewhere = json!({ "QueueName": "q", "QueueOwnerAWSAccountId": "210987654321" });
    check(&world, "GetQueueUrl", elsewhere, expected).await;
    let found = world.call("GetQueueUrl", json!({ "QueueName": "q" })).await;
    assert_eq!(found, json!({ "QueueUrl": QUEUE }));
}

#[tokio::test]
async fn queue_names_are_plain_and_those_of_fifo_queues_end_in_fifo() {
    let world = World::new();
    let long = "n".repeat(81);
    for name in ["a/b", "a b", "ä", "a.b", "q.fifo", long.as_str()] {
        let expected = invalid("1 to 80 in length");
        check(&world, "CreateQueue", json!({ "QueueName": name }), expected).await;
    }
    let fifo = json!({ "QueueName": "q", "Attributes": { "FifoQueue": "true" } });
    check(&world, "CreateQueue", fifo, invalid("must end with .fifo suffix")).await;
    check(&world, "CreateQueue", json!({}), missing("QueueName")).await;
    let not = json!({ "QueueName": "q", "Attributes": { "FifoQueue": "false" } });
    let unknown =
        (400, "InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute FifoQueue.");
    check(&world, "CreateQueue", not, unknown).await;
    assert!(world.sqs.queue_names().is_empty());
}

#[tokio::test]
async fn a_queue_is_created_once_and_again_only_as_it_is() {
    let world = World::new();
    let create = |attributes: Value| json!({ "QueueName": "q", "Attributes": attributes });
    let first = world.call("CreateQueue", create(json!({ "DelaySeconds": "5" }))).await;
    assert_eq!(first, json!({ "QueueUrl": QUEUE }));
    for same in [json!({}), json!({ "DelaySeconds": "5" }), json!({ "VisibilityTimeout": "30" })] {
        assert_eq!(world.call("CreateQueue", create(same)).await, first);
    }
    let expected = (400, "QueueNameExists", "QueueAlreadyExists", "for attribute DelaySeconds");
    check(&world, "CreateQueue", create(json!({ "DelaySeconds": "6" })), expected).await;
}

#[tokio::test]
async fn a_deleted_queues_name_rests_for_a_minute() {
    let world = world().await;
    world.send("q", "a");
    let received = world.receive("q").await;
    world.call("DeleteQueue", json!({ "QueueUrl": QUEUE })).await;
    let gone = (400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "");
    check(&world, "DeleteQueue", json!({ "QueueUrl": QUEUE }), gone).await;
    let recently =
        (400, "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", "60 seconds");
    check(&world, "CreateQueue", json!({ "QueueName": "q" }), recently).await;
    world.pass(60);
    world.call("CreateQueue", json!({ "QueueName": "q" })).await;
    assert_eq!(world.depth("q"), (0, 0, 0));
    let stale = world.sqs.delete("q", &received[0].receipt_handle).unwrap_err();
    assert_eq!(stale.code, "ReceiptHandleIsInvalid", "the receipt is of another queue");
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_in_pages() {
    let world = World::new();
    for n in 0..5 {
        world.create(&format!("a-{n}"), &[]);
    }
    world.create("b", &[]);
    let all = world.call("ListQueues", json!({})).await;
    assert_eq!(all["QueueUrls"].as_array().unwrap().len(), 6);
    let mut token = Value::Null;
    let mut sizes = Vec::new();
    loop {
        let body = json!({ "QueueNamePrefix": "a-", "MaxResults": 2, "NextToken": token });
        let page = world.call("ListQueues", body).await;
        sizes.push(page["QueueUrls"].as_array().unwrap().len());
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(world.call("ListQueues", json!({ "QueueNamePrefix": "c" })).await, json!({}));
    check(&world, "ListQueues", json!({ "MaxResults": 1001 }), invalid("1 and 1000")).await;
    check(&world, "ListQueues", json!({ "NextToken": "?" }), invalid("next token")).await;
}

#[tokio::test]
async fn attributes_are_set_together_or_not_at_all() {
    let world = world().await;
    let set = |attributes: Value| json!({ "QueueUrl": "q", "Attributes": attributes });
    world.pass(5);
    world.call("SetQueueAttributes", set(json!({ "DelaySeconds": "9" }))).await;
    let refused = set(json!({ "DelaySeconds": "7", "VisibilityTimeout": "43201" }));
    let expected =
        (400, "InvalidAttributeValue", "InvalidAttributeValue", "the parameter VisibilityTimeout.");
    check(&world, "SetQueueAttributes", refused, expected).await;
    let all = json!({ "QueueUrl": "q", "AttributeNames": ["All"] });
    assert_eq!(
        world.call("GetQueueAttributes", all).await["Attributes"],
        json!({
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "CreatedTimestamp": (START_MS / 1_000).to_string(),
            "DelaySeconds": "9",
            "LastModifiedTimestamp": (START_MS / 1_000 + 5).to_string(),
            "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": "345600",
            "QueueArn": arn("q"),
            "ReceiveMessageWaitTimeSeconds": "0",
            "SqsManagedSseEnabled": "true",
            "VisibilityTimeout": "30",
        })
    );
    let some = json!({ "QueueUrl": "q", "AttributeNames": ["QueueArn", "RedrivePolicy"] });
    let some = world.call("GetQueueAttributes", some).await;
    assert_eq!(some, json!({ "Attributes": { "QueueArn": arn("q") } }));
    assert_eq!(world.call("GetQueueAttributes", json!({ "QueueUrl": "q" })).await, json!({}));
    let unknown = json!({ "QueueUrl": "q", "AttributeNames": ["Nonsense"] });
    let expected = (400, "InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute");
    check(&world, "GetQueueAttributes", unknown, expected).await;
}

#[tokio::test]
async fn a_message_is_answered_with_its_digests() {
    let world = world().await;
    let body = json!({
        "QueueUrl": QUEUE,
        "MessageBody": "msg",
        "MessageAttributes": { "Foo": { "DataType": "String", "StringValue": "Bar" } },
        "MessageSystemAttributes": {
            "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1" },
        },
    });
    let sent = world.call("SendMessage", body).await;
    assert_eq!(sent["MD5OfMessageBody"], "6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(sent["MD5OfMessageAttributes"], "ae7155c6026991b6d54b11589678bf9c");
    assert_eq!(sent["MD5OfMessageSystemAttributes"].as_str().unwrap().len(), 32);
    let plain = json!({ "QueueUrl": "q", "VisibilityTimeout": 0 });
    let received = &world.call("ReceiveMessage", plain).await["Messages"][0];
    let names: Vec<_> = received.as_object().unwrap().keys().collect();
    assert_eq!(names, ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"]);
    let some = json!({
        "QueueUrl": "q",
        "AttributeNames": ["SenderId"],
        "MessageSystemAttributeNames": ["AWSTraceHeader"],
        "MessageAttributeNames": ["F.*", "Foo"],
    });
    let received = &world.call("ReceiveMessage", some).await["Messages"][0];
    assert_eq!(
        received["Attributes"],
        json!({ "SenderId": "123456789012", "AWSTraceHeader": "Root=1" })
    );
    assert_eq!(
        received["MessageAttributes"],
        json!({ "Foo": { "DataType": "String", "StringValue": "Bar" } })
    );
    assert_eq!(received["MD5OfMessageAttributes"], "ae7155c6026991b6d54b11589678bf9c");
}

#[tokio::test]
async fn bad_messages_are_refused() {
    let world = world().await;
    let with = |more: Value| {
        let mut body = json!({ "QueueUrl": "q", "MessageBody": "b" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let contents =
        (400, "InvalidMessageContents", "InvalidMessageContents", "Invalid characters found.");
    let lists = json!({ "a": { "DataType": "String", "StringListValues": ["x"] } });
    for (body, expected) in [
        (with(json!({ "MessageBody": "" })), missing("MessageBody")),
        (with(json!({ "MessageBody": null })), missing("MessageBody")),
        (with(json!({ "MessageBody": "a\u{0}b" })), contents),
        (with(json!({ "MessageBody": "x".repeat(1_048_577) })), invalid("1048576 bytes")),
        (with(json!({ "DelaySeconds": 901 })), invalid("DelaySeconds must be >= 0 and <= 900.")),
        (with(json!({ "DelaySeconds": -1 })), invalid("DelaySeconds must be >= 0 and <= 900.")),
        (with(json!({ "MessageGroupId": "a b" })), invalid("alphanumeric and punctuation")),
        (with(json!({ "MessageDeduplicationId": "d" })), invalid("not valid for this queue type")),
        (with(json!({ "MessageSystemAttributes": { "Other": {} } })), invalid("Other")),
        (
            with(json!({ "MessageAttributes": lists })),
            (
                400,
                "UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
                "list values",
            ),
        ),
    ] {
        check(&world, "SendMessage", body, expected).await;
    }
    assert_eq!(world.depth("q"), (0, 0, 0));
    world.call("SendMessage", with(json!({ "MessageBody": "x".repeat(1_048_576) }))).await;
}

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
async fn receives_are_held_to_their_bounds() {
    let world = world().await;
    let with = |name: &str, value: Value| json!({ "QueueUrl": "q", name: value });
    for (name, value, message) in [
        ("MaxNumberOfMessages", json!(0), "Must be between 1 and 10, if provided."),
        ("MaxNumberOfMessages", json!(11), "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", json!(-1), "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", json!(21), "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", json!(-1), "Must be between 0 and 43200, if provided."),
        ("VisibilityTimeout", json!(43_201), "Must be between 0 and 43200, if provided."),
        ("ReceiveRequestAttemptId", json!("a"), "not valid for this queue type"),
        ("ReceiveRequestAttemptId", json!("a b"), "alphanumeric and punctuation"),
    ] {
        check(&world, "ReceiveMessage", with(name, value), invalid(message)).await;
    }
    let unknown = with("MessageSystemAttributeNames", json!(["Nonsense"]));
    let expected = (400, "InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute");
    check(&world, "ReceiveMessage", unknown, expected).await;
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

#[tokio::test]
async fn visibility_is_changed_within_bounds_and_in_flight() {
    let world = world().await;
    world.send("q", "a");
    let handle = world.receive("q").await.remove(0).receipt_handle;
    let change = |seconds: Value| json!({ "QueueUrl": "q", "ReceiptHandle": handle, "VisibilityTimeout": seconds });
    let operation = "ChangeMessageVisibility";
    check(&world, operation, change(json!(-1)), invalid("between 0 and 43200")).await;
    check(&world, operation, change(json!(43_201)), invalid("between 0 and 43200")).await;
    check(&world, operation, change(Value::Null), missing("VisibilityTimeout")).await;
    check(&world, operation, change(json!(2_147_483_648_i64)), SERIALIZATION).await;
    world.pass(10);
    check(&world, operation, change(json!(43_200)), invalid("is beyond the limit")).await;
    world.call(operation, change(json!(0))).await;
    let not_in_flight =
        (400, "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "in flight");
    check(&world, operation, change(json!(9)), not_in_flight).await;
    world.sqs.delete("q", &handle).unwrap();
    check(&world, operation, change(json!(9)), invalid("Message does not exist")).await;
}

#[tokio::test]
async fn an_expired_receipt_of_a_fifo_queue_is_refused() {
    let world = World::new();
    world.create("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]);
    let send = json!({ "QueueUrl": "q.fifo", "MessageBody": "a", "MessageGroupId": "g" });
    let sent = world.call("SendMessage", send).await;
    assert_eq!(sent["SequenceNumber"].as_str().unwrap().len(), 20);
    let handle = world.receive("q.fifo").await.remove(0).receipt_handle;
    world.pass(30);
    let body = json!({ "QueueUrl": "q.fifo", "ReceiptHandle": handle });
    check(&world, "DeleteMessage", body, invalid("The receipt handle has expired.")).await;
}

#[tokio::test]
async fn a_queue_is_purged_once_a_minute() {
    let world = world().await;
    for delay in [0, 60] {
        let delay = Some(Duration::from_secs(delay));
        let message = NewMessage { body: "a".to_owned(), delay, ..NewMessage::default() };
        world.sqs.send("q", message).unwrap();
    }
    world.receive("q").await;
    world.call("PurgeQueue", json!({ "QueueUrl": "q" })).await;
    assert_eq!(world.depth("q"), (0, 0, 0));
    let expected = (
        403,
        "PurgeQueueInProgress",
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
    );
    check(&world, "PurgeQueue", json!({ "QueueUrl": "q" }), expected).await;
    world.pass(60);
    world.call("PurgeQueue", json!({ "QueueUrl": "q" })).await;
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let world = World::new();
    let create = json!({ "QueueName": "q", "tags": { "a": "1" } });
    world.call("CreateQueue", create).await;
    world.call("TagQueue", json!({ "QueueUrl": "q", "Tags": { "a": "2", "b": "3" } })).await;
    let list = || world.call("ListQueueTags", json!({ "QueueUrl": "q" }));
    assert_eq!(list().await, json!({ "Tags": { "a": "2", "b": "3" } }));
    world.call("UntagQueue", json!({ "QueueUrl": "q", "TagKeys": ["a", "b", "c"] })).await;
    assert_eq!(list().await, json!({}));
    let many: BTreeMap<String, &str> = (0..51).map(|n| (n.to_string(), "v")).collect();
    let body = json!({ "QueueUrl": "q", "Tags": many });
    check(&world, "TagQueue", body, invalid("Too many tags")).await;
}

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let world = world().await;
    let add = |label: &str, actions: Value| {
        json!({
            "QueueUrl": "q",
            "Label": label,
            "AWSAccountIds": ["111111111111"],
            "Actions": actions,
        })
    };
    world.call("AddPermission", add("one", json!(["ReceiveMessage"]))).await;
    let policy = || async {
        let body = json!({ "QueueUrl": "q", "AttributeNames": ["Policy"] });
        world.call("GetQueueAttributes", body).await
    };
    let text = policy().await["Attributes"]["Policy"].as_str().unwrap().to_owned();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "Version": "2008-10-17",
            "Id": format!("{}/SQSDefaultPolicy", arn("q")),
            "Statement": [{
                "Sid": "one",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
                "Action": "SQS:ReceiveMessage",
                "Resource": arn("q"),
            }],
        })
    );
    let again = add("one", json!(["*"]));
    check(&world, "AddPermission", again, invalid("Already exists.")).await;
    let nonsense = add("two", json!(["Nonsense"]));
    check(&world, "AddPermission", nonsense, invalid("list of valid actions")).await;
    check(&world, "AddPermission", add("two", json!([])), missing("Actions")).await;
    let remove = |label: &str| json!({ "QueueUrl": "q", "Label": label });
    check(&world, "RemovePermission", remove("two"), invalid("can't find label.")).await;
    world.call("RemovePermission", remove("one")).await;
    assert_eq!(policy().await, json!({}));
}

#[tokio::test]
async fn dead_letter_sources_are_listed() {
    let world = World::new();
    world.create_pair("q", 3);
    let of = |queue: &str| json!({ "QueueUrl": queue });
    let listed = world.call("ListDeadLetterSourceQueues", of("q-dlq")).await;
    assert_eq!(listed, json!({ "queueUrls": [QUEUE] }));
    let listed = world.call("ListDeadLetterSourceQueues", of("q")).await;
    assert_eq!(listed, json!({ "queueUrls": [] }));
}
