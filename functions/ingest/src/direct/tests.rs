//! Invocations without a queue: what is in the inbox afterwards, and what the caller learns.

use event::{Code, FailureKind};
use serde_json::{Value, json};
use testkit::MemoryQueue;

use super::*;
use crate::trigger::Trigger;

const INBOX: &str = "http://h/inbox";

async fn invoke(queue: &MemoryQueue, invocation: &str) -> Result<HandedOver, Refused> {
    let trigger: Trigger = serde_json::from_str(invocation).unwrap();
    let Trigger::Message(message) = trigger else { panic!("{trigger:?}") };
    hand_over(queue, INBOX, &message, &IgnoredCounts::default()).await
}

fn created(key: &str) -> Value {
    json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1, "eTag": "e"}}})
}

fn bodies(queue: &MemoryQueue) -> Vec<String> {
    queue.sent_to(INBOX).into_iter().map(|message| message.body).collect()
}

#[tokio::test]
async fn each_record_is_a_message_of_its_own_and_none_has_attributes() {
    let queue = MemoryQueue::default();
    let two = json!({"Records": [created("o/a.csv"), created("o/b.csv")]});
    let done = invoke(&queue, &two.to_string()).await.unwrap();
    assert_eq!(done, HandedOver { handed_over: 2, ignored: 0 });
    let expected = ["o/a.csv", "o/b.csv"].map(|key| json!({"Records": [created(key)]}).to_string());
    assert_eq!(bodies(&queue), expected);
    assert!(queue.sent_to(INBOX).iter().all(|message| message.attributes.is_empty()));
}

#[tokio::test]
async fn an_event_is_handed_over_as_it_came() {
    let queue = MemoryQueue::default();
    let event = r#"{"detail-type":"orders","source":"com.example","detail":{"n": 1.00,"t":"é"}}"#;
    invoke(&queue, event).await.unwrap();
    assert_eq!(bodies(&queue), [event]);
    // SQS takes all characters but these, which mean the same as escapes.
    invoke(&queue, &event.replace('é', "\u{ffff}")).await.unwrap();
    assert_eq!(bodies(&queue)[1], event.replace('é', "\\uffff"));
}

#[tokio::test]
async fn what_announces_nothing_to_read_stays_out_of_the_inbox() {
    let queue = MemoryQueue::default();
    let mut removed = created("o/a.csv");
    removed["eventName"] = json!("ObjectRemoved:Delete");
    let records = json!({"Records": [removed, created("o/b.csv")]});
    let done = invoke(&queue, &records.to_string()).await.unwrap();
    assert_eq!(done, HandedOver { handed_over: 1, ignored: 1 });
    assert_eq!(bodies(&queue).len(), 1);
}

#[tokio::test]
async fn an_unknown_shape_fails_the_invocation_before_anything_is_sent() {
    let queue = MemoryQueue::default();
    let strange = json!({"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}});
    for invocation in [
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"text\"".to_owned(),
        "1".to_owned(),
        json!({"key1": "value1"}).to_string(),
        json!({"Records": [strange]}).to_string(),
        json!({"Records": [created("o/a.csv"), strange]}).to_string(),
        json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}, strange]}).to_string(),
        json!({"version": "1.0", "httpMethod": "POST", "requestContext": {"httpMethod": "POST"}})
            .to_string(),
        json!({"httpMethod": "POST", "requestContext": {"elb": {}}}).to_string(),
        json!({"awslogs": {"data": ""}}).to_string(),
    ] {
        let Refused(failure) = invoke(&queue, &invocation).await.unwrap_err();
        assert_eq!(failure.code, Code::UnknownDataset, "{invocation}");
        let shown = Diagnostic::from(Refused(failure));
        assert_eq!(shown.error_type, "Ingest.contract.unknown-dataset");
    }
    assert!(bodies(&queue).is_empty());
}

#[tokio::test]
async fn an_inbox_that_takes_nothing_fails_the_invocation() {
    let queue = MemoryQueue::default();
    queue.refuse(|_, message| {
        let refused = message.body.contains("o/b.csv");
        refused.then(|| Failure::transient(Code::DependencyUnavailable, "away"))
    });
    let two = json!({"Records": [created("o/a.csv"), created("o/b.csv")]}).to_string();
    let Refused(failure) = invoke(&queue, &two).await.unwrap_err();
    assert_eq!((failure.code, failure.kind), (Code::DependencyUnavailable, FailureKind::Transient));
}
