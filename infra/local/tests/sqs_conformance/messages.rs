//! Messages: delays, visibility, retention, waits, attributes, sizes.

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};

use crate::rig::{START_MS, World, code, system, text};

#[tokio::test]
async fn a_message_is_received_as_it_was_sent() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    let body = "text ä \u{1f600}\n\t\r \u{e000}";
    let id = world.send(&queue, body).await;
    let message = world.receive(&queue).await.remove(0);
    assert_eq!((message.body.as_deref(), message.message_id.as_ref()), (Some(body), Some(&id)));
    assert_eq!(system(&message, "SentTimestamp"), Some(START_MS.to_string()));
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
    assert_eq!(world.depth(&queue).await, (0, 1, 0));
}

#[tokio::test]
async fn a_message_comes_back_when_its_visibility_timeout_ends() {
    let world = World::new().await;
    let queue = world.create("q", &[("VisibilityTimeout", "45")]).await;
    world.send(&queue, "a").await;
    assert_eq!(world.receive(&queue).await.len(), 1);
    world.pass(44);
    assert!(world.receive(&queue).await.is_empty());
    world.pass(1);
    let request = world.client.receive_message().queue_url(&queue).visibility_timeout(43_200);
    assert_eq!(request.send().await.unwrap().messages().len(), 1);
    world.pass(43_199);
    assert!(world.receive(&queue).await.is_empty());
    world.pass(1);
    let message = world.receive(&queue).await.remove(0);
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("3"));
}

#[tokio::test]
async fn a_delay_is_the_messages_or_else_the_queues() {
    let world = World::new().await;
    let queue = world.create("q", &[("DelaySeconds", "60")]).await;
    world.send(&queue, "queue's").await;
    for (body, delay) in [("none", 0), ("longest", 900)] {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.delay_seconds(delay).send().await.unwrap();
    }
    assert_eq!(world.depth(&queue).await, (1, 0, 2));
    assert_eq!(world.bodies(&queue).await, ["none"]);
    world.pass(60);
    assert!(world.bodies(&queue).await.contains(&"queue's".to_owned()));
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    let error = request.delay_seconds(901).send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidParameterValue");
}

#[tokio::test]
async fn a_message_expires() {
    let world = World::new().await;
    let queue = world.create("q", &[("MessageRetentionPeriod", "60")]).await;
    world.send(&queue, "a").await;
    world.pass(59);
    assert_eq!(world.depth(&queue).await, (1, 0, 0));
    world.pass(1);
    assert!(world.receive(&queue).await.is_empty());
    assert_eq!(world.depth(&queue).await, (0, 0, 0));
}

#[tokio::test]
async fn a_wait_ends_with_a_message_or_its_time() {
    let world = World::new().await;
    let queue = world.create("q", &[("VisibilityTimeout", "43200")]).await;
    let wait = || {
        let request = world.client.receive_message().queue_url(&queue).wait_time_seconds(20);
        async move { request.send().await.unwrap().messages.unwrap_or_default().len() }
    };
    let (received, _) = tokio::join!(wait(), world.send(&queue, "a"));
    assert_eq!((received, world.passed_ms()), (1, 0));

    // When the server begins to wait cannot be seen from here, so time goes on until it has ended.
    let pass = async {
        loop {
            world.pass(1);
            world.depth(&queue).await;
        }
    };
    let received = tokio::select! {
        received = wait() => received,
        () = pass => unreachable!("it has no end"),
    };
    assert_eq!(received, 0);
    assert!(world.passed_ms() >= 20_000);
}

#[tokio::test]
async fn attributes_have_three_types_and_custom_suffixes() {
    let world = World::new().await;
    let queue = world.create("q", &[("VisibilityTimeout", "0")]).await;
    let binary = MessageAttributeValue::builder().data_type("Binary.raw");
    let binary = binary.binary_value(Blob::new([0, 255, 7])).build().unwrap();
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let trace_header =
        MessageSystemAttributeValue::builder().data_type("String").string_value(trace);
    let request = world.client.send_message().queue_url(&queue).message_body("b");
    let sent = request
        .message_attributes("a.text", text("String", "x"))
        .message_attributes("a.number", text("Number.float", "-1.5"))
        .message_attributes("b", binary.clone())
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            trace_header.build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    assert!(sent.md5_of_message_system_attributes.is_some());

    for (filter, mut expected) in [
        ("All", vec!["a.number", "a.text", "b"]),
        (".*", vec!["a.number", "a.text", "b"]),
        ("a.*", vec!["a.number", "a.text"]),
        ("b", vec!["b"]),
        ("c", vec![]),
    ] {
        let request = world.client.receive_message().queue_url(&queue);
        let request = request.message_attribute_names(filter);
        let message = request.send().await.unwrap().messages.unwrap().remove(0);
        let attributes = message.message_attributes.unwrap_or_default();
        let mut names: Vec<_> = attributes.keys().map(String::as_str).collect();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{filter}");
        assert_eq!(message.attributes, None);
        if filter == "All" {
            assert_eq!(attributes["b"], binary);
            assert_eq!(attributes["a.number"], text("Number.float", "-1.5"));
            assert_eq!(message.md5_of_message_attributes, sent.md5_of_message_attributes);
        }
    }
    let message = world.receive(&queue).await.remove(0);
    assert_eq!(system(&message, "AWSTraceHeader").as_deref(), Some(trace));
}

#[tokio::test]
async fn bad_messages_are_refused() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    let large = "x".repeat(1_048_577);
    for (body, expected) in [
        ("", "MissingParameter"),
        ("nul \0", "InvalidMessageContents"),
        ("bell \u{7}", "InvalidMessageContents"),
        ("\u{fffe}", "InvalidMessageContents"),
        (large.as_str(), "InvalidParameterValue"),
    ] {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        let error = request.send().await.unwrap_err();
        assert_eq!(code(&error), expected);
        let is_contents = error.into_service_error().is_invalid_message_contents();
        assert_eq!(is_contents, expected == "InvalidMessageContents");
    }
    for (name, attribute) in [
        ("AWS.x", text("String", "x")),
        ("a", text("String", "")),
        ("a", text("Number", "x")),
        ("a", text("Text", "x")),
    ] {
        let request = world.client.send_message().queue_url(&queue).message_body("b");
        let error = request.message_attributes(name, attribute).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidParameterValue");
    }
    let mut request = world.client.send_message().queue_url(&queue).message_body("b");
    for n in 0..11 {
        request = request.message_attributes(format!("a{n}"), text("String", "x"));
    }
    assert_eq!(code(&request.send().await.unwrap_err()), "InvalidParameterValue");
    assert_eq!(world.depth(&queue).await, (0, 0, 0));
}

#[tokio::test]
async fn a_mebibyte_is_the_most_with_attributes_included() {
    let world = World::new().await;
    let queue = world.create("q", &[]).await;
    let body = "x".repeat(1_048_576 - "nString".len() - 1);
    let send = |body: String| {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.message_attributes("n", text("String", "v")).send()
    };
    send(body.clone()).await.unwrap();
    assert_eq!(code(&send(body + "x").await.unwrap_err()), "InvalidParameterValue");
    assert_eq!(world.receive(&queue).await.len(), 1);
}
