//! Queues as such: made, found, listed, purged, tagged, shared, deleted.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::rig::{World, arn, code};

#[tokio::test]
async fn a_queue_is_made_once_found_and_deleted() {
    let world = World::new().await;
    let queue = world.create("q", &[("DelaySeconds", "5")]).await;
    assert_eq!(world.create("q", &[]).await, queue);
    let request = world.client.create_queue().queue_name("q");
    let error = request.attributes(QueueAttributeName::DelaySeconds, "6").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_name_exists());
    let found = world.client.get_queue_url().queue_name("q").send().await.unwrap();
    assert_eq!(found.queue_url.as_ref(), Some(&queue));
    assert_eq!(world.attributes(&queue).await[&QueueAttributeName::QueueArn], arn("q"));

    world.client.delete_queue().queue_url(&queue).send().await.unwrap();
    let error = world.client.get_queue_url().queue_name("q").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    assert!(request.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let error = world.client.create_queue().queue_name("q").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_deleted_recently());
    world.pass(60);
    assert_eq!(world.create("q", &[]).await, queue);
}

#[tokio::test]
async fn queues_are_listed_in_pages() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.create(&format!("page-{n}"), &[]).await);
    }
    world.create("other", &[]).await;
    let pages = world.client.list_queues().queue_name_prefix("page-").max_results(2);
    let pages = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    assert_eq!(pages.unwrap(), made);
}

#[tokio::test]
async fn attributes_are_set_within_their_bounds() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    world.set(&queue, "VisibilityTimeout", "43200").await.unwrap();
    let shown = &world.attributes(&queue).await[&QueueAttributeName::VisibilityTimeout];
    assert_eq!(shown, "43200");
    let refused = world.set(&queue, "VisibilityTimeout", "43201").await;
    assert_eq!(refused, Err("InvalidAttributeValue".to_owned()));
    for name in ["Nonsense", "QueueArn", "ContentBasedDeduplication"] {
        let refused = world.set(&queue, name, "true").await;
        assert_eq!(refused, Err("InvalidAttributeName".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_queue_is_purged_once_a_minute() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    for body in ["a", "b"] {
        world.send(&queue, body).await;
    }
    world.receive_up_to(&queue, 1).await;
    let purge = || world.client.purge_queue().queue_url(&queue).send();
    purge().await.unwrap();
    assert_eq!(world.depth(&queue).await, (0, 0, 0));
    assert!(purge().await.unwrap_err().into_service_error().is_purge_queue_in_progress());
    world.pass(60);
    purge().await.unwrap();
}

#[tokio::test]
async fn tags_and_permissions_are_kept() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    world.client.tag_queue().queue_url(&queue).tags("team", "data").send().await.unwrap();
    let tags = || async {
        let answer = world.client.list_queue_tags().queue_url(&queue).send().await.unwrap();
        answer.tags.unwrap_or_default()
    };
    assert_eq!(tags().await["team"], "data");
    world.client.untag_queue().queue_url(&queue).tag_keys("team").send().await.unwrap();
    assert!(tags().await.is_empty());

    let add = || {
        let request = world.client.add_permission().queue_url(&queue).label("them");
        request.aws_account_ids("111111111111").actions("SendMessage").send()
    };
    add().await.unwrap();
    assert_eq!(code(&add().await.unwrap_err()), "InvalidParameterValue");
    let policy = &world.attributes(&queue).await[&QueueAttributeName::Policy];
    assert!(policy.contains("SQS:SendMessage") && policy.contains("111111111111"), "{policy}");
    let remove = || world.client.remove_permission().queue_url(&queue).label("them").send();
    remove().await.unwrap();
    assert!(!world.attributes(&queue).await.contains_key(&QueueAttributeName::Policy));
    assert_eq!(code(&remove().await.unwrap_err()), "InvalidParameterValue");
}
