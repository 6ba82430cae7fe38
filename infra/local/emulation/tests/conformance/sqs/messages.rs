//! Messages: delays, visibility, retention, waits, attributes, sizes.

use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};

use sqs::NewMessage;

use super::{World, system, text};
use crate::answers::{Answer as _, same};
use crate::rig::{self, cases};

cases!(World: a_message_is_received_as_it_was_sent, a_message_comes_back_when_its_visibility_timeout_ends, a_delay_is_the_messages_or_else_the_queues, a_message_expires, a_message_is_hidden_for_12_hours_at_most, a_wait_ends_at_once_when_a_message_comes, a_wait_without_a_message_ends_with_its_time, no_more_than_120_000_messages_are_in_flight, attributes_have_three_types_and_custom_suffixes, bad_messages_are_refused, a_mebibyte_is_the_most_with_attributes_included);

async fn a_message_is_received_as_it_was_sent(world: &World) {
    let queue = world.create("q", &[]).await;
    let body = "text ä \u{1f600}\n\t\r \u{e000}";
    let id = world.send(&queue, body).await;
    let message = world.receive_one(&queue).await;
    same!((message.body.as_deref(), message.message_id.as_ref()), (Some(body), Some(&id)));
    let sent_ms: u64 = system(&message, "SentTimestamp").unwrap().parse().unwrap();
    let apart_ms = world.now_ms().abs_diff(sent_ms);
    let is_near = if world.ours().is_some() { apart_ms == 0 } else { apart_ms < 60_000 };
    assert!(is_near, "expected the time it was sent, came one {apart_ms} ms apart");
    same!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
    same!(world.depth(&queue).await, (0, 1, 0));
}

async fn a_message_comes_back_when_its_visibility_timeout_ends(world: &World) {
    let queue = world.create("q", &[("VisibilityTimeout", "2")]).await;
    world.send(&queue, "a").await;
    same!(world.receive(&queue).await.len(), 1);
    world.pass(1).await;
    same!(world.receive(&queue).await.len(), 0);
    world.pass(1).await;
    let request = world.client.receive_message().queue_url(&queue).visibility_timeout(1);
    same!(request.send().await.answered().messages().len(), 1);
    world.pass(1).await;
    let message = world.receive_one(&queue).await;
    same!(system(&message, "ApproximateReceiveCount").as_deref(), Some("3"));
}

async fn a_message_is_hidden_for_12_hours_at_most(world: &World) {
    let queue = world.create("q", &[]).await;
    world.send(&queue, "a").await;
    let receive = |seconds| {
        let request = world.client.receive_message().queue_url(&queue);
        request.visibility_timeout(seconds).send()
    };
    for seconds in [-1, 43_201] {
        same!(receive(seconds).await.refused(), "InvalidParameterValue", "{seconds} s");
    }
    same!(receive(43_200).await.answered().messages().len(), 1);
    world.pass(43_199).await;
    same!(world.receive(&queue).await.len(), 0);
    world.pass(1).await;
    same!(world.receive(&queue).await.len(), 1);
}

async fn a_delay_is_the_messages_or_else_the_queues(world: &World) {
    let queue = world.create("q", &[("DelaySeconds", "2")]).await;
    world.send(&queue, "queue's").await;
    for (body, delay) in [("none", 0), ("longest", 900)] {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.delay_seconds(delay).send().await.answered();
    }
    same!(world.depth(&queue).await, (1, 0, 2));
    same!(world.bodies(&queue).await, ["none"]);
    world.pass(2).await;
    same!(world.bodies(&queue).await, ["queue's"]);
    for delay in [-1, 901] {
        let request = world.client.send_message().queue_url(&queue).message_body("b");
        let refused = request.delay_seconds(delay).send().await.refused();
        same!(refused, "InvalidParameterValue", "{delay} s");
    }
}

async fn a_message_expires(world: &World) {
    let queue = world.create("q", &[("MessageRetentionPeriod", "60")]).await;
    world.send(&queue, "a").await;
    world.pass(59).await;
    same!(world.depth(&queue).await, (1, 0, 0));
    world.pass(1).await;
    same!(world.receive(&queue).await.len(), 0);
    same!(world.depth(&queue).await, (0, 0, 0));
}

