//! A service that goes on from a snapshot does what the one that it was taken of does.

use std::io::Cursor;

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::*;
use crate::snapshot::Snapshot;

/// Steps of a producer, consumers and an operator, on a queue of each type with a dead-letter queue.
#[derive(Clone, Debug)]
enum Step {
    Send { group: u8, duplicate: u8, delay_seconds: u8 },
    Receive { max: u8, seconds: u8, attempt: u8 },
    Delete { which: usize },
    Hide { which: usize, seconds: u8 },
    Move { rate: u8 },
    Purge,
    Set { visibility_seconds: u8, delay_seconds: u8 },
    Tag { value: u8 },
    Pass { seconds: u16 },
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        6 => (0..3u8, 0..9u8, 0..20u8)
            .prop_map(|(group, duplicate, delay_seconds)| Step::Send { group, duplicate, delay_seconds }),
        5 => (1..5u8, 0..40u8, 0..6u8)
            .prop_map(|(max, seconds, attempt)| Step::Receive { max, seconds, attempt }),
        3 => (0..50usize).prop_map(|which| Step::Delete { which }),
        2 => (0..50usize, 0..40u8).prop_map(|(which, seconds)| Step::Hide { which, seconds }),
        1 => (1..4u8).prop_map(|rate| Step::Move { rate }),
        1 => Just(Step::Purge),
        1 => (0..60u8, 0..3u8).prop_map(|(visibility_seconds, delay_seconds)| Step::Set {
            visibility_seconds,
            delay_seconds
        }),
        1 => any::<u8>().prop_map(|value| Step::Tag { value }),
        3 => (0..90u16).prop_map(|seconds| Step::Pass { seconds }),
    ];
    proptest::collection::vec((any::<bool>(), step), 1..60)
}

/// A world whose ids count on from `made`.
fn resumed(clock: &Clock, made: &Arc<AtomicU64>) -> World {
    let made = Arc::clone(made);
    let ids = move || Uuid::from_u64_pair(0, made.fetch_add(1, Ordering::Relaxed));
    let sqs =
        Sqs::with_ids(clock.clone(), "eu-west-1", "123456789012", "http://localhost:4566", ids);
    World { clock: clock.clone(), sqs }
}

/// What is declared, and made by way of the API.
fn create(world: &World) {
    for suffix in ["", ".fifo"] {
        let fifo = [("FifoQueue", "true"), ("VisibilityTimeout", "20")];
        let fifo = if suffix.is_empty() { &fifo[1..] } else { &fifo[..] };
        world.create(&format!("dlq{suffix}"), fifo);
        let policy = policy(&format!("dlq{suffix}"), "2");
        world.create(&format!("q{suffix}"), &[fifo, &[("RedrivePolicy", &policy)]].concat());
    }
}

fn copy(snapshot: &Snapshot) -> Snapshot {
    let mut bytes = Vec::new();
    snapshot.write(&mut bytes).unwrap();
    Snapshot::read(Cursor::new(bytes)).unwrap()
}

fn call(world: &World, operation: &str, body: &Value) -> Value {
    let answer = world.sqs.call(operation, body.to_string().as_bytes()).now_or_never().unwrap();
    serde_json::from_slice(answer.body()).unwrap()
}

