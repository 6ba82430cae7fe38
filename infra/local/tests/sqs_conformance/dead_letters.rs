//! Dead letters: the way there, the policies, and the way back.

use crate::rig::{START_MS, World, arn, code, policy, system, text};

#[tokio::test]
async fn a_message_is_received_so_often_and_then_is_dead() {
    let world = World::new().await;
    let (queue, dlq) = world.create_pair("q", 3).await;
    let request = world.client.send_message().queue_url(&queue).message_body("body");
    request.message_attributes("why", text("String", "x")).send().await.unwrap();
    let mut counts = Vec::new();
    let mut last = None;
    for _ in 0..4 {
        for message in world.receive(&queue).await {
            counts.push(system(&message, "ApproximateReceiveCount").unwrap());
            last = Some(message);
        }
        world.pass(30);
    }
    assert_eq!(counts, ["1", "2", "3"]);
    assert_eq!((world.depth(&queue).await, world.depth(&dlq).await), ((0, 0, 0), (1, 0, 0)));
    let (last, dead) = (last.unwrap(), world.receive(&dlq).await.remove(0));
    assert_eq!(dead.message_id, last.message_id);
    assert_eq!(dead.body, last.body);
    assert_eq!(dead.message_attributes, last.message_attributes);
    assert_eq!(system(&dead, "DeadLetterQueueSourceArn"), Some(arn("q")));
    assert_eq!(system(&dead, "SentTimestamp"), Some(START_MS.to_string()));
}

#[tokio::test]
async fn a_redrive_policy_counts_in_numbers_or_texts_and_names_a_queue() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    world.create("dlq", &[]).await;
    for count in ["5", "\"5\""] {
        world.set(&queue, "RedrivePolicy", &policy("dlq", count)).await.unwrap();
        let shown = &world.attributes(&queue).await[&"RedrivePolicy".into()];
        assert_eq!(shown, &policy("dlq", "5"));
    }
    let refused = Err("InvalidParameterValue".to_owned());
    for (dlq, count) in [("none", "5"), ("dlq", "0"), ("dlq", "1001"), ("dlq", "\"x\"")] {
        assert_eq!(world.set(&queue, "RedrivePolicy", &policy(dlq, count)).await, refused);
    }
    let sources = world.client.list_dead_letter_source_queues().queue_url("dlq").send().await;
    assert_eq!(sources.unwrap().queue_urls, [queue]);
}

#[tokio::test]
async fn an_allow_policy_is_enforced() {
    let world = World::new().await;
    let (queue, dlq) = world.create_pair("q", 1).await;
    let deny = r#"{"redrivePermission":"denyAll"}"#;
    world.set(&dlq, "RedriveAllowPolicy", deny).await.unwrap();
    let refused = world.set(&queue, "RedrivePolicy", &policy("q-dlq", "2")).await;
    assert_eq!(refused, Err("InvalidParameterValue".to_owned()));
    let by_queue =
        format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#, arn("q"));
    world.set(&dlq, "RedriveAllowPolicy", &by_queue).await.unwrap();
    world.set(&queue, "RedrivePolicy", &policy("q-dlq", "2")).await.unwrap();
}

/// Makes as many dead letters.
async fn fail(world: &World, queue: &str, count: u32) {
    for n in 0..count {
        world.send(queue, &n.to_string()).await;
    }
    while world.depth(queue).await.0 > 0 {
        world.receive(queue).await;
    }
    world.pass(30);
    assert!(world.receive(queue).await.is_empty());
}

#[tokio::test]
async fn a_move_task_brings_dead_letters_back() {
    let world = World::new().await;
    let (queue, dlq) = world.create_pair("q", 1).await;
    fail(&world, &queue, 12).await;
    world.client.start_message_move_task().source_arn(arn("q-dlq")).send().await.unwrap();
    let listed = world.client.list_message_move_tasks().source_arn(arn("q-dlq"));
    let task = listed.send().await.unwrap().results.unwrap().remove(0);
    assert_eq!(task.status.as_deref(), Some("COMPLETED"));
    assert_eq!(task.approximate_number_of_messages_moved, 12);
    assert_eq!((world.depth(&queue).await, world.depth(&dlq).await), ((12, 0, 0), (0, 0, 0)));
    let message = world.receive(&queue).await.remove(0);
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_move_task_keeps_its_rate_runs_alone_and_can_be_cancelled() {
    let world = World::new().await;
    let (queue, dlq) = world.create_pair("q", 1).await;
    let to = world.create("to", &[]).await;
    fail(&world, &queue, 10).await;
    let start = || {
        let request = world.client.start_message_move_task().source_arn(arn("q-dlq"));
        request.destination_arn(arn("to")).max_number_of_messages_per_second(2).send()
    };
    let handle = start().await.unwrap().task_handle.unwrap();
    assert_eq!(code(&start().await.unwrap_err()), "InvalidParameterValue");
    world.pass(2);
    assert_eq!(world.depth(&to).await, (6, 0, 0));
    let cancel = || world.client.cancel_message_move_task().task_handle(&handle).send();
    assert_eq!(cancel().await.unwrap().approximate_number_of_messages_moved, 6);
    world.pass(60);
    assert_eq!((world.depth(&to).await, world.depth(&dlq).await), ((6, 0, 0), (4, 0, 0)));
    let unknown = world.client.start_message_move_task().source_arn(arn("none"));
    let error = unknown.send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    let fast = world.client.start_message_move_task().source_arn(arn("q-dlq"));
    let error = fast.max_number_of_messages_per_second(501).send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameterValue");
}