async fn a_wait_ends_at_once_when_a_message_comes(world: &World) {
    let queue = world.create("q", &[]).await;
    let began_ms = world.now_ms();
    let wait = async {
        let request = world.client.receive_message().queue_url(&queue).wait_time_seconds(20);
        request.send().await.answered().messages().len()
    };
    let (received, _) = tokio::join!(wait, world.send(&queue, "a"));
    same!(received, 1);
    let took_ms = world.now_ms() - began_ms;
    assert!(took_ms < 2_000, "expected the message at once, came after {took_ms} ms");
}

async fn a_wait_without_a_message_ends_with_its_time(world: &World) {
    let queue = world.create("q", &[]).await;
    let began_ms = world.now_ms();
    // The test cannot see when the server begins to wait. Therefore it advances the time until the
    // answer is there.
    let pass = async {
        loop {
            world.pass(1).await;
            world.depth(&queue).await;
        }
    };
    let request = world.client.receive_message().queue_url(&queue).wait_time_seconds(2);
    let received = tokio::select! {
        received = request.send() => received.answered(),
        () = pass => unreachable!("it has no end"),
    };
    same!(received.messages().len(), 0);
    let took_ms = world.now_ms() - began_ms;
    assert!(took_ms >= 2_000, "expected a wait of 2 s, came an answer after {took_ms} ms");
}

async fn no_more_than_120_000_messages_are_in_flight(world: &World) {
    let Some(ours) = world.ours() else { rig::skip("needs 120,000 messages in flight") };
    let queue = world.create("q", &[("VisibilityTimeout", "43200")]).await;
    for _ in 0..120_001 {
        let message = NewMessage { body: "b".to_owned(), ..NewMessage::default() };
        ours.send(&queue, message).unwrap();
    }
    same!(ours.receive(&queue, 120_000, Duration::ZERO).await.unwrap().len(), 120_000);
    same!(world.depth(&queue).await, (1, 120_000, 0));
    let request = world.client.receive_message().queue_url(&queue).wait_time_seconds(0);
    let error = request.send().await.refusal().into_service_error();
    assert!(error.is_over_limit(), "expected OverLimit, came {error:?}");
}

async fn attributes_have_three_types_and_custom_suffixes(world: &World) {
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
        .answered();
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
        let message = request.send().await.answered().messages.unwrap().remove(0);
        let attributes = message.message_attributes.unwrap_or_default();
        let mut names: Vec<_> = attributes.keys().map(String::as_str).collect();
        names.sort_unstable();
        expected.sort_unstable();
        same!(names, expected, "{filter}");
        same!(message.attributes, None);
        if filter == "All" {
            same!(attributes["b"], binary);
            same!(attributes["a.number"], text("Number.float", "-1.5"));
            same!(message.md5_of_message_attributes, sent.md5_of_message_attributes);
        }
    }
    let message = world.receive_one(&queue).await;
    same!(system(&message, "AWSTraceHeader").as_deref(), Some(trace));
}

async fn bad_messages_are_refused(world: &World) {
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
        let sent = request.send().await;
        let Err(error) = sent else { panic!("expected {expected} of {body:.20?}, came an answer") };
        same!(error.code(), Some(expected), "{body:.20?}");
        let is_contents = error.into_service_error().is_invalid_message_contents();
        same!(is_contents, expected == "InvalidMessageContents");
    }
    for (name, attribute) in [
        ("AWS.x", text("String", "x")),
        ("a", text("String", "")),
        ("a", text("Number", "x")),
        ("a", text("Text", "x")),
    ] {
        let request = world.client.send_message().queue_url(&queue).message_body("b");
        same!(
            request.message_attributes(name, attribute).send().await.refused(),
            "InvalidParameterValue"
        );
    }
    let mut request = world.client.send_message().queue_url(&queue).message_body("b");
    for n in 0..11 {
        request = request.message_attributes(format!("a{n}"), text("String", "x"));
    }
    same!(request.send().await.refused(), "InvalidParameterValue");
    same!(world.depth(&queue).await, (0, 0, 0));
}

async fn a_mebibyte_is_the_most_with_attributes_included(world: &World) {
    let queue = world.create("q", &[]).await;
    let body = "x".repeat(1_048_576 - "nString".len() - 1);
    let send = |body: String| {
        let request = world.client.send_message().queue_url(&queue).message_body(body);
        request.message_attributes("n", text("String", "v")).send()
    };
    send(body.clone()).await.answered();
    same!(send(body + "x").await.refused(), "InvalidParameterValue");
    same!(world.receive(&queue).await.len(), 1);
}
