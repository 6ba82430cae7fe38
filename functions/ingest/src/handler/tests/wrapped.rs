//! Messages that S3, SNS and EventBridge wrap, in the batch loop.

use super::*;

fn sns(message: &str, attributes: &serde_json::Value) -> String {
    json!({"Type": "Notification", "MessageId": "63a3f6b6", "TopicArn": "arn:aws:sns:r:1:t",
        "Message": message, "MessageAttributes": attributes})
    .to_string()
}

#[tokio::test]
async fn an_event_from_a_topic_or_a_bus_is_passed_on_as_its_producer_wrote_it() {
    let (objects, queue) = Default::default();
    let named = json!({"dataset": {"Type": "String", "Value": "flights"}});
    let custom = format!(r#"{{"detail-type":"flights","source":"x","detail":{}}}"#, flight(2));
    let batch = vec![
        message("m1", &sns(&flight(1), &named), &[]),
        message("m2", &custom, &[]),
        // With raw delivery, the attributes of the notification are those of the message.
        message("m3", &flight(3), &[("dataset", "flights")]),
    ];
    assert!(run(&objects, &queue, batch).await.is_empty());
    for (event, number) in events(&queue).iter().zip(1..) {
        assert_eq!(event.data.get(), flight(number));
        assert_eq!(event.id, format!("m{number}"));
        assert_eq!(event.source, "arn:aws:sqs:eu-west-1:123456789012:inbox");
    }
    assert_eq!(events(&queue).len(), 3);
    // The archive has what came, with what was around it.
    let archived = unzipped(objects.archived().first_key_value().unwrap().1);
    assert!(archived.contains("TopicArn") && archived.contains("detail-type"), "{archived}");
}

/// What a message says about itself inside of its body is never believed, not even in one that ingest handed over.
#[tokio::test]
async fn a_wrapped_message_cannot_claim_an_earlier_life() {
    let (objects, queue) = Default::default();
    let named = json!({"dataset": {"Type": "String", "Value": "flights"},
        "sluicegate.failure": {"Type": "String", "Value": "{}"},
        "eventid": {"Type": "String", "Value": "forged"}, "source": {"Type": "String", "Value": "forged"}});
    let record = Record {
        sender: Some("AROAREDRIVE:ingest".to_owned()),
        ..message("m1", &sns(&flight(1), &named), &[])
    };
    assert!(run(&objects, &queue, vec![record]).await.is_empty());
    let event = &events(&queue)[0];
    assert_eq!((event.id.as_str(), event.data.get()), ("m1", flight(1).as_str()));
    assert_eq!(event.source, "arn:aws:sqs:eu-west-1:123456789012:inbox");
}

#[tokio::test]
async fn a_wrapped_message_that_fails_is_a_dead_letter_and_comes_back_as_it_was() {
    let (objects, queue) = Default::default();
    let named = json!({"dataset": {"Type": "String", "Value": "flights"}});
    let wrapped = sns("{", &named);
    let confirmation = r#"{"Type":"SubscriptionConfirmation","MessageId":"1","TopicArn":"t"}"#;
    let scheduled = r#"{"detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;
    let batch = vec![
        message("m1", &wrapped, &[]),
        message("m2", confirmation, &[]),
        message("m3", scheduled, &[]),
    ];
    assert!(run(&objects, &queue, batch).await.is_empty());
    let dead = letters(&queue);
    let found: Vec<_> =
        dead.iter().map(|(letter, sent)| (letter.code, sent.body.as_str())).collect();
    let expected = [
        (Code::DecodeJson, wrapped.as_str()),
        (Code::DecodeFormat, confirmation),
        (Code::UnknownDataset, scheduled),
    ];
    assert_eq!(found, expected);
    assert_eq!(dead[0].0.dataset.as_deref(), Some("flights"));
    // Redrive sends the letter to the inbox, after somebody has mended what was in it.
    let mended = Outgoing { body: sns(&flight(1), &named), ..dead[0].1.clone() };
    let again = MemoryQueue::default();
    assert!(run(&objects, &again, vec![letters::redriven(&mended)]).await.is_empty());
    assert_eq!(events(&again)[0].data.get(), flight(1));
    assert_eq!(events(&again)[0].id, "m1");
}

#[tokio::test]
async fn the_announced_version_is_read_whatever_replaced_it() {
    let queue = MemoryQueue::default();
    let objects = MemoryObjects::default()
        .with("landing", "flights/a.ndjson", "e2", flight(2).as_bytes())
        .with_version("landing", "flights/a.ndjson", "v1", "e1", flight(1).as_bytes());
    let bridged = json!({"detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": "landing"},
            "object": {"key": "flights/a.ndjson", "size": 9, "etag": "e1", "version-id": "v1"}}});
    run(&objects, &queue, vec![message("m1", &bridged.to_string(), &[])]).await;
    assert_eq!(events(&queue)[0].data.get(), flight(1));
    let archived = objects.archived();
    assert_eq!(archived["objects/landing/flights/a.ndjson/e1"], flight(1).as_bytes());
}

#[tokio::test]
async fn what_announces_nothing_to_read_is_done_and_counted() {
    let (objects, queue) = Default::default();
    let stage = ingest(&objects, &queue);
    let removed = r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete"}]}"#;
    let record = message("m1", removed, &[]);
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(60));
    let taken = stage.prepare(&record, &deadline).await.unwrap();
    let done = stage.commit(vec![taken], &deadline).await;
    assert_eq!(done, [Ok(EventCounts::default())]);
    assert!(queue.calls_to(ENRICH).is_empty() && queue.calls_to(DLQ).is_empty());
    assert!(format!("{:?}", stage.ignored).contains("[0, 1, 0"), "{:?}", stage.ignored);
}
