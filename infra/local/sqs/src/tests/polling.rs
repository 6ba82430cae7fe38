//! Long polling: a consumer that waits wakes up if a message may be available, and only then.

use tokio::task::JoinHandle;

use super::*;

type Answer = Result<Vec<ReceivedMessage>, crate::SqsError>;

/// A receive that waits at most 20 seconds, and has begun to.
async fn waiting(world: &World, queue: &str) -> JoinHandle<Answer> {
    let (sqs, queue) = (world.sqs.clone(), queue.to_owned());
    let task = tokio::spawn(async move { sqs.receive(&queue, 10, Duration::from_secs(20)).await });
    settle().await;
    assert!(!task.is_finished());
    task
}

/// The answer of a receive that is awake by now.
async fn woken(waits: JoinHandle<Answer>) -> Answer {
    settle().await;
    assert!(waits.is_finished(), "nothing woke it");
    waits.await.unwrap()
}

/// Lets all tasks run until they wait.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_sent_wakes_who_waits() {
    let world = World::new();
    world.create("q", &[]);
    let waits = waiting(&world, "q").await;
    world.send("q", "a");
    assert_eq!(woken(waits).await.unwrap()[0].body, "a");
}

#[tokio::test]
async fn a_wait_ends_with_its_time_and_without_a_message() {
    let world = World::new();
    world.create("q", &[]);
    let waits = waiting(&world, "q").await;
    world.clock.advance(Duration::from_millis(19_999));
    settle().await;
    assert!(!waits.is_finished());
    world.clock.advance(Duration::from_millis(1));
    assert!(woken(waits).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_hidden_message_wakes_who_waits_when_its_time_comes() {
    let world = World::new();
    world.create("q", &[("DelaySeconds", "5"), ("VisibilityTimeout", "7")]);
    world.send("q", "a");
    for passes in [5, 7] {
        let waits = waiting(&world, "q").await;
        assert_eq!(world.sqs.next_due_ms(), Some(world.clock.now_ms() + passes * SECOND));
        world.pass(passes);
        assert_eq!(woken(waits).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_message_released_wakes_who_waits() {
    let world = World::new();
    world.create("q", &[]);
    world.send("q", "a");
    let received = world.receive("q").await;
    let waits = waiting(&world, "q").await;
    world.sqs.change_visibility("q", &received[0].receipt_handle, Duration::ZERO).unwrap();
    assert_eq!(woken(waits).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_timeout_made_shorter_wakes_who_waits_at_the_new_time() {
    let world = World::new();
    world.create("q", &[("VisibilityTimeout", "600")]);
    world.send("q", "a");
    let received = world.receive("q").await;
    let waits = waiting(&world, "q").await;
    let handle = &received[0].receipt_handle;
    world.sqs.change_visibility("q", handle, Duration::from_secs(3)).unwrap();
    settle().await;
    world.pass(3);
    assert_eq!(woken(waits).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_delete_that_frees_a_group_wakes_who_waits() {
    let world = World::new();
    world.create("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]);
    for body in ["1", "2"] {
        let group_id = Some("g".to_owned());
        let message = NewMessage { body: body.to_owned(), group_id, ..NewMessage::default() };
        world.sqs.send("q.fifo", message).unwrap();
    }
    let first = world.sqs.receive("q.fifo", 1, Duration::ZERO).await.unwrap();
    let waits = waiting(&world, "q.fifo").await;
    world.sqs.delete("q.fifo", &first[0].receipt_handle).unwrap();
    assert_eq!(woken(waits).await.unwrap()[0].body, "2");
}

#[tokio::test]
async fn a_dead_letter_that_one_wait_finds_wakes_who_waits_for_it() {
    let world = World::new();
    world.create_pair("q", 1);
    world.sqs.service.set_attributes("q", &map(&[("VisibilityTimeout", "10")])).unwrap();
    world.send("q", "a");
    world.receive("q").await;
    let of_source = waiting(&world, "q").await;
    let of_dead_letters = waiting(&world, "q-dlq").await;
    world.pass(10);
    assert_eq!(woken(of_dead_letters).await.unwrap()[0].body, "a");
    assert!(!of_source.is_finished());
}

#[tokio::test]
async fn a_move_tasks_next_step_wakes_who_waits() {
    let world = World::new();
    world.create_pair("q", 1);
    for body in ["a", "b"] {
        world.send("q", body);
    }
    world.receive("q").await;
    world.pass(30);
    world.receive("q").await;
    let first = waiting(&world, "q").await;
    let body = json!({ "SourceArn": arn("q-dlq"), "MaxNumberOfMessagesPerSecond": 1 });
    world.call("StartMessageMoveTask", body).await;
    assert_eq!(woken(first).await.unwrap().len(), 1);
    let second = waiting(&world, "q").await;
    world.pass(1);
    assert_eq!(woken(second).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_move_task_that_begins_elsewhere_wakes_who_waits_when_it_comes_to_them() {
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
    let waits = waiting(&world, "r").await;
    let body = json!({ "SourceArn": arn("q-dlq"), "MaxNumberOfMessagesPerSecond": 1 });
    world.call("StartMessageMoveTask", body).await;
    settle().await;
    assert!(!waits.is_finished());
    world.pass(1);
    assert_eq!(woken(waits).await.unwrap()[0].body, "r");
}

#[tokio::test]
async fn one_message_reaches_one_of_those_who_wait() {
    let world = World::new();
    world.create("q", &[]);
    let (one, other) = (waiting(&world, "q").await, waiting(&world, "q").await);
    world.send("q", "a");
    settle().await;
    assert!(one.is_finished() != other.is_finished());
    world.send("q", "b");
    let (one, other) = (woken(one).await.unwrap(), woken(other).await.unwrap());
    assert_eq!((one.len(), other.len()), (1, 1));
}

#[tokio::test]
async fn a_deleted_queue_ends_the_wait() {
    let world = World::new();
    world.create("q", &[]);
    let waits = waiting(&world, "q").await;
    world.sqs.service.delete_queue("q").unwrap();
    assert_eq!(woken(waits).await.unwrap_err().code, "QueueDoesNotExist");
}

#[tokio::test]
async fn a_queues_own_wait_applies_where_a_request_names_none() {
    let world = World::new();
    world.create("q", &[("ReceiveMessageWaitTimeSeconds", "10")]);
    let sqs = world.sqs.clone();
    let waits =
        tokio::spawn(async move { sqs.call("ReceiveMessage", br#"{"QueueUrl":"q"}"#).await });
    settle().await;
    world.pass(9);
    settle().await;
    assert!(!waits.is_finished());
    world.pass(1);
    assert_eq!(waits.await.unwrap().body().as_ref(), b"{}");
    let at_once = json!({ "QueueUrl": "q", "WaitTimeSeconds": 0 });
    assert_eq!(world.call("ReceiveMessage", at_once).await, json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once_from_many_sides_each_message_is_received_once() {
    const PRODUCERS: usize = 4;
    const EACH: usize = 500;
    let world = World::new();
    world.create("q", &[("VisibilityTimeout", "43200")]);
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let sqs = world.sqs.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                while let Ok(received) = sqs.receive("q", 10, Duration::from_secs(20)).await {
                    for message in received {
                        sqs.delete("q", &message.receipt_handle).unwrap();
                        ids.push(message.message_id);
                    }
                }
                ids
            })
        })
        .collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let sqs = world.sqs.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let message = NewMessage { body: "m".to_owned(), ..NewMessage::default() };
                    sqs.send("q", message).unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    while world.depth("q") != (0, 0, 0) {
        tokio::task::yield_now().await;
    }
    // The consumers' waits end with the queue.
    world.sqs.service.delete_queue("q").unwrap();
    let mut ids = Vec::new();
    for consumer in consumers {
        ids.extend(consumer.await.unwrap());
    }
    let received = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((received, ids.len()), (PRODUCERS * EACH, PRODUCERS * EACH));
}
