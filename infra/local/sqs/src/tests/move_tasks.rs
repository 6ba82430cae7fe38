//! Message move tasks, through the protocol.

use super::*;

/// A queue, its dead-letter queue, and dead letters in it.
async fn with_dead_letters(count: usize) -> World {
    let world = World::new();
    world.create_pair("q", 1);
    for n in 0..count {
        world.send("q", &format!("m{n}"));
    }
    world.sqs.receive("q", count, Duration::ZERO).await.unwrap();
    world.pass(30);
    assert!(world.receive("q").await.is_empty());
    assert_eq!(world.depth("q-dlq"), (count, 0, 0));
    world
}

impl World {
    async fn start(&self, more: Value) -> String {
        let mut body = json!({ "SourceArn": arn("q-dlq") });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.call("StartMessageMoveTask", body).await;
        answer["TaskHandle"].as_str().unwrap().to_owned()
    }

    async fn task(&self) -> Value {
        let answer = self.call("ListMessageMoveTasks", json!({ "SourceArn": arn("q-dlq") })).await;
        answer["Results"][0].clone()
    }
}

#[tokio::test]
async fn messages_go_back_to_where_they_came_from_as_new_ones() {
    let world = with_dead_letters(2).await;
    let old = world.sqs.peek("q-dlq").remove(0);
    world.start(json!({})).await;
    assert_eq!((world.depth("q"), world.depth("q-dlq")), ((2, 0, 0), (0, 0, 0)));
    let new = world.receive("q").await.remove(0);
    assert_eq!(new.body, old.body);
    assert_ne!(new.message_id, old.message_id);
    assert_eq!(new.attributes["ApproximateReceiveCount"], "1");
    assert_eq!(new.attributes["SentTimestamp"], (START_MS + 30 * SECOND).to_string());
    assert!(!new.attributes.contains_key("DeadLetterQueueSourceArn"));
    assert_eq!(
        world.task().await,
        json!({
            "Status": "COMPLETED",
            "SourceArn": arn("q-dlq"),
            "ApproximateNumberOfMessagesMoved": 2,
            "ApproximateNumberOfMessagesToMove": 2,
            "StartedTimestamp": START_MS + 30 * SECOND,
        })
    );
}

#[tokio::test]
async fn each_message_goes_to_its_own_source() {
    let world = World::new();
    world.create("q-dlq", &[]);
    for queue in ["q", "r"] {
        world.create(queue, &[("RedrivePolicy", &policy("q-dlq", "1"))]);
        world.send(queue, queue);
        world.receive(queue).await;
    }
    world.pass(30);
    for queue in ["q", "r"] {
        world.receive(queue).await;
    }
    world.start(json!({})).await;
    for queue in ["q", "r"] {
        assert_eq!(world.receive(queue).await[0].body, queue);
    }
}

#[tokio::test]
async fn a_task_moves_no_more_a_second_than_its_rate() {
    let world = with_dead_letters(5).await;
    world.create("to", &[]);
    let handle = world
        .start(json!({ "DestinationArn": arn("to"), "MaxNumberOfMessagesPerSecond": 2 }))
        .await;
    for moved in [2, 4] {
        let task = world.task().await;
        assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("RUNNING"), &json!(handle)));
        assert_eq!(task["ApproximateNumberOfMessagesMoved"], moved);
        assert_eq!(task["MaxNumberOfMessagesPerSecond"], 2);
        assert_eq!(task["DestinationArn"], arn("to"));
        assert_eq!(world.depth("to"), (moved, 0, 0));
        assert_eq!(world.sqs.next_due_ms(), Some(world.clock.now_ms() + SECOND));
        world.pass(1);
    }
    assert_eq!(world.depth("to"), (5, 0, 0));
    let task = world.task().await;
    assert_eq!((&task["Status"], task.get("TaskHandle")), (&json!("COMPLETED"), None));
    assert_eq!(world.sqs.next_due_ms(), None);
}

#[tokio::test]
async fn a_task_without_a_rate_moves_500_a_second() {
    let world = with_dead_letters(1_001).await;
    world.start(json!({})).await;
    assert_eq!(world.depth("q").0, 500);
    world.pass(1);
    assert_eq!(world.depth("q").0, 1_000);
    world.pass(1);
    assert_eq!(world.depth("q").0, 1_001);
}

