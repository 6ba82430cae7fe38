//! Queues: creating, finding, listing, purging, tagging, sharing and deleting them.

use aws_sdk_sqs::types::QueueAttributeName;

use super::World;
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: a_queue_is_made_once_found_and_deleted, queues_are_listed_in_pages, attributes_are_set_within_their_bounds, a_queue_is_purged_once_a_minute, tags_and_permissions_are_kept);

async fn a_queue_is_made_once_found_and_deleted(world: &World) {
    let queue = world.create("q", &[("DelaySeconds", "5")]).await;
    same!(world.create("q", &[]).await, queue);
    let request = world.client.create_queue().queue_name(world.name("q"));
    let error = request.attributes(QueueAttributeName::DelaySeconds, "6").send().await.refusal();
    assert!(error.into_service_error().is_queue_name_exists());
    let found = world.client.get_queue_url().queue_name(world.name("q")).send().await.answered();
    same!(found.queue_url.as_ref(), Some(&queue));
    let arn = world.arn(&queue).await;
    assert!(
        arn.ends_with(&format!(":{}", world.name("q"))),
        "expected the queue's arn, came {arn}"
    );

    world.client.delete_queue().queue_url(&queue).send().await.answered();
    let error = world.client.get_queue_url().queue_name(world.name("q")).send().await.refusal();
    assert!(error.into_service_error().is_queue_does_not_exist());
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    assert!(request.send().await.refusal().into_service_error().is_queue_does_not_exist());
    let error = world.client.create_queue().queue_name(world.name("q")).send().await.refusal();
    assert!(error.into_service_error().is_queue_deleted_recently());
    world.pass(60).await;
    same!(world.create("q", &[]).await, queue);
}

async fn queues_are_listed_in_pages(world: &World) {
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.create(&format!("page-{n}"), &[]).await);
    }
    world.create("other", &[]).await;
    let pages = world.client.list_queues().queue_name_prefix(world.name("page-")).max_results(2);
    let pages = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    same!(pages.unwrap(), made);
}

async fn attributes_are_set_within_their_bounds(world: &World) {
    let queue = world.create("q", &[]).await;
    world.set(&queue, "VisibilityTimeout", "43200").await.unwrap();
    let shown = &world.attributes(&queue).await[&QueueAttributeName::VisibilityTimeout];
    same!(shown, "43200");
    let refused = world.set(&queue, "VisibilityTimeout", "43201").await;
    same!(refused, Err("InvalidAttributeValue".to_owned()));
    for name in ["Nonsense", "QueueArn", "ContentBasedDeduplication"] {
        let refused = world.set(&queue, name, "true").await;
        same!(refused, Err("InvalidAttributeName".to_owned()), "{name}");
    }
}

async fn a_queue_is_purged_once_a_minute(world: &World) {
    let queue = world.create("q", &[]).await;
    for body in ["a", "b"] {
        world.send(&queue, body).await;
    }
    world.receive_up_to(&queue, 1).await;
    let purge = || world.client.purge_queue().queue_url(&queue).send();
    purge().await.answered();
    same!(world.depth(&queue).await, (0, 0, 0));
    assert!(purge().await.refusal().into_service_error().is_purge_queue_in_progress());
    world.pass(60).await;
    purge().await.answered();
}

async fn tags_and_permissions_are_kept(world: &World) {
    let queue = world.create("q", &[]).await;
    world.client.tag_queue().queue_url(&queue).tags("team", "data").send().await.answered();
    let tags = || async {
        let answer = world.client.list_queue_tags().queue_url(&queue).send().await.answered();
        answer.tags.unwrap_or_default()
    };
    same!(tags().await["team"], "data");
    world.client.untag_queue().queue_url(&queue).tag_keys("team").send().await.answered();
    assert!(tags().await.is_empty());

    let add = || {
        let request = world.client.add_permission().queue_url(&queue).label("them");
        request.aws_account_ids("111111111111").actions("SendMessage").send()
    };
    add().await.answered();
    same!(add().await.refused(), "InvalidParameterValue");
    let policy = &world.attributes(&queue).await[&QueueAttributeName::Policy];
    assert!(policy.contains("SQS:SendMessage") && policy.contains("111111111111"), "{policy}");
    let remove = || world.client.remove_permission().queue_url(&queue).label("them").send();
    remove().await.answered();
    assert!(!world.attributes(&queue).await.contains_key(&QueueAttributeName::Policy));
    same!(remove().await.refused(), "InvalidParameterValue");
}
