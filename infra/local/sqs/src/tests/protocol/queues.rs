//! Queues as such: made, listed, set, purged, tagged, shared, deleted.

use super::*;

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