/// Does a step, and tells how it is answered.
fn act(world: &World, is_fifo: bool, step: &Step, handles: &mut Vec<String>) -> Value {
    let suffix = if is_fifo { ".fifo" } else { "" };
    let url = format!("http://localhost:4566/123456789012/q{suffix}");
    let handle = |which: usize| handles.get(which).cloned().unwrap_or_default();
    match step {
        Step::Send { group, duplicate, delay_seconds } => {
            let mut body = json!({
                "QueueUrl": url,
                "MessageBody": format!("line {duplicate}\n\"ä\""),
                "MessageAttributes": {
                    "text": { "DataType": "String", "StringValue": "x" },
                    "bytes": { "DataType": "Binary", "BinaryValue": "AAEC" },
                },
                "MessageGroupId": group.to_string(),
            });
            if is_fifo {
                body["MessageDeduplicationId"] = json!(duplicate.to_string());
            } else {
                body["DelaySeconds"] = json!(delay_seconds);
            }
            call(world, "SendMessage", &body)
        }
        Step::Receive { max, seconds, attempt } => {
            let mut body = json!({
                "QueueUrl": url,
                "MaxNumberOfMessages": max,
                "VisibilityTimeout": seconds,
                "MessageSystemAttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            });
            if is_fifo && *attempt < 3 {
                body["ReceiveRequestAttemptId"] = json!(attempt.to_string());
            }
            let answer = call(world, "ReceiveMessage", &body);
            let messages = answer["Messages"].as_array().into_iter().flatten();
            handles.extend(messages.map(|each| each["ReceiptHandle"].as_str().unwrap().to_owned()));
            answer
        }
        Step::Delete { which } => {
            let body = json!({ "QueueUrl": url, "ReceiptHandle": handle(*which) });
            call(world, "DeleteMessage", &body)
        }
        Step::Hide { which, seconds } => {
            let body = json!({
                "QueueUrl": url,
                "ReceiptHandle": handle(*which),
                "VisibilityTimeout": seconds,
            });
            call(world, "ChangeMessageVisibility", &body)
        }
        Step::Move { rate } => {
            let dlq = arn(&format!("dlq{suffix}"));
            let body = json!({ "SourceArn": dlq, "MaxNumberOfMessagesPerSecond": rate });
            call(world, "StartMessageMoveTask", &body)
        }
        Step::Purge => call(world, "PurgeQueue", &json!({ "QueueUrl": url })),
        Step::Set { visibility_seconds, delay_seconds } => {
            let attributes = json!({
                "VisibilityTimeout": visibility_seconds.to_string(),
                "DelaySeconds": delay_seconds.to_string(),
            });
            let body = json!({ "QueueUrl": url, "Attributes": attributes });
            call(world, "SetQueueAttributes", &body)
        }
        Step::Tag { value } => {
            let body = json!({ "QueueUrl": url, "Tags": { "t": value.to_string() } });
            call(world, "TagQueue", &body)
        }
        // The clock is everyone's.
        Step::Pass { .. } => Value::Null,
    }
}

/// All queues with what they hold, and the move tasks.
fn seen(world: &World) -> Value {
    let queue = |name: String| {
        let url = format!("http://localhost:4566/123456789012/{name}");
        json!([
            call(
                world,
                "GetQueueAttributes",
                &json!({ "QueueUrl": url, "AttributeNames": ["All"] })
            ),
            call(world, "ListQueueTags", &json!({ "QueueUrl": url })),
            call(
                world,
                "ListMessageMoveTasks",
                &json!({ "SourceArn": arn(&name), "MaxResults": 10 })
            ),
            format!("{:?}", world.sqs.peek(&name)),
        ])
    };
    world.sqs.queue_names().into_iter().map(queue).collect()
}

fn pass(clock: &Clock, step: &Step) {
    if let Step::Pass { seconds } = step {
        clock.advance(Duration::from_secs(u64::from(*seconds)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_service_goes_on_where_its_snapshot_was_taken(
        before in steps(),
        away_seconds in 0..400u64,
        after in steps(),
    ) {
        let (clock, made) = (Clock::manual(START_MS), Arc::new(AtomicU64::new(0)));
        let first = resumed(&clock, &made);
        create(&first);
        let mut handles = Vec::new();
        for (is_fifo, step) in &before {
            pass(&clock, step);
            act(&first, *is_fifo, step, &mut handles);
        }
        let (snapshot, ()) = first.sqs.capture(|| ());
        prop_assert_eq!(snapshot.revision(), first.sqs.revision());
        let second = resumed(&clock, &Arc::new(AtomicU64::new(made.load(Ordering::Relaxed))));
        second.sqs.restore(copy(&snapshot));
        clock.advance(Duration::from_secs(away_seconds));
        prop_assert_eq!(seen(&second), seen(&first));
        let mut same = handles.clone();
        for (is_fifo, step) in &after {
            pass(&clock, step);
            let expected = act(&first, *is_fifo, step, &mut handles);
            prop_assert_eq!(act(&second, *is_fifo, step, &mut same), expected, "{:?}", step);
            prop_assert_eq!(seen(&second), seen(&first), "after {:?}", step);
        }
    }
}

#[tokio::test]
async fn a_declared_queue_has_its_new_attributes_and_its_old_messages() {
    let world = World::new();
    let (clock, ids) = (world.clock.clone(), Arc::new(AtomicU64::new(1_000)));
    world.create("a", &[("VisibilityTimeout", "30")]);
    world.create("b", &[]);
    world.create("gone", &[]);
    world
        .call("DeleteQueue", json!({ "QueueUrl": "http://localhost:4566/123456789012/gone" }))
        .await;
    world.send("a", "elsewhere");
    let foreign = world.receive("a").await.remove(0).receipt_handle;
    world.send("b", "waits");
    world.send("b", "is in flight");
    let handle = world.receive("b").await.remove(1).receipt_handle;

    let next = resumed(&clock, &ids);
    let mut kept = copy(&world.sqs.capture(|| ()).0);
    let attributes = map(&[("VisibilityTimeout", "40")]);
    // A queue that is new must not be numbered as one that was there.
    next.sqs.create_queue_from(&mut kept, "new", &map(&[]), &map(&[])).unwrap();
    let tags = map(&[("stage", "test")]);
    next.sqs.create_queue_from(&mut kept, "b", &attributes, &tags).unwrap();
    assert_eq!(kept.queue_names().collect::<Vec<_>>(), ["a"]);
    next.sqs.restore(kept);

    assert_eq!(next.sqs.queue_names(), ["a", "b", "new"]);
    let url = "http://localhost:4566/123456789012/b";
    let all = json!({ "QueueUrl": url, "AttributeNames": ["VisibilityTimeout"] });
    assert_eq!(next.call("GetQueueAttributes", all).await["Attributes"]["VisibilityTimeout"], "40");
    let told = next.call("ListQueueTags", json!({ "QueueUrl": url })).await;
    assert_eq!(told["Tags"], json!({ "stage": "test" }));
    assert_eq!(next.depth("b"), (0, 2, 0));
    next.sqs.delete("b", &handle).unwrap();
    assert!(next.sqs.delete("new", &handle).is_err());
    assert!(next.sqs.delete("new", &foreign).is_err());
    next.sqs.delete("a", &foreign).unwrap();
    assert_eq!(next.depth("a"), (0, 0, 0));
    next.pass(30);
    let bodies: Vec<_> = next.receive("b").await.into_iter().map(|each| each.body).collect();
    assert_eq!(bodies, ["waits"]);
}

#[tokio::test]
async fn a_receive_attempt_whose_message_was_hidden_anew_is_not_repeated() {
    let world = World::new();
    world.create("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]);
    let url = "http://localhost:4566/123456789012/q.fifo";
    let message = json!({ "QueueUrl": url, "MessageBody": "b", "MessageGroupId": "g" });
    world.call("SendMessage", message).await;
    let attempt = json!({ "QueueUrl": url, "ReceiveRequestAttemptId": "1" });
    let received = world.call("ReceiveMessage", attempt.clone()).await;
    for is_hidden in [false, true] {
        let handle = &received["Messages"][0]["ReceiptHandle"];
        let hide = json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 20 });
        if is_hidden {
            world.call("ChangeMessageVisibility", hide).await;
        }
        let next = resumed(&world.clock, &Arc::default());
        next.sqs.restore(copy(&world.sqs.capture(|| ()).0));
        let again = next.call("ReceiveMessage", attempt.clone()).await;
        assert_eq!(again.get("Messages").is_none(), is_hidden, "{again}");
    }
}

#[track_caller]
fn check_unreadable(text: &str, told: &str) {
    let error = Snapshot::read(Cursor::new(text)).unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn what_is_no_snapshot_is_told_with_its_line() {
    const QUEUE: &str = r#"{"queue":{"name":"q","number":0,"attributes":{},"tags":{},"created_ms":0,"modified_ms":0,"purged_ms":null,"last_receive":0,"next_message":0}}"#;
    check_unreadable("{\"service\":{\"queues_made\":1}}\n{\"queue\":", "line 2: ");
    check_unreadable("{\"planet\":{}}", "planet");
    let duplicate = r#"{"duplicate":{"until_ms":1,"group":null,"deduplication_id":"d","message_id":"m","sequence_number":1}}"#;
    check_unreadable(duplicate, "line 1: it belongs to a FIFO queue");
    check_unreadable(&format!("{QUEUE}\n{duplicate}"), "line 2: it belongs to a FIFO queue");
    assert!(Snapshot::read(Cursor::new(QUEUE)).is_ok());
}
