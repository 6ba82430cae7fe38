//! Injected faults, as the official SDKs and functions see them.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use bytes::Bytes;
use faults::{Fault, Plan};
use http::{Request, StatusCode};
use serde_json::json;
use sluicegate_local_emulation::{Emulation, Options};

use super::front::{ask, send};
use super::{Root, TEMPLATE, message, queue_name};

async fn start(rules: &str) -> Emulation {
    let root = Root::new(TEMPLATE);
    let faults = Plan::parse(&format!("seed: 7\nfaults: [{rules}]")).unwrap();
    Emulation::start(Options { faults, ..root.options() }).await.unwrap()
}

pub(super) fn config(world: &Emulation) -> aws_types::SdkConfig {
    let variables = std::collections::BTreeMap::from([
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "producer"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL", world.endpoint()),
    ]);
    let config = aws::sdk_config(&variables).unwrap().into_builder();
    config.retry_config(RetryConfig::disabled()).build()
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}

/// The error codes that the SDKs of SQS, DynamoDB and S3 read.
async fn codes(rule: &str) -> [String; 3] {
    let world = start(rule).await;
    let config = config(&world);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build(),
    );
    let queue = queue_name(&world, "Dead");
    let sent = sqs.send_message().queue_url(&queue).message_body("a").send().await;
    let item = dynamodb.put_item().table_name("records").item("pk", AttributeValue::S("a".into()));
    let put = s3.put_object().bucket("landing").key("a").send().await;
    let codes =
        [code(&sent.unwrap_err()), code(&item.send().await.unwrap_err()), code(&put.unwrap_err())];
    world.shutdown().await;
    codes
}

#[tokio::test]
async fn a_refusal_is_the_service_s_own() {
    for (fault, expected) in [
        ("throttle", ["RequestThrottled", "ProvisionedThroughputExceededException", "SlowDown"]),
        ("error", ["InternalFailure", "InternalServerError", "InternalError"]),
        ("expired-credentials", ["ExpiredTokenException", "ExpiredTokenException", "ExpiredToken"]),
        ("reset", ["no answer"; 3]),
    ] {
        assert_eq!(codes(&format!("{{fault: {fault}}}")).await, expected, "{fault}");
    }
}

#[tokio::test]
async fn a_request_whose_answer_is_lost_has_taken_effect_and_one_that_is_reset_has_not() {
    for (fault, expected) in [("lost-answer", 1), ("reset", 0)] {
        let world = start(&format!("{{fault: {fault}, on: sqs.SendMessage}}")).await;
        let sqs = aws_sdk_sqs::Client::new(&config(&world));
        let queue = queue_name(&world, "Dead");
        let sent = sqs.send_message().queue_url(&queue).message_body("a").send().await;
        assert!(matches!(sent, Err(SdkError::DispatchFailure(_))), "{sent:?}");
        assert_eq!(world.sqs().depth(&queue).unwrap().visible, expected, "{fault}");
        world.shutdown().await;
    }
}

#[tokio::test]
async fn a_batch_fails_in_part_and_the_rest_is_sent() {
    let world = start("{fault: partial}").await;
    let sqs = aws_sdk_sqs::Client::new(&config(&world));
    let queue = queue_name(&world, "Dead");
    let entries = (0..10).map(|n| {
        let entry = SendMessageBatchRequestEntry::builder().id(n.to_string());
        entry.message_body(n.to_string()).build().unwrap()
    });
    let call = sqs.send_message_batch().queue_url(&queue).set_entries(Some(entries.collect()));
    let answer = call.send().await.unwrap();
    assert!((1..10).contains(&answer.failed.len()), "{answer:?}");
    assert_eq!(answer.failed.len() + answer.successful.len(), 10);
    assert!(
        answer.failed.iter().all(|failed| !failed.sender_fault && failed.code == "InternalError")
    );
    assert_eq!(world.sqs().depth(&queue).unwrap().visible, answer.successful.len());
    world.shutdown().await;
}

#[tokio::test]
async fn a_transaction_meets_another_one() {
    let world = start("{fault: conflict}").await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config(&world));
    let put = |pk: &str| {
        let put = Put::builder().table_name("records").item("pk", AttributeValue::S(pk.into()));
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let call = dynamodb.transact_write_items().transact_items(put("a")).transact_items(put("b"));
    let cancelled = call.send().await.unwrap_err().into_service_error();
    let reasons = match &cancelled {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(why) => {
            why.cancellation_reasons()
        }
        other => panic!("{other:?}"),
    };
    let mut codes: Vec<_> = reasons.iter().filter_map(|reason| reason.code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["None", "TransactionConflict"]);
    assert!(world.dynamodb().scan_all("records").unwrap().is_empty());
    world.shutdown().await;
}

