//! Dead letters: when a message becomes one, and what it takes along.

use super::*;
use crate::{Caller, MessageAttribute};

#[tokio::test]
async fn a_message_is_received_so_often_and_then_is_in_the_dead_letter_queue() {
    let world = World::new();
    world.create_pair("q", 3);
    let attribute = MessageAttribute {
        data_type: "String.reason".to_owned(),
        string_value: Some("why".to_owned()),
        binary_value: None,
    };
    let message = NewMessage {
        body: "body".to_owned(),
        message_attributes: BTreeMap::from([("reason".to_owned(), attribute)]),
        group_id: Some("tenant".to_owned()),
        ..NewMessage::default()
    };
    let id = world.sqs.send("q", message).unwrap();
    let mut last = None;
    for count in 1..=3 {
        let received = world.receive("q").await;
        assert_eq!(received[0].attributes["ApproximateReceiveCount"], count.to_string());
        assert!(!received[0].attributes.contains_key("DeadLetterQueueSourceArn"));
        last = received.into_iter().next();
        world.pass(30);
        assert_eq!(world.depth("q"), (1, 0, 0), "it moves at the next receive, not by itself");
    }
    assert!(world.receive("q").await.is_empty());
    assert_eq!((world.depth("q"), world.depth("q-dlq")), ((0, 0, 0), (1, 0, 0)));

    let last = last.unwrap();
    let dead = world.receive("q-dlq").await.remove(0);
    assert_eq!((dead.message_id, dead.body, dead.md5_of_body), (id, last.body, last.md5_of_body));
    assert_eq!(dead.message_attributes, last.message_attributes);
    let mut expected = last.attributes;
    expected.insert("DeadLetterQueueSourceArn".to_owned(), arn("q"));
    expected.insert("ApproximateReceiveCount".to_owned(), "4".to_owned());
    assert_eq!(dead.attributes, expected, "the time at which it was sent is the original one");
}

#[tokio::test]
async fn one_receive_skips_dead_letters_for_what_is_behind_them() {
    let world = World::new();
    world.create_pair("q", 1);
    for n in 0..1_500 {
        world.send("q", &format!("dead {n}"));
    }
    assert_eq!(world.sqs.receive("q", 1_500, Duration::ZERO).await.unwrap().len(), 1_500);
    world.pass(30);
    world.send("q", "alive");
    let received = world.receive("q").await;
    assert_eq!(received.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(), ["alive"]);
    assert_eq!((world.depth("q"), world.depth("q-dlq")), ((0, 1, 0), (1_500, 0, 0)));
}

#[tokio::test]
async fn a_fifo_dead_letter_counts_its_time_from_the_move_and_frees_its_group() {
    let world = World::new();
    world.create("q-dlq.fifo", &[("FifoQueue", "true")]);
    let policy = policy("q-dlq.fifo", "1");
    let content = ("ContentBasedDeduplication", "true");
    world.create("q.fifo", &[("FifoQueue", "true"), content, ("RedrivePolicy", &policy)]);
    for body in ["1", "2"] {
        let group_id = Some("g".to_owned());
        let message = NewMessage { body: body.to_owned(), group_id, ..NewMessage::default() };
        world.sqs.send("q.fifo", message).unwrap();
    }
    let first = world.sqs.receive("q.fifo", 1, Duration::ZERO).await.unwrap();
    assert_eq!(first[0].body, "1");
    world.pass(30);
    assert_eq!(world.receive("q.fifo").await[0].body, "2");
    let dead = world.receive("q-dlq.fifo").await.remove(0);
    assert_eq!(dead.message_id, first[0].message_id);
    assert_eq!(dead.attributes["SentTimestamp"], (START_MS + 30 * SECOND).to_string());
    for same in ["MessageGroupId", "MessageDeduplicationId"] {
        assert_eq!(dead.attributes[same], first[0].attributes[same]);
    }
}

#[tokio::test]
async fn a_standard_dead_letter_expires_by_the_time_it_was_first_sent() {
    let world = World::new();
    world.create_pair("q", 1);
    world.sqs.service.set_attributes("q-dlq", &map(&[("MessageRetentionPeriod", "60")])).unwrap();
    world.send("q", "a");
    world.receive("q").await;
    world.pass(59);
    world.receive("q").await;
    assert_eq!(world.depth("q-dlq"), (1, 0, 0));
    world.pass(1);
    assert_eq!(world.depth("q-dlq"), (0, 0, 0));
}

#[tokio::test]
async fn a_chain_of_dead_letter_queues_counts_each_queues_receives() {
    let world = World::new();
    world.create("c", &[]);
    world.create("b", &[("RedrivePolicy", &policy("c", "2"))]);
    world.create("a", &[("RedrivePolicy", &policy("b", "2"))]);
    world.send("a", "m");
    for (queue, count) in [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5)] {
        if queue != "a" {
            world.receive("a").await;
        }
        if queue == "c" {
            world.receive("b").await;
        }
        let received = world.receive(queue).await;
        assert_eq!(received[0].attributes["ApproximateReceiveCount"], count.to_string(), "{queue}");
        world.pass(30);
    }
}

