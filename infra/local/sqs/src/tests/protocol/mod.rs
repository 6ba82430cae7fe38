//! The JSON 1.0 protocol: what is answered, and what is refused how.

mod batches;
mod queues;

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
