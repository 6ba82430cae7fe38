//! Requests that no SDK sends. They get AWS's error, and the next request is answered.
//!
//! Each replaces the body of a valid request before it is signed, so that AWS accepts the
//! signature.

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_smithy_types::body::SdkBody;

use super::World;
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: an_unknown_operation_is_refused, malformed_json_is_refused, wrong_types_are_refused,
    a_queue_that_is_not_named_is_missed);

/// Sends a body unchanged, and expects a 400 with one of the codes.
async fn check(world: &World, operation: &'static str, body: &str, expected: &[&str]) {
    let (length, body) = (body.len().to_string(), body.to_owned());
    let request = world.client.list_queues().customize().mutate_request(move |request| {
        *request.body_mut() = SdkBody::from(body.clone());
        let headers = request.headers_mut();
        headers.insert("content-length", length.clone());
        headers.insert("x-amz-target", format!("AmazonSQS.{operation}"));
    });
    let error = match request.send().await {
        Err(error) => error,
        Ok(_) => panic!("{operation}: expected one of {expected:?}, came an answer"),
    };
    let Some(response) = error.raw_response() else { panic!("{operation}: came no answer at all") };
    let (status, code) = (response.status().as_u16(), error.code().unwrap_or_default());
    assert!(
        status == 400 && expected.contains(&code),
        "{operation}: expected 400 and one of {expected:?}, came {status} and {code:?}",
    );
    world.client.list_queues().send().await.answered();
}

async fn an_unknown_operation_is_refused(world: &World) {
    let unknown = ["UnknownOperationException", "InvalidAction"];
    check(world, "Nonsense", "{}", &unknown).await;
    check(world, "", "{}", &unknown).await;
}

async fn malformed_json_is_refused(world: &World) {
    for body in ["{", "{\"QueueName\":", "[]", "\u{0}", &"[".repeat(10_000)] {
        check(world, "CreateQueue", body, &["SerializationException"]).await;
    }
}

async fn wrong_types_are_refused(world: &World) {
    let queue = world.create("q", &[]).await;
    for (operation, members) in [
        ("SendMessage", r#""MessageBody":7"#),
        ("SendMessage", r#""MessageBody":{}"#),
        ("SendMessage", r#""MessageBody":"b","DelaySeconds":"soon""#),
        ("SendMessage", r#""MessageBody":"b","MessageAttributes":[]"#),
        ("ReceiveMessage", r#""MaxNumberOfMessages":99999999999999999999"#),
        ("ReceiveMessage", r#""MaxNumberOfMessages":true"#),
        ("SendMessageBatch", r#""Entries":{}"#),
    ] {
        let body = format!(r#"{{"QueueUrl":"{queue}",{members}}}"#);
        check(world, operation, &body, &["SerializationException"]).await;
    }
    same!(world.depth(&queue).await, (0, 0, 0));
}

async fn a_queue_that_is_not_named_is_missed(world: &World) {
    let missing = ["MissingParameter", "MissingRequiredParameterException"];
    check(world, "SendMessage", r#"{"MessageBody":"b"}"#, &missing).await;
    check(world, "CreateQueue", "{}", &missing).await;
}