#[tokio::test]
async fn a_queue_may_be_its_own_dead_letter_queue() {
    let world = World::new();
    world.create("q", &[]);
    world.sqs.service.set_attributes("q", &map(&[("RedrivePolicy", &policy("q", "1"))])).unwrap();
    world.send("q", "a");
    assert_eq!(world.receive("q").await.len(), 1);
    world.pass(30);
    assert!(world.receive("q").await.is_empty());
    let dead = world.receive("q").await;
    assert_eq!(dead[0].attributes["DeadLetterQueueSourceArn"], arn("q"));
}

#[tokio::test]
async fn without_its_dead_letter_queue_a_message_goes_on_being_received() {
    let world = World::new();
    world.create_pair("q", 1);
    world.send("q", "a");
    world.sqs.service.delete_queue("q-dlq").unwrap();
    for _ in 0..3 {
        assert_eq!(world.receive("q").await.len(), 1);
        world.pass(30);
    }
}

#[track_caller]
fn check_policy(world: &World, queue: &str, text: &str, expected: Result<(), &str>) {
    let result = world.sqs.service.set_attributes(queue, &map(&[("RedrivePolicy", text)]));
    match (result, expected) {
        (Ok(()), Ok(())) => {}
        (Err(fault), Err(reason)) => {
            assert_eq!(fault.code, crate::errors::Code::InvalidParameterValue);
            assert!(fault.message.contains(reason), "{fault}");
        }
        (result, expected) => panic!("{text}: {result:?}, not {expected:?}"),
    }
}

#[test]
fn a_redrive_policy_names_a_queue_of_the_same_type() {
    let world = World::new();
    world.create("q", &[]);
    world.create("dlq", &[]);
    world.create("dlq.fifo", &[("FifoQueue", "true")]);
    check_policy(&world, "q", &policy("dlq", "3"), Ok(()));
    check_policy(&world, "q", &policy("dlq", "\"3\""), Ok(()));
    check_policy(&world, "q", &policy("none", "3"), Err("Dead letter target does not exist."));
    check_policy(&world, "q", &policy("dlq.fifo", "3"), Err("same type of queue"));
    let elsewhere = policy("dlq", "3").replace("eu-west-1", "us-east-1");
    check_policy(&world, "q", &elsewhere, Err("Dead letter target does not exist."));
    let name = r#"{"deadLetterTargetArn":"dlq","maxReceiveCount":3}"#;
    check_policy(&world, "q", name, Err("Dead letter target does not exist."));
    check_policy(&world, "q", "", Ok(()));
    assert_eq!(world.sqs.service.dead_letter_sources(&arn("dlq")).len(), 0);

    let attributes = map(&[("RedrivePolicy", &policy("none", "3"))]);
    let refused = world.sqs.create_queue("new", &attributes, &BTreeMap::new()).unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValue");
    assert!(!world.sqs.queue_names().contains(&"new".to_owned()));
}

#[tokio::test]
async fn an_allow_policy_is_enforced_when_a_source_asks_and_when_a_letter_moves() {
    let world = World::new();
    world.create_pair("q", 1);
    world.create("other", &[]);
    let by_queue =
        format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, arn("q"));
    let allow = |text: &str| {
        world.sqs.service.set_attributes("q-dlq", &map(&[("RedriveAllowPolicy", text)])).unwrap();
    };
    allow(&by_queue);
    check_policy(&world, "other", &policy("q-dlq", "3"), Err("denies this queue"));
    check_policy(&world, "q", &policy("q-dlq", "1"), Ok(()));

    world.send("q", "a");
    allow(r#"{"redrivePermission":"denyAll"}"#);
    for _ in 0..2 {
        assert_eq!(world.receive("q").await.len(), 1, "a letter that is not taken stays");
        world.pass(30);
    }
    allow(&by_queue);
    assert!(world.receive("q").await.is_empty());
    assert_eq!(world.depth("q-dlq"), (1, 0, 0));
}

/// What SQS moves is whose it was: by its own policy, and by a task.
#[tokio::test]
async fn a_message_keeps_its_sender_wherever_sqs_moves_it() {
    let world = World::new();
    world.create_pair("q", 1);
    let sent = format!(r#"{{"QueueUrl":"{}","MessageBody":"a"}}"#, "q");
    let role = Some("AROA1:sluicegate-Enrich");
    assert_eq!(
        world
            .sqs
            .call_as(Caller { session: role, trace: None }, "SendMessage", sent.as_bytes())
            .await
            .status(),
        200
    );
    world.send("q", "b");
    let senders = |mut messages: Vec<crate::ReceivedMessage>| {
        messages.sort_by(|a, b| a.body.cmp(&b.body));
        messages.into_iter().map(|m| m.attributes["SenderId"].clone()).collect::<Vec<_>>()
    };
    let expected = ["AROA1:sluicegate-Enrich", "123456789012"];
    assert_eq!(senders(world.receive("q").await), expected);
    world.pass(30);
    assert!(world.receive("q").await.is_empty());
    assert_eq!(senders(world.sqs.peek("q-dlq")), expected);
    world.sqs.service.start_move_task(&arn("q-dlq"), None, None).unwrap();
    assert_eq!(senders(world.receive("q").await), expected);
}