#[tokio::test]
async fn one_task_of_a_source_runs_at_a_time_and_can_be_cancelled() {
    let world = with_dead_letters(3).await;
    let handle = world.start(json!({ "MaxNumberOfMessagesPerSecond": 1 })).await;
    let body = json!({ "SourceArn": arn("q-dlq") }).to_string();
    let (_, _, query, message) = world.refused("StartMessageMoveTask", body.as_bytes()).await;
    assert_eq!(query, "InvalidParameterValue;Sender");
    assert!(message.starts_with("There is already a task running."), "{message}");

    let answer = world.call("CancelMessageMoveTask", json!({ "TaskHandle": handle })).await;
    assert_eq!(answer["ApproximateNumberOfMessagesMoved"], 1);
    world.pass(10);
    let task = world.task().await;
    assert_eq!((&task["Status"], world.depth("q-dlq").0), (&json!("CANCELLED"), 2));
    let again = json!({ "TaskHandle": handle }).to_string();
    world.refused("CancelMessageMoveTask", again.as_bytes()).await;
    world.start(json!({})).await;
    assert_eq!(world.depth("q-dlq").0, 0);
    let listed = world
        .call("ListMessageMoveTasks", json!({ "SourceArn": arn("q-dlq"), "MaxResults": 10 }))
        .await;
    let statuses: Vec<_> =
        listed["Results"].as_array().unwrap().iter().map(|task| &task["Status"]).collect();
    assert_eq!(statuses, ["COMPLETED", "CANCELLED"]);
}

#[tokio::test]
async fn a_task_fails_when_its_destination_is_gone_or_unknown() {
    let world = with_dead_letters(3).await;
    world.create("to", &[]);
    world.start(json!({ "DestinationArn": arn("to"), "MaxNumberOfMessagesPerSecond": 1 })).await;
    world.sqs.service.delete_queue("to").unwrap();
    world.pass(1);
    let task = world.task().await;
    assert_eq!(task["Status"], "FAILED");
    assert_eq!(task["FailureReason"], "AWS.SimpleQueueService.NonExistentQueue");

    let world = World::new();
    world.create_pair("q", 1);
    world.send("q-dlq", "sent here, not moved here");
    world.start(json!({})).await;
    assert_eq!(world.task().await["FailureReason"], "CouldNotDetermineMessageSource");
    assert_eq!(world.depth("q-dlq"), (1, 0, 0));
}

#[tokio::test]
async fn a_task_moves_what_was_there_when_it_started() {
    let world = with_dead_letters(1).await;
    world.start(json!({})).await;
    world.send("q-dlq", "later");
    world.pass(10);
    assert_eq!((world.depth("q").0, world.depth("q-dlq").0), (1, 1));
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let world = World::new();
    world.create_pair("q", 1);
    world.create("to.fifo", &[("FifoQueue", "true")]);
    let dlq = arn("q-dlq");
    for (operation, body, status, message) in [
        ("StartMessageMoveTask", json!({}), 400, "SourceArn"),
        ("StartMessageMoveTask", json!({ "SourceArn": "q-dlq" }), 400, "You must use this format"),
        ("StartMessageMoveTask", json!({ "SourceArn": arn("none") }), 404, "SourceArn parameter"),
        ("StartMessageMoveTask", json!({ "SourceArn": arn("q") }), 400, "as a Dead Letter Queue."),
        (
            "StartMessageMoveTask",
            json!({ "SourceArn": dlq, "DestinationArn": arn("none") }),
            404,
            "DestinationArn parameter",
        ),
        (
            "StartMessageMoveTask",
            json!({ "SourceArn": dlq, "DestinationArn": arn("to.fifo") }),
            400,
            "same type",
        ),
        ("StartMessageMoveTask", json!({ "SourceArn": dlq, "DestinationArn": dlq }), 400, "same"),
        (
            "StartMessageMoveTask",
            json!({ "SourceArn": dlq, "MaxNumberOfMessagesPerSecond": 501 }),
            400,
            "between 1 and 500",
        ),
        ("ListMessageMoveTasks", json!({ "SourceArn": arn("none") }), 404, "SourceArn parameter"),
        ("ListMessageMoveTasks", json!({ "SourceArn": dlq, "MaxResults": 11 }), 400, "1 and 10"),
        ("CancelMessageMoveTask", json!({ "TaskHandle": "x" }), 400, "TaskHandle is invalid."),
    ] {
        let refused = world.refused(operation, body.to_string().as_bytes()).await;
        assert_eq!(refused.0, status, "{operation} {body}");
        assert!(refused.3.contains(message), "{}", refused.3);
    }
}