/// Invokes `echo` until the fault happens, and returns the error.
async fn killed(rule: &str) -> String {
    let world = start(rule).await;
    let answer = world.lambda().invoke("echo", Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(world.adversary().tally()[&Fault::Kill], 1);
    assert!(answer.function_error.is_some(), "{answer:?}");
    let after = world.lambda().invoke("echo", Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(after.function_error, None, "the next environment is sound");
    world.shutdown().await;
    String::from_utf8(answer.payload.to_vec()).unwrap()
}

#[tokio::test]
async fn a_function_is_killed_at_its_start_with_its_work_or_with_its_answer() {
    for point in ["start", "taken", "answer"] {
        let answer = killed(&format!("{{fault: kill, on: echo, at: {point}, times: 1}}")).await;
        assert!(answer.contains("signal: killed"), "{point}: {answer}");
    }
}

#[tokio::test]
async fn a_message_that_is_delivered_twice_reaches_its_function_twice() {
    let world = start("{fault: twice, on: Inbox, times: 1, by: 5s}").await;
    let inbox = queue_name(&world, "Inbox");
    world.sqs().send(&inbox, message("{}")).unwrap();
    world.settle(std::time::Duration::from_secs(30)).await.unwrap();
    let mapping =
        world.mappings().iter().find(|mapping| mapping.queue() == Some(inbox.as_str())).unwrap();
    assert_eq!(mapping.mapping.counters().records, 2);
    world.shutdown().await;
}

#[tokio::test]
async fn an_environment_has_a_clock_of_its_own() {
    let world = start("{fault: clock-skew, by: 60s}").await;
    let asked = Bytes::from_static(br#"{"do":"variables"}"#);
    let answer = world.lambda().invoke("echo", asked).await.unwrap();
    let variables: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    let offset: i64 = variables["SLUICEGATE_CLOCK_OFFSET_MS"].as_str().unwrap().parse().unwrap();
    assert!(offset != 0 && offset.abs() <= 60_000, "{offset}");
    // The skew stays the same when time passes.
    world.pass(Duration::from_secs(600));
    let asked = Bytes::from_static(br#"{"do":"context"}"#);
    let answer = world.lambda().invoke("echo", asked).await.unwrap();
    let context: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    let told = &context["clientContext"]["custom"]["sluicegate-clock-offset-ms"];
    assert_eq!(told, &(offset + 600_000).to_string());
    assert_eq!(world.lambda().environments("echo").len(), 1);
    world.shutdown().await;
}

#[tokio::test]
async fn rules_are_told_added_and_removed_while_it_runs() {
    let world = start("{fault: slow, by: 1ms}").await;
    const FAULTS: &str = "/_sluicegate/faults";
    let (status, added) =
        ask(&world, FAULTS, "faults: [{fault: error, on: s3, for: 30s, chance: 0.5}]").await;
    assert_eq!((status, added), (StatusCode::OK, json!({ "added": [2] })));
    let url = format!("{}{FAULTS}", world.endpoint());
    let empty = |request: http::request::Builder| send(request.body(String::new()).unwrap());
    let (_, told) = empty(Request::get(&url)).await;
    assert_eq!(told["faults"][0]["fault"], "slow");
    assert_eq!(told["faults"][1]["on"], "s3");
    assert_eq!(told["faults"][1]["left_ms"], 30_000);
    let (status, refused) = ask(&world, FAULTS, "faults: [{fault: eror}]").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["message"].as_str().unwrap().contains("line 1"), "{refused}");
    let (status, _) = empty(Request::delete(format!("{url}/9"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = empty(Request::delete(&url).header("origin", "http://evil.example")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, removed) = empty(Request::delete(&url)).await;
    assert_eq!((status, removed), (StatusCode::OK, json!({ "removed": 2 })));
    assert!(world.adversary().status().is_empty());
    world.shutdown().await;
}

/// A caller that counts the entries of the answer counts too few: there may be more in the queue.
#[tokio::test]
async fn entries_that_a_batch_s_answer_leaves_out_were_sent_or_not() {
    let (mut left_out, mut sent_unheard) = (0, 0);
    let world = start("{fault: unlisted}").await;
    let sqs = aws_sdk_sqs::Client::new(&config(&world));
    let queue = queue_name(&world, "Dead");
    for count in [10, 10, 10, 3, 1, 1, 1, 1] {
        let before = world.sqs().depth(&queue).unwrap().visible;
        let entries = (0..count).map(|n| {
            let entry = SendMessageBatchRequestEntry::builder().id(n.to_string());
            entry.message_body(n.to_string()).build().unwrap()
        });
        let call = sqs.send_message_batch().queue_url(&queue).set_entries(Some(entries.collect()));
        let answer = call.send().await.unwrap();
        assert!(answer.failed.is_empty() && answer.successful.len() < count, "{answer:?}");
        let sent = world.sqs().depth(&queue).unwrap().visible - before;
        assert!(sent >= answer.successful.len(), "told to be sent and not there");
        left_out += count - answer.successful.len();
        sent_unheard += sent - answer.successful.len();
    }
    assert!(0 < sent_unheard && sent_unheard < left_out, "{sent_unheard} of {left_out} were sent");
    world.shutdown().await;
}
