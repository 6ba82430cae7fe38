//! Dead letters: redrive policies, how messages get there, and how they are moved back.

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;

use super::{World, policy, system, text};
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World:
    a_message_is_received_so_often_and_then_is_dead,
    a_redrive_policy_counts_in_numbers_or_texts_and_names_a_queue,
    the_sources_of_a_dead_letter_queue_are_listed,
    an_allow_policy_is_enforced,
    a_move_task_brings_dead_letters_back,
    a_move_task_keeps_its_rate_runs_alone_and_can_be_cancelled,
    a_move_task_names_a_dead_letter_queue_and_500_a_second_at_most,
);

async fn a_message_is_received_so_often_and_then_is_dead(world: &World) {
    let (queue, dlq) = world.create_pair("q", 3).await;
    let request = world.client.send_message().queue_url(&queue).message_body("body");
    request.message_attributes("why", text("String", "x")).send().await.answered();
    let mut counts = Vec::new();
    let mut last = None;
    for _ in 0..4 {
        for message in world.receive(&queue).await {
            counts.push(system(&message, "ApproximateReceiveCount").unwrap());
            last = Some(message);
        }
        world.pass(1).await;
    }
    same!(counts, ["1", "2", "3"]);
    same!((world.depth(&queue).await, world.depth(&dlq).await), ((0, 0, 0), (1, 0, 0)));
    let (last, dead) = (last.unwrap(), world.receive_one(&dlq).await);
    same!(dead.message_id, last.message_id);
    same!(dead.body, last.body);
    same!(dead.message_attributes, last.message_attributes);
    same!(system(&dead, "DeadLetterQueueSourceArn"), Some(world.arn(&queue).await));
    same!(system(&dead, "SentTimestamp"), system(&last, "SentTimestamp"));
}

async fn a_redrive_policy_counts_in_numbers_or_texts_and_names_a_queue(world: &World) {
    let queue = world.create("q", &[]).await;
    let dlq = world.create("dlq", &[]).await;
    for count in ["5", "\"5\""] {
        let given = world.policy(&dlq, count).await;
        same!(world.set(&queue, "RedrivePolicy", &given).await, Ok(()), "{given}");
        let shown = &world.attributes(&queue).await[&"RedrivePolicy".into()];
        let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
        let target = world.arn(&dlq).await;
        same!(shown["deadLetterTargetArn"], target);
        same!(shown["maxReceiveCount"], 5, "a count is shown as a number");
    }
    let refused = Err("InvalidParameterValue".to_owned());
    let nowhere = world.arn(&dlq).await + "-none";
    let given = policy(&nowhere, "5");
    same!(world.set(&queue, "RedrivePolicy", &given).await, refused, "{given}");
    for count in ["0", "1001", "\"x\""] {
        let given = world.policy(&dlq, count).await;
        same!(world.set(&queue, "RedrivePolicy", &given).await, refused, "{given}");
    }
}

async fn the_sources_of_a_dead_letter_queue_are_listed(world: &World) {
    let (queue, dlq) = world.create_pair("q", 5).await;
    world.create("other", &[]).await;
    let sources = world.client.list_dead_letter_source_queues().queue_url(&dlq).send().await;
    same!(sources.answered().queue_urls, [queue]);
}

async fn an_allow_policy_is_enforced(world: &World) {
    let (queue, dlq) = world.create_pair("q", 1).await;
    let deny = r#"{"redrivePermission":"denyAll"}"#;
    world.set(&dlq, "RedriveAllowPolicy", deny).await.unwrap();
    let refused = world.set(&queue, "RedrivePolicy", &world.policy(&dlq, "2").await).await;
    same!(refused, Err("InvalidParameterValue".to_owned()));
    let by_queue = format!(
        r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#,
        world.arn(&queue).await
    );
    world.set(&dlq, "RedriveAllowPolicy", &by_queue).await.unwrap();
    world.set(&queue, "RedrivePolicy", &world.policy(&dlq, "2").await).await.unwrap();
}

/// Makes `count` messages of a queue dead letters.
async fn fail(world: &World, queue: &str, count: u32) {
    for n in 0..count {
        world.send(queue, &n.to_string()).await;
    }
    while world.depth(queue).await.0 > 0 {
        world.receive(queue).await;
    }
    world.pass(1).await;
    assert!(world.receive(queue).await.is_empty());
}

/// The newest task of a source, after it has this status. On other services, that takes a while.
async fn task(world: &World, source: &str, status: &str) -> ListMessageMoveTasksResultEntry {
    loop {
        let listed = world.client.list_message_move_tasks().source_arn(source).send().await;
        let mut listed = listed.answered().results.unwrap_or_default();
        assert!(!listed.is_empty(), "expected a task to be listed, came none");
        let task = listed.remove(0);
        if task.status() == Some(status) || world.ours().is_some() {
            same!(task.status(), Some(status));
            return task;
        }
        world.pass(1).await;
    }
}

async fn a_move_task_brings_dead_letters_back(world: &World) {
    let (queue, dlq) = world.create_pair("q", 1).await;
    fail(world, &queue, 12).await;
    let source = world.arn(&dlq).await;
    world.client.start_message_move_task().source_arn(&source).send().await.answered();
    let task = task(world, &source, "COMPLETED").await;
    same!(task.approximate_number_of_messages_moved, 12);
    same!((world.depth(&queue).await, world.depth(&dlq).await), ((12, 0, 0), (0, 0, 0)));
    let message = world.receive_one(&queue).await;
    same!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
}

async fn a_move_task_keeps_its_rate_runs_alone_and_can_be_cancelled(world: &World) {
    let (queue, dlq) = world.create_pair("q", 1).await;
    let to = world.create("to", &[]).await;
    fail(world, &queue, 30).await;
    let (source, destination) = (world.arn(&dlq).await, world.arn(&to).await);
    let start = || {
        let request = world.client.start_message_move_task().source_arn(&source);
        request.destination_arn(&destination).max_number_of_messages_per_second(2).send()
    };
    let handle = start().await.answered().task_handle.unwrap();
    same!(start().await.refused(), "InvalidParameterValue", "a second task");
    world.pass(2).await;
    let cancel = || world.client.cancel_message_move_task().task_handle(&handle).send();
    let moved = cancel().await.answered().approximate_number_of_messages_moved;
    assert!((2..=10).contains(&moved), "expected about 6 to be moved at 2 a second, came {moved}");
    world.pass(1).await;
    let moved = u32::try_from(moved).unwrap();
    let depths = (world.depth(&to).await, world.depth(&dlq).await);
    same!(depths, ((moved, 0, 0), (30 - moved, 0, 0)), "nothing moves once it is cancelled");
}

async fn a_move_task_names_a_dead_letter_queue_and_500_a_second_at_most(world: &World) {
    let (queue, dlq) = world.create_pair("q", 1).await;
    let (source, plain) = (world.arn(&dlq).await, world.arn(&queue).await);
    let start = |source: &str| world.client.start_message_move_task().source_arn(source);
    let error = start(&format!("{source}-none")).send().await.refusal().into_service_error();
    assert!(error.is_resource_not_found_exception(), "expected a queue not found, came {error:?}");
    same!(start(&plain).send().await.refused(), "InvalidParameterValue", "no dead-letter queue");
    for rate in [0, 501] {
        let fast = start(&source).max_number_of_messages_per_second(rate).send().await;
        same!(fast.refused(), "InvalidParameterValue", "{rate} a second");
    }
}
